import { createTracker, type Options, type Tracker } from './index';

/** A call before the script is there: ['track', 'signed_up']. An array has them until then. */
type Call = [keyof Tracker, ...unknown[]];

// <script defer src="https://analytics.example/tracker.js" data-key="ea_…"></script>
const script = document.currentScript as HTMLScriptElement;
const { key, host, remember, dnt, pages, hash } = script.dataset;
const page = window as unknown as { tracker?: Call[] | (Tracker & { push(call: Call): void }) };
const early = page.tracker;
// A page may have the script twice: the first one counts.
if (!(early as Tracker | undefined)?.track) {
  const tracker = createTracker({
    key: key!,
    host: host ?? new URL(script.src).origin,
    remember: remember as Options['remember'],
    dnt: dnt !== undefined,
    pages: pages !== 'off',
    path: hash === undefined ? undefined : () => location.pathname + location.hash,
  });
  const push = ([name, ...args]: Call) => (tracker[name] as (...args: unknown[]) => unknown)(...args);
  page.tracker = { ...tracker, push };
  if (Array.isArray(early)) early.forEach(push);
}
