import { buildSelfDescribingEvent, newTracker } from '@snowplow/node-tracker';

export function start({ url, key, events }) {
  const tracker = newTracker({ namespace: 'sp', appId: key }, { endpoint: url, bufferSize: 10, eventMethod: 'post' });
  for (const { name, user, time, properties } of events) {
    tracker.setUserId(user);
    const event = { schema: `iglu:com.acme/${name}/jsonschema/1-0-0`, data: properties };
    tracker.track(buildSelfDescribingEvent({ event }), undefined, time && { type: 'ttm', value: time.getTime() });
  }
  const flushing = setInterval(() => tracker.flush(), 500); // what failed is sent with the next
  return () => {
    clearInterval(flushing);
    tracker.flush();
  };
}
