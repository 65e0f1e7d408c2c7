// Lists that are read page by page. The first page is a question of its own, asked
// again while it is alone; once there is a second, all rows stay as they were read:
// rows that move between pages would be missing or there twice.
import { ask } from './api';
import { complete } from './question.svelte';

export const pageSize = 100;

/** The pages after the first, forgotten when the question changes. */
export function paged<Row>(route: () => string, query: () => object, after: (last: Row) => string) {
  const key = $derived(JSON.stringify([route(), complete(query())]));
  let kept = $state.raw<{ key: string; rows: Row[]; ended: boolean }>();
  let loading = $state(false);
  let error = $state<Error>();
  const current = $derived(kept?.key === key ? kept : undefined);
  return {
    get loading() {
      return loading;
    },
    get error() {
      return error;
    },
    /** Whether there are pages after the first. */
    get several() {
      return current !== undefined;
    },
    rows: (first: Row[]): Row[] => current?.rows ?? first,
    hasMore: (first: Row[]): boolean => (current ? !current.ended : first.length >= pageSize),
    /** Reads the next page; first must be of the present question, not what is shown until its answer is there. */
    async more(first: Row[]): Promise<void> {
      const asked = key;
      const rows = current?.rows ?? first;
      loading = true;
      error = undefined;
      try {
        const { data } = await ask<Row>(route(), complete({ ...query(), after: after(rows.at(-1)!) }));
        kept = { key: asked, rows: [...rows, ...data], ended: data.length < pageSize };
      } catch (cause) {
        if (asked === key) error = cause as Error;
      } finally {
        loading = false;
      }
    },
  };
}
