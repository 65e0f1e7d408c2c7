// Variant "ids" has the filter of docs/sdks/openpanel.md, which gives each event an id.
import { randomUUID } from 'node:crypto';
import { OpenPanel } from '@openpanel/sdk';

export async function start({ url, key, events, variant }) {
  const filter = (p) => (p.payload.properties && (p.payload.properties.__event_id ??= randomUUID()), true);
  const panel = new OpenPanel({ apiUrl: url, clientId: key, clientSecret: key, ...(variant === 'ids' && { filter }) });
  for (const { name, user, time, properties } of events) {
    await panel.track(name, { profileId: user, ...(time && { __timestamp: time.toISOString() }), ...properties });
  }
  await panel.identify({ profileId: 'user-0', properties: { plan: 'pro' } });
}
