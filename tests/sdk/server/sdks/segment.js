import { Analytics } from '@segment/analytics-node';

export function start({ url, key, events }) {
  const analytics = new Analytics({ writeKey: key, host: url, flushAt: 10, flushInterval: 500, maxRetries: 20 });
  for (const { name, user, time, properties } of events) analytics.track({ userId: user, event: name, timestamp: time, properties });
  analytics.identify({ userId: 'user-0', traits: { plan: 'pro' } });
  return () => analytics.closeAndFlush({ timeout: 20_000 });
}
