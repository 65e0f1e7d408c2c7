import { jitsuAnalytics } from '@jitsu/js';
import { record } from '../page.js';

record(async ({ url, key, before, after }) => {
  const jitsu = jitsuAnalytics({ host: url, writeKey: `name:${key}` });
  const sent = (call) => call.catch(() => {}); // it sends once
  for (const { name, properties } of before) await sent(jitsu.track(name, properties));
  await sent(jitsu.identify('ann', { plan: 'pro' }));
  for (const { name, properties } of after) await sent(jitsu.track(name, properties));
});
