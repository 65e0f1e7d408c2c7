// The known set: what each SDK records, as the check in Go expects it.

const text = 'héllo ✓ "q" \\ 😀';

/** An identifier of event n that is in the request that carries it, however it is coded. */
const mark = (n) => `mark-${String(n).padStart(3, '0')}`;

/**
 * The events of a run. Every fourth has a time of its own, two days back; the others
 * happen now.
 * @param {{ count: number, base: number, run: string }} run base is the time of event 0, in ms
 */
export function eventsOf({ count, base, run }) {
  return Array.from({ length: count }, (_, n) => ({
    n,
    id: `${run}-0000-4000-8000-${String(n).padStart(12, '0')}`,
    name: `order_${n % 3}`,
    user: `user-${n % 5}`,
    time: n % 4 === 0 ? new Date(base + n * 1000) : undefined,
    properties: { mark: mark(n), n, price: n + 0.75, text, nested: { list: [1, 'two', null], on: true } },
  }));
}
