import { PostHog } from 'posthog-node';

export function start({ url, key, events, variant }) {
  if (variant) process.env.POSTHOG_CAPTURE_MODE = variant;
  const posthog = new PostHog(key, { host: url, flushAt: 10, flushInterval: 500, fetchRetryCount: 20, fetchRetryDelay: 200 });
  for (const { name, user, time, properties } of events) posthog.capture({ distinctId: user, event: name, timestamp: time, properties });
  posthog.identify({ distinctId: 'user-0', properties: { plan: 'pro' } });
  return () => posthog.shutdown(20_000);
}
