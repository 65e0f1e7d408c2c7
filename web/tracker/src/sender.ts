import type { Queue } from './queue';

/** How long events wait for others to share their request, in ms. */
const gather = 1_000;

/** The first and the longest pause after a failure, in ms. */
const firstPause = 1_000;
const longestPause = 60_000;

/** Answers by which the service says that the same request can never succeed. */
const final = [400, 401, 403, 413];

export interface Sender {
  /** Sends soon. */
  soon(): void;
  /** Sends what waits, until it is delivered or an attempt fails. */
  flush(): Promise<void>;
}

/**
 * Sends the events of a queue to POST /v1/batch, with the key in the body: a text in a
 * POST needs no preflight, and a beacon can carry it. An event leaves the queue by an
 * answer alone. A beacon has none, so what it took is sent again, with the same id, by
 * the next request of this page or the next.
 */
export function createSender(host: string, key: string, queue: Queue, onDrop: (reason: string, events: unknown[]) => void): Sender {
  const url = host + '/v1/batch';
  const beaconed = new Set<string>();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let sending: Promise<void> | undefined;
  let failures = 0;

  const body = (ids: string[]) =>
    `{"writeKey":${JSON.stringify(key)},"sentAt":"${new Date().toISOString()}","batch":[${ids.map(queue.json)}]}`;

  const schedule = (wait: number) => {
    timer ??= setTimeout(flush, wait);
  };

  function flush() {
    clearTimeout(timer);
    timer = undefined;
    return (sending ??= send().finally(() => (sending = undefined)));
  }

  async function send() {
    while (queue.size()) {
      const ids = queue.batch();
      let pause: number;
      try {
        const answer = await fetch(url, { method: 'POST', body: body(ids), credentials: 'omit', signal: AbortSignal.timeout?.(30_000) });
        if (answer.ok ? (await answer.json()).success === true : final.includes(answer.status)) {
          const refusal = answer.ok ? '' : `${answer.status} ${await answer.text()}`;
          const events = refusal ? ids.map((id) => JSON.parse(queue.json(id))) : [];
          queue.remove(ids);
          ids.forEach((id) => beaconed.delete(id));
          failures = 0;
          if (refusal) onDrop(refusal, events);
          continue;
        }
        pause = Number(answer.headers.get('Retry-After')) * 1_000 || 0;
      } catch {
        pause = 0; // no answer, or none of the service: offline, most often, whatever navigator.onLine says
      }
      clearTimeout(timer); // of an event that was recorded meanwhile: it waits as well
      timer = undefined;
      const most = Math.min(firstPause * 2 ** failures++, longestPause);
      schedule(Math.max(pause, most / 2 + (Math.random() * most) / 2));
      return;
    }
  }

  /** Sends what is not sent yet when the page may end at any moment. */
  function beacon() {
    for (let ids; (ids = queue.batch(beaconed)).length && navigator.sendBeacon?.(url, body(ids)); ) {
      ids.forEach((id) => beaconed.add(id));
    }
  }

  document.addEventListener('visibilitychange', () => document.visibilityState === 'hidden' && beacon());
  addEventListener('pagehide', beacon);
  addEventListener('online', flush);
  if (queue.size()) schedule(0);
  return { soon: () => schedule(gather), flush };
}
