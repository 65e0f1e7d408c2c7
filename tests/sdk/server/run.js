// Records the known set by one SDK, as an application would: run.js '{"sdk", "variant",
// "url", "key", "count", "base", "run"}'. It says "recorded", and ends the SDK in the way
// that its documentation names once standard input ends.
import { eventsOf } from '../event.js';

const run = JSON.parse(process.argv[2]);
const { start } = await import(`./sdks/${run.sdk}.js`);
const close = await start({ ...run, events: eventsOf(run) });
console.log('recorded');
for await (const _ of process.stdin);
await close?.();
process.exit(); // some keep timers
