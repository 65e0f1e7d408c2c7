import { flushBuffer, newTracker, setUserId, trackSelfDescribingEvent } from '@snowplow/browser-tracker';
import { record } from '../page.js';

record(({ url, key, variant, before, after }) => {
  newTracker('sp', url, { appId: key, eventMethod: variant ?? 'post', connectionTimeout: 20_000 });
  const track = ({ name, time, properties }) => trackSelfDescribingEvent({
    event: { schema: `iglu:com.acme/${name}/jsonschema/1-0-0`, data: properties },
    timestamp: time && { type: 'ttm', value: time.getTime() },
  });
  before.forEach(track);
  setUserId('ann');
  after.forEach(track);
  setInterval(flushBuffer, 500); // what failed is sent with the next
});
