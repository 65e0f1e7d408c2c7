import { RudderAnalytics } from '@rudderstack/analytics-js/bundled';
import { record } from '../page.js';

record(({ url, key, variant, before, after }) => {
  const analytics = new RudderAnalytics();
  analytics.load(key, url, { configUrl: url, ...(variant === 'beacon' && { useBeacon: true, beaconQueueOptions: { flushQueueInterval: 500 } }) });
  const track = ({ name, time, properties }) => analytics.track(name, properties, time && { originalTimestamp: time.toISOString() });
  before.forEach(track);
  analytics.identify('ann', { plan: 'pro' });
  after.forEach(track);
});
