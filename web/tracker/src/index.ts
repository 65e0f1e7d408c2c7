import { watchPages } from './pages';
import { createQueue } from './queue';
import { createSender } from './sender';
import { uuidv7 } from './uuid';

/** What an event tells of itself: anything that JSON has. */
export type Properties = Record<string, unknown>;

export interface Options {
  /** An API key of scope browser. */
  key: string;
  /** Address of the service, such as https://analytics.example. */
  host: string;
  /**
   * What is kept in the browser.
   * - nothing: not even events that wait; a visitor is new on each page that is loaded
   * - unsent: events, until they are delivered (default); a visitor as before
   * - session: also the visitor, as long as the tab is open
   * - visitor: also the visitor, until reset or the browser forgets
   */
  remember?: 'nothing' | 'unsent' | 'session' | 'visitor';
  /** Does nothing at all in browsers that send Do Not Track or Global Privacy Control. */
  dnt?: boolean;
  /** Records page views; true by default. */
  pages?: boolean;
  /**
   * What a page is called: a page view is recorded when this changes. By default
   * location.pathname, so that what is in the query stays in the browser.
   */
  path?: () => string;
  /** Is told of events that are given up, and why. By default the console is warned. */
  onDrop?: (reason: string, events: unknown[]) => void;
}

export interface Tracker {
  /** Records an event and returns its id, or '' if it is not recorded. */
  track(type: string, properties?: Properties): string;
  /** Records a page view: where pages are recorded automatically, one more. */
  page(properties?: Properties): string;
  /** Says who the visitor is: from here on events are of this user. */
  identify(userId: string | number, traits?: Properties): string;
  /** Forgets the user and makes a new visitor, for when somebody logs out. */
  reset(): void;
  /** Sends now what waits; ends when it is delivered, or at the first failure. */
  flush(): Promise<void>;
}

interface Visitor {
  anonymousId: string;
  userId?: string;
}

/** Makes a tracker. Use one a page. */
export function createTracker(options: Options): Tracker {
  const { key, remember = 'unsent', onDrop = (reason, events) => console.warn('tracker: dropped', reason, events) } = options;
  if (options.dnt && (navigator.doNotTrack === '1' || (navigator as { globalPrivacyControl?: boolean }).globalPrivacyControl)) {
    return { track: () => '', page: () => '', identify: () => '', reset: () => {}, flush: async () => {} };
  }
  const path = options.path ?? (() => location.pathname);
  const prefix = key + ':';
  const item = prefix + 'visitor';
  const local = storage('localStorage');
  const session = storage('sessionStorage');
  const kept = remember === 'visitor' ? local : remember === 'session' ? session : undefined;
  // A consent that was taken back.
  for (const other of [local, session]) if (other !== kept) other?.removeItem(item);
  if (remember === 'nothing') for (const name of Object.keys(local ?? {})) if (name.startsWith(prefix)) local!.removeItem(name);
  const queue = createQueue(remember === 'nothing' ? undefined : local, prefix);
  const sender = createSender(options.host.replace(/\/+$/, ''), key, queue, onDrop);

  let visitor = recall() ?? keep(fresh());
  let referrer: string | undefined = withoutQuery(document.referrer);

  function recall(): Visitor | undefined {
    try {
      const { anonymousId, userId } = JSON.parse(kept!.getItem(item)!);
      if (anonymousId) return { anonymousId, userId };
    } catch {
      // Nothing is kept, or not what we wrote.
    }
    return undefined;
  }

  function keep(now: Visitor): Visitor {
    try {
      kept?.setItem(item, JSON.stringify(now));
    } catch {
      // The storage is full: the visitor is new on the next page.
    }
    return now;
  }

  /** The id and the time are made here, once, so that every retry sends the same event. */
  function add(message: object): string {
    const id = uuidv7();
    const whole = { ...message, ...visitor, messageId: id, timestamp: new Date() };
    try {
      if (queue.add(id, JSON.stringify(whole))) {
        sender.soon();
        return id;
      }
      onDrop('too many events wait', [whole]);
    } catch (error) {
      onDrop(String(error), [whole]); // what JSON cannot have, such as a circle
    }
    return '';
  }

  const place = () => ({ $url: location.origin + path(), $path: path() });

  function page(properties?: Properties): string {
    const here = place();
    const id = add({ type: 'page', properties: { ...campaign(), ...here, $referrer: referrer, ...properties } });
    referrer = here.$url;
    return id;
  }

  const tracker: Tracker = {
    track: (event, properties) => add({ type: 'track', event, properties: { ...place(), ...properties } }),
    page,
    identify(userId, traits) {
      visitor = keep({ ...visitor, userId: String(userId) });
      return add({ type: 'identify', traits });
    },
    reset() {
      visitor = keep(fresh());
    },
    flush: sender.flush,
  };
  if (kept) {
    // Somebody logged in or out in another tab. What was cleared is not stored again by this.
    const again = () => (visitor = recall() ?? fresh());
    addEventListener('storage', (event) => (event.key === item || event.key === null) && again());
    // Pages in the browser's cache are not told. This is before the view that watchPages records.
    addEventListener('pageshow', (event) => event.persisted && again());
  }
  // A page that identifies its visitor at once has its first view by that user.
  if (options.pages !== false) queueMicrotask(() => watchPages(path, () => page()));
  return tracker;
}

const fresh = (): Visitor => ({ anonymousId: uuidv7() });

/** A storage, unless the page may not use it. */
function storage(name: 'localStorage' | 'sessionStorage'): Storage | undefined {
  try {
    return window[name];
  } catch {
    return undefined;
  }
}

/** Queries of addresses are often secret. */
function withoutQuery(url: string): string | undefined {
  return url.split(/[?#]/)[0] || undefined;
}

/** The parameters by which links of campaigns say where a visitor comes from. */
function campaign(): Properties {
  return Object.fromEntries([...new URLSearchParams(location.search)].filter(([name]) => name.startsWith('utm_')));
}
