import { OpenPanel } from '@openpanel/web';
import { record } from '../page.js';

record(async ({ url, key, variant, before, after }) => {
  const filter = (p) => (p.payload.properties && (p.payload.properties.__event_id ??= crypto.randomUUID()), true);
  const panel = new OpenPanel({ apiUrl: url, clientId: key, ...(variant === 'ids' && { filter }) });
  const track = ({ name, time, properties }) => panel.track(name, { ...properties, ...(time && { __timestamp: time.toISOString() }) });
  for (const event of before) await track(event);
  await panel.identify({ profileId: 'ann', properties: { plan: 'pro' } });
  for (const event of after) await track(event);
});
