// What the pages share.
import { eventsOf } from '../event.js';

const run = JSON.parse(decodeURIComponent(location.hash.slice(1)));

/**
 * Lets an SDK record the known set: the first five events before anybody has logged in.
 * @param {(run: object) => unknown} start is given the events of both parts
 */
export async function record(start) {
  const events = eventsOf(run);
  await start({ ...run, before: events.slice(0, 5), after: events.slice(5) });
  window.recorded = true;
}
