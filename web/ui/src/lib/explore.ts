// The question of the page Explore: from the address to the API and from its rows to
// the series of a chart.
import type { Series } from '../charts/scale';
import { combined, fieldLabel, say } from './filter';
import { color, light } from './palette';
import type { Interval } from './time';

export const views = ['line', 'area', 'bar', 'table', 'number', 'map'] as const;
export type View = (typeof views)[number];

/** What is asked, as the address has it. */
export interface Asked {
  events: string[];
  measure: string; // as the API spells it: users, sum(properties.price)
  filters: string[];
  any: boolean;
  by: string[];
  interval: Interval;
  compare: string;
  formulas: string[];
  rolling: string; // a number of buckets, "all" for cumulative, or nothing
}

/** Measures of all events; those of a property are written over it, as sum:price in the address. */
export const measures = [
  { value: 'events', label: 'Total events' },
  { value: 'users', label: 'Unique users' },
  { value: 'per_user', label: 'Events per user' },
] as const;

export const propertyMeasures = [
  { value: 'sum', label: 'Sum of' },
  { value: 'avg', label: 'Average of' },
  { value: 'median', label: 'Median of' },
  { value: 'p75', label: '75th percentile of' },
  { value: 'p90', label: '90th percentile of' },
  { value: 'p95', label: '95th percentile of' },
  { value: 'p99', label: '99th percentile of' },
  { value: 'min', label: 'Lowest' },
  { value: 'max', label: 'Highest' },
  { value: 'distinct', label: 'Different values of' },
] as const;

/** A measure of the address as the API spells it. */
export function measureOf(text: string): string {
  const [name, ...field] = text.split(':');
  return field.length ? `${name}(${field.join(':')})` : name;
}

/** How many groups there is a colour for, with one for the others. */
export function groupsShown(series: number): number {
  return Math.max(1, Math.floor(light.length / Math.max(1, series)) - 1);
}

/** The series' letter in formulas and, where it has no name, in rows. */
export const letter = (index: number) => String.fromCharCode(65 + index);

/** The parameters of /api/stats/trends. */
export function trendsQuery(asked: Asked, range: { from: string; to: string }) {
  const { events, measure, filters, any, by, interval, compare, formulas, rolling } = asked;
  const series = events.length ? events.map((event) => JSON.stringify({ event })) : ['*'];
  return {
    from: range.from,
    to: range.to,
    series,
    measure,
    interval,
    fill: 'zero' as const,
    filter: combined(filters, any),
    breakdown: by,
    top: by.length ? groupsShown(series.length + formulas.length) : undefined,
    formula: formulas,
    compare: compare || undefined,
    rolling: rolling && rolling !== 'all' ? Number(rolling) : undefined,
    cumulative: rolling === 'all' || undefined,
  };
}

/** The same over the whole range at once. */
export function wholeRange(query: ReturnType<typeof trendsQuery>) {
  return { ...query, interval: 'all' as const, rolling: undefined, cumulative: undefined };
}

/** By hours and weekdays: of the first series, without comparison and formulas. */
export function byHours(asked: Asked, range: { from: string; to: string }) {
  const query = trendsQuery({ ...asked, formulas: [], rolling: '', compare: '', interval: 'all' }, range);
  return { ...query, breakdown: ['time.weekday', 'time.hour'], top: 7 * 24 };
}

export type TrendsQuery = ReturnType<typeof trendsQuery>;

/** A row of an answer with any of its columns. */
export interface TrendsRow {
  bucket: string;
  series: string;
  group?: string;
  value: number | null;
  previous_bucket?: string | null;
  previous?: number | null;
  incomplete: boolean;
  [field: string]: string | number | boolean | null | undefined;
}

export interface Table {
  buckets: string[];
  /** The first bucket that is not over; Infinity when all are. */
  openFrom: number;
  /** A key is the same in each answer to one question, totals too; names may not be unique. */
  series: (Series & { key: string })[];
}

/** What a row belongs to, in one text. */
function identity(row: TrendsRow, by: string[]): string {
  if (!by.length) return `${row.series} ${row.group ?? ''}`; // of thousands of rows
  return JSON.stringify([row.series, row.group ?? '', ...by.map((field) => row[field] ?? null)]);
}

function nameOf(row: TrendsRow, asked: Asked): string {
  const { events, by, formulas } = asked;
  const index = row.series.length === 1 ? row.series.charCodeAt(0) - 65 : -1;
  const own = events.length ? events[index] : index >= 0 ? '*' : undefined;
  const event = own === '*' ? 'All events' : (own ?? row.series);
  if (!by.length) return event;
  const group = row.group === 'other' ? 'Other' : by.map((field) => row[field] ?? '(none)').join(' · ');
  return events.length + formulas.length > 1 ? `${event}: ${group}` : group;
}

/** The rows as series over buckets, in one pass: the API answers in the order of buckets. */
export function tabulate(rows: TrendsRow[], asked: Asked): Table {
  const buckets: string[] = [];
  const lines = new Map<string, { name: string; values: (number | null)[]; before: (number | null)[] }>();
  let lastWhole = -1;
  for (const row of rows) {
    if (buckets.at(-1) !== row.bucket) buckets.push(row.bucket);
    const at = buckets.length - 1;
    if (!row.incomplete) lastWhole = at;
    const key = identity(row, asked.by);
    let line = lines.get(key);
    if (!line) lines.set(key, (line = { name: nameOf(row, asked), values: [], before: [] }));
    line.values[at] = row.value;
    line.before[at] = row.previous ?? null;
  }
  // Where a group has no row there is nothing to draw.
  const filled = (values: (number | null)[]) => Array.from(buckets, (_, i) => values[i] ?? null);
  const series = [...lines].map(([key, { name, values, before }], k) => ({
    key,
    name,
    color: color(k),
    values: filled(values),
    before: asked.compare ? filled(before) : undefined,
  }));
  return { buckets, openFrom: lastWhole === buckets.length - 1 ? Infinity : lastWhole + 1, series };
}

/** A measure in words. */
function measureName(measure: string): string {
  const [, name, field] = /^(\w+)\((.*)\)$/s.exec(measure) ?? [];
  if (name) return `${propertyMeasures.find((one) => one.value === name)?.label ?? name} ${fieldLabel(field)}`;
  return measures.find((one) => one.value === measure)?.label ?? measure;
}

/** The question in a few words. */
export function titled({ events, measure, by, filters }: Asked): string {
  const of = events.length ? `: ${[...new Set(events)].join(', ')}` : '';
  const split = by.length ? ` by ${by.map(fieldLabel).join(', ')}` : '';
  const where = filters.length ? `, ${filters.length === 1 ? say(filters[0]) : `${filters.length} filters`}` : '';
  return `${measureName(measure)}${of}${split}${where}`.slice(0, 200);
}
