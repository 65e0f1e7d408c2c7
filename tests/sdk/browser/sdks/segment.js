import { AnalyticsBrowser } from '@segment/analytics-next';
import { record } from '../page.js';

record(async ({ url, key, variant, before, after }) => {
  const { host, protocol } = new URL(url);
  const deliveryStrategy = variant === 'batching' ? { strategy: 'batching', config: { size: 10, timeout: 500 } } : undefined;
  const analytics = AnalyticsBrowser.load(
    { writeKey: key, cdnURL: url },
    { integrations: { 'Segment.io': { apiHost: `${host}/v1`, protocol: protocol.slice(0, -1), deliveryStrategy } } },
  );
  const track = ({ name, time, properties }) => analytics.track(name, properties, time && { timestamp: time });
  before.forEach(track);
  analytics.identify('ann', { plan: 'pro' });
  after.forEach(track);
});
