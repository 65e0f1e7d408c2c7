// Lists of the account service, and what changes them.
import { createQuery, useQueryClient } from '@tanstack/svelte-query';
import { send } from './api';

/** The list at a path, which is not asked for where the user may not see it. */
export function list<Row, Page extends { data: Row[] } = { data: Row[] }>(path: () => string, allowed = () => true) {
  return createQuery(() => ({
    queryKey: ['list', path()],
    queryFn: () => send<Page>('GET', path()),
    staleTime: 10_000,
    enabled: allowed(),
  }));
}

/** A change that is under way, and what became of it. */
export function action() {
  const client = useQueryClient();
  let busy = $state(false);
  let error = $state<Error>();
  return {
    get busy() {
      return busy;
    },
    get error() {
      return error;
    },
    /** Forgets what became of the last one. */
    clear(): void {
      error = undefined;
    },
    /** Does it, reads all lists again and tells whether it succeeded. */
    async run(change: () => Promise<unknown>): Promise<boolean> {
      busy = true;
      error = undefined;
      try {
        await change();
        await client.invalidateQueries({ queryKey: ['list'] });
        return true;
      } catch (cause) {
        error = cause as Error;
        return false;
      } finally {
        busy = false;
      }
    },
  };
}
