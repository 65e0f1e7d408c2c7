import mixpanel from 'mixpanel-browser';
import { record } from '../page.js';

const variants = {
  beacon: { api_transport: 'sendBeacon' },
  json: { api_payload_format: 'json' },
  single: { batch_requests: false },
};

record(({ url, key, variant, before, after }) => {
  mixpanel.init(key, { api_host: url, batch_flush_interval_ms: 500, ...variants[variant] });
  const track = ({ name, time, properties }) => mixpanel.track(name, { ...properties, ...(time && { time: time.getTime() / 1000 }) });
  before.forEach(track);
  mixpanel.identify('ann');
  mixpanel.people.set({ plan: 'pro' });
  after.forEach(track);
});
