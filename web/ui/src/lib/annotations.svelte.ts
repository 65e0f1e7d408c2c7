// The project's annotations in a range of dates.
import { createQuery } from '@tanstack/svelte-query';
import { send, type Schemas } from './api';
import { scope } from './scope.svelte';

export type Annotation = Schemas['Annotation'];

export const annotationsPath = () => `/api/projects/${scope.project?.id}/annotations`;

export function annotations(range: () => { from: string; to: string }, zone: () => string) {
  return createQuery(() => {
    const params = new URLSearchParams({ ...range(), timezone: zone() });
    return {
      queryKey: ['list', annotationsPath(), String(params)],
      queryFn: () => send<{ data: Annotation[] }>('GET', `${annotationsPath()}?${params}`),
      enabled: scope.project !== undefined,
      staleTime: 30_000,
    };
  });
}
