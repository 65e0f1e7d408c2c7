// The question of the page Funnels, and its rows by group.
import { asFilter } from './filter';

export interface Step {
  event: string;
  filters: string[];
}

export interface FunnelAsked {
  steps: Step[];
  window: string;
  order: string;
  filters: string[];
  by: string[];
}

export const windows = [
  ['1h', '1 hour'],
  ['1d', '1 day'],
  ['7d', '7 days'],
  ['14d', '14 days'],
  ['30d', '30 days'],
  ['90d', '90 days'],
] as const;

export const orders = [
  ['ordered', 'in this order'],
  ['strict', 'with nothing between'],
  ['any', 'in any order'],
] as const;

/** A step as the API has it. */
export function series({ event, filters }: Step): { event: string; filter?: unknown } {
  return filters.length ? { event, filter: filters.map(asFilter) } : { event };
}

export function funnelQuery(asked: FunnelAsked, range: { from: string; to: string }) {
  return {
    from: range.from,
    to: range.to,
    steps: asked.steps.map((step) => JSON.stringify(series(step))),
    window: asked.window,
    order: asked.order as 'ordered' | 'strict' | 'any',
    filter: asked.filters,
    breakdown: asked.by,
    top: asked.by.length ? 7 : undefined,
  };
}

/** The filter of the users who reached a step; with dropped, of those who got no further. */
export function reached(asked: FunnelAsked, step: number, dropped: boolean): string {
  const { steps, window, order, filters } = asked;
  const filter = filters.length ? filters.map(asFilter) : undefined;
  return JSON.stringify({ funnel: { steps: steps.map(series), window, order, filter }, reached: step, dropped });
}

export interface FunnelRow {
  step: number;
  users: number;
  rate: number | null;
  step_rate: number | null;
  avg_seconds: number | null;
  median_seconds: number | null;
  group?: string;
  incomplete: boolean;
  [field: string]: string | number | boolean | null | undefined;
}

export interface Group {
  name: string;
  steps: FunnelRow[];
}

/** The rows of each group together; without a breakdown there is one. */
export function groups(rows: FunnelRow[], by: string[]): Group[] {
  const all = new Map<string, Group>();
  for (const row of rows) {
    const values = by.map((field) => row[field] ?? '(none)').join(' · ');
    const name = row.group === 'other' ? 'Other' : values || 'All';
    const key = JSON.stringify([row.group, name]);
    let group = all.get(key);
    if (!group) all.set(key, (group = { name, steps: [] }));
    group.steps.push(row);
  }
  return [...all.values()];
}

/** All groups together, step by step: a breakdown sorts users, none is in two groups. */
export function together(all: Group[]): number[] {
  const steps = all[0]?.steps.length ?? 0;
  return Array.from({ length: steps }, (_, k) => all.reduce((sum, group) => sum + group.steps[k].users, 0));
}

/** The step that loses the largest share of those before it; 0 when none loses any. */
export function worst(users: number[]): number {
  let found = 0;
  let least = 1;
  users.forEach((now, k) => {
    const share = k && users[k - 1] ? now / users[k - 1] : 1;
    if (share < least) [found, least] = [k, share];
  });
  return found;
}
