import RudderAnalytics from '@rudderstack/rudder-sdk-node';

export function start({ url, key, events }) {
  const analytics = new RudderAnalytics(key, { dataPlaneUrl: url, flushAt: 10, flushInterval: 500, retryCount: 20 });
  for (const { name, user, time, properties } of events) analytics.track({ userId: user, event: name, timestamp: time, properties });
  analytics.identify({ userId: 'user-0', traits: { plan: 'pro' } });
  return () => analytics.flush();
}
