// Questions to the service, as pages ask them: with the address's project and zone,
// asked again while the page is looked at, with the answer before staying until the
// next one is there.
import { createQuery, keepPreviousData } from '@tanstack/svelte-query';
import { ask, type Answer, type Query, type RowOf, type StatsRoute } from './api';
import { scope } from './scope.svelte';
import { written } from './written.svelte';

interface Options {
  /** Whether to ask at all. */
  enabled?: boolean;
  /** Milliseconds until it is asked again: 30 s unless told. */
  every?: number;
}

/** The whole question: what is asked, where and on which clock. */
export function complete(query: object): Record<string, unknown> {
  const project = scope.project?.id;
  const position = written.project === project ? written.position : undefined;
  return { ...query, timezone: scope.zone, project, min_position: position };
}

export function question<R extends StatsRoute, Row = RowOf<R>>(route: R, query: () => Query<NoInfer<R>>, options: () => Options = () => ({})) {
  return questionAt<Row>(() => route, query, options);
}

/** A question whose route has an id in it. */
export function questionAt<Row>(route: () => string, query: () => object, options: () => Options = () => ({})) {
  return createQuery<Answer<Row>>(() => {
    const whole = complete(query());
    const { enabled = true, every = 30_000 } = options();
    return {
      queryKey: [route(), whole],
      queryFn: ({ signal }) => ask<Row>(route(), whole, signal),
      placeholderData: keepPreviousData,
      refetchInterval: every,
      staleTime: every / 2,
      enabled: enabled && scope.project !== undefined,
    };
  });
}
