// The SDK does not try again: it tells the caller, which does. Variants: "track" gives each
// event an id and a time, "import" sends batches, "plain" gives nothing.
import { promisify } from 'node:util';
import Mixpanel from 'mixpanel';
import { untilSent } from '../again.js';

export async function start({ url, key, events, variant }) {
  const { host, protocol } = new URL(url);
  const mixpanel = Mixpanel.init(key, { host, protocol: protocol.slice(0, -1), ...(variant === 'import' && { key }) });
  const now = Date.now();
  const identified = ({ id, user, time, properties }) => ({ distinct_id: user, time: time ?? new Date(now), $insert_id: id, ...properties });
  if (variant === 'import') {
    const batch = events.map((event) => ({ event: event.name, properties: identified(event) }));
    await untilSent(() => importAll(mixpanel, batch));
    return;
  }
  const track = promisify(mixpanel.track.bind(mixpanel));
  const properties = variant === 'plain' ? ({ user, properties }) => ({ distinct_id: user, ...properties }) : identified;
  for (const event of events) {
    const sent = properties(event);
    await untilSent(() => track(event.name, { ...sent }));
  }
  await untilSent(() => promisify(mixpanel.people.set.bind(mixpanel.people))('user-0', { plan: 'pro' }));
}

/** Rejects with the first error of a batch. */
function importAll(mixpanel, batch) {
  return new Promise((sent, failed) => {
    mixpanel.import_batch(structuredClone(batch), { max_batch_size: 10 }, (errors) => (errors ? failed(errors[0]) : sent()));
  });
}
