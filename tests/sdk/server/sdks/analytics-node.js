import Analytics from 'analytics-node';

export function start({ url, key, events }) {
  const analytics = new Analytics(key, { host: url, flushAt: 10, flushInterval: 500, retryCount: 20 });
  for (const { name, user, time, properties } of events) analytics.track({ userId: user, event: name, timestamp: time, properties });
  analytics.identify({ userId: 'user-0', traits: { plan: 'pro' } });
  return () => analytics.flush();
}
