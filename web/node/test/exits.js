// A program that records two events and ends: without a word, by close, or by process.exit.
import { Analytics } from '../index.js';

const [host, key, how] = process.argv.slice(2);
const analytics = new Analytics({ host, key, exitTimeout: 20_000 });
analytics.track('ann', `exit_${how}`, { n: 1 });
analytics.track('ann', `exit_${how}`, { n: 2 });
if (how === 'close') await analytics.close();
if (how === 'exit') process.exit();
