import { createInstance, Identify } from '@amplitude/analytics-node';

export async function start({ url, key, events, variant }) {
  const amplitude = createInstance();
  const batch = variant === 'batch';
  await amplitude.init(key, {
    serverUrl: `${url}${batch ? '/batch' : '/2/httpapi'}`, useBatch: batch, flushQueueSize: 10, flushIntervalMillis: 500, logLevel: 0,
  }).promise;
  for (const { name, user, time, properties } of events) {
    amplitude.track(name, properties, { user_id: user, ...(time && { time: time.getTime() }) });
  }
  amplitude.identify(new Identify().set('plan', 'pro'), { user_id: 'user-0' });
  return () => amplitude.flush().promise;
}
