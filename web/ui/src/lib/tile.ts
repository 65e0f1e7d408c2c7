// The question of a tile: stored as the API takes it, asked about the board's dates,
// and opened on the page that made it.
import type { Change } from './address.svelte';
import type { BoardRange, Kind, Tile } from './board';
import type { Asked } from './explore';
import { asFilter } from './filter';
import type { FunnelAsked, Step } from './funnel';
import { addDays, addMonths, isDay, presets, range as datesOf, type Interval, type Range } from './time';

export type Question = NonNullable<Tile['question']>;
type Params = Question['params'];

const stats = '/api/stats/';

// Parameters whose texts may be JSON, and are stored as what they mean.
const structured = ['series', 'steps', 'filter', 'returning_filter', 'start', 'end'];

/** A question of a page as a board stores it. */
export function stored(route: string, query: object): Question {
  const params: Params = {};
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === '' || value === false || (Array.isArray(value) && !value.length)) continue;
    const meant = (one: unknown) => (structured.includes(name) && typeof one === 'string' ? asFilter(one) : one);
    params[name] = Array.isArray(value) ? value.map(meant) : meant(value);
  }
  return { route: route as Question['route'], params };
}

const relative: Record<string, { from: string; to: string }> = {
  today: { from: 'today', to: 'today' },
  yesterday: { from: '-1d', to: '-1d' },
  '7d': { from: '-6d', to: 'today' },
  '30d': { from: '-29d', to: 'today' },
  '90d': { from: '-89d', to: 'today' },
  '12m': { from: '-364d', to: 'today' },
};

/** Whether a range moves with today in a question that is stored. */
export const moves = (range: Range): boolean => range.key in relative;

/** A range as questions have it: relative to today where it can be. */
export function boundsOf({ key, from, to }: Range): { from: string; to: string } {
  return relative[key] ?? { from, to };
}

/** The ranges that move. */
export const movingPresets = presets.filter(([key]) => key in relative);

const units: Record<string, string> = { d: 'day', w: 'week', mo: 'month', y: 'year' };

/** A day relative to today in words; others as they are. */
function distance(day: string): string {
  const [, count, unit] = /^-(\d+)(d|w|mo|y)$/.exec(day) ?? [];
  return unit ? `${count} ${units[unit]}${count === '1' ? '' : 's'} ago` : day;
}

/** The range of stored dates on a day. Dates of other forms are shown as they are. */
export function rangeOf(bounds: { from?: string; to?: string }, today: string): Range {
  const { from = '', to = '' } = bounds;
  const key = Object.keys(relative).find((name) => relative[name].from === from && relative[name].to === to);
  if (key) return datesOf(key, today);
  const custom = datesOf('custom', today, from, to);
  return custom.key === 'custom' ? custom : { key: 'custom', from, to, label: `${distance(from)} to ${distance(to)}` };
}

// What has no range of dates, or means something else by it.
const rangeless = ['event-types', 'events/latest', 'profiles'].map((name) => stats + name);

/** The dates that a question names itself. */
export function ownDates({ route, params }: Question): { from?: string; to?: string } {
  const retention = route === `${stats}retention`;
  const from = params[retention ? 'start_date' : 'from'];
  const to = params[retention ? 'end_date' : 'to'];
  return { from: typeof from === 'string' ? from : undefined, to: typeof to === 'string' ? to : undefined };
}

/** Whether the board's dates take the place of others that the tile has. */
export function overruled(question: Question, range: BoardRange | undefined): boolean {
  if (!range?.from || !range.to || rangeless.includes(question.route)) return false;
  const own = ownDates(question);
  return own.from !== range.from || own.to !== range.to;
}

/** A day relative to today, as questions have it, as a date; others stay. Months begin with their first day. */
function dateOf(text: string | undefined, now: string): string | undefined {
  if (text === 'today') return now;
  if (text === 'yesterday') return addDays(now, -1);
  const [, count, unit] = /^-(\d+)(d|w|mo|y)$/.exec(text ?? '') ?? [];
  if (unit === 'd' || unit === 'w') return addDays(now, -Number(count) * (unit === 'w' ? 7 : 1));
  return unit ? addMonths(now, -Number(count) * (unit === 'y' ? 12 : 1)) : text;
}

/** The parameters to ask with: the board's dates and zone win. */
export function asked(question: Question, range: BoardRange | undefined, zone: string, now: string): Record<string, unknown> {
  const { route, params } = question;
  const { from, to } = range?.from && range.to && !rangeless.includes(route) ? range : ownDates(question);
  // Retention takes dates only.
  if (route === `${stats}retention`) return { ...params, start_date: dateOf(from, now), end_date: dateOf(to, now), timezone: zone };
  return { ...params, ...(from && to ? { from, to } : {}), timezone: zone };
}

/** The first and the last day that tiles are asked about; nothing where none has dates. */
export function spanOf(tiles: Tile[], range: BoardRange | undefined, now: string): { from: string; to: string } | undefined {
  const days = tiles.flatMap(({ question }) => {
    if (!question) return [];
    const { from, to } = overruled(question, range) ? range! : ownDates(question);
    return [dateOf(from, now), dateOf(to, now)];
  });
  const known = days.filter((day): day is string => day !== undefined && isDay(day)).sort();
  return known.length ? { from: known[0], to: known.at(-1)! } : undefined;
}

/** The zone of a tile: the board's, else its own, else the one of whoever looks. */
export function zoneOf(question: Question | undefined, range: BoardRange | undefined, usual: string): string {
  const own = question?.params.timezone;
  return range?.timezone || (typeof own === 'string' && own) || usual;
}

const text = (value: unknown): string => (typeof value === 'string' || typeof value === 'number' ? String(value) : '');
const items = (value: unknown): unknown[] => (Array.isArray(value) ? value : value === undefined ? [] : [value]);
const written = (value: unknown): string => (typeof value === 'string' ? value : JSON.stringify(value));
const writtenAll = (value: unknown): string[] => items(value).map(written);

/** Series or steps as the API takes them: event types and objects; texts may be JSON of one, or of several. */
const seriesOf = (value: unknown): unknown[] => items(value).flatMap((one) => (typeof one === 'string' ? asFilter(one) : one));

/** The event types that a series or step is of; none for all. */
function typesOf(series: unknown): string[] {
  const types = typeof series === 'string' ? series : (series as { event?: unknown } | null)?.event;
  return items(types).map(text).filter((type) => type && type !== '*');
}

const eventOf = (series: unknown): string => typesOf(series).join(', ');

/** The event types of series: nothing where there is one of all events. */
function eventsOf(series: unknown[]): string[] {
  const events = series.map((one) => eventOf(one) || '*');
  return events.length === 1 && events[0] === '*' ? [] : events;
}

/** The question of a trends tile as Explore has it. */
export function trendsOf(params: Params): Asked {
  return {
    events: eventsOf(seriesOf(params.series)),
    measure: text(params.measure) || 'events',
    filters: writtenAll(params.filter),
    any: false,
    by: writtenAll(params.breakdown),
    interval: (text(params.interval) || 'day') as Interval,
    compare: text(params.compare),
    formulas: writtenAll(params.formula),
    rolling: params.cumulative ? 'all' : text(params.rolling),
  };
}

function stepOf(step: unknown): Step {
  const filter = typeof step === 'object' && step !== null ? (step as { filter?: unknown }).filter : undefined;
  return { event: eventOf(step), filters: writtenAll(filter) };
}

export function funnelOf(params: Params): FunnelAsked {
  return {
    steps: seriesOf(params.steps).map(stepOf),
    window: text(params.window) || '7d',
    order: text(params.order) || 'ordered',
    filters: writtenAll(params.filter),
    by: writtenAll(params.breakdown),
  };
}

/** A measure of the API as the address spells it: sum(properties.price) as sum:properties.price. */
const measureWord = (measure: string) => measure.replace(/^(\w+)\((.*)\)$/s, '$1:$2');

const viewOf: Partial<Record<Kind, string>> = { area: 'area', bar: 'bar', table: 'table', number: 'number', map: 'map' };

/** The page that shows a tile's question, with its parameters; nothing for questions without a page. */
export function pageOf(tile: Tile): { path: string; query: Change } | undefined {
  if (!tile.question) return undefined;
  const { route, params } = tile.question;
  const f = writtenAll(params.filter);
  const series = seriesOf(params.series);
  // No page has one series of several event types.
  if ([...series, ...seriesOf(params.steps)].some((one) => typesOf(one).length > 1)) return undefined;
  const event = eventOf(series[0]);
  const interval = text(params.interval);
  switch (route) {
    case `${stats}trends`: {
      const { events, measure, by, compare, formulas, rolling } = trendsOf(params);
      const m = measure === 'events' ? '' : measureWord(measure);
      const i = tile.kind === 'map' || tile.kind === 'number' ? '' : interval;
      const split = tile.kind === 'map' ? [] : by;
      return { path: '/explore', query: { e: events, m, f, by: split, i, cmp: compare, q: formulas, roll: rolling, v: viewOf[tile.kind] ?? '' } };
    }
    case `${stats}funnels`: {
      const { steps, window, order, by } = funnelOf(params);
      const query: Change = { e: steps.map((step) => step.event), w: window, o: order === 'ordered' ? '' : order, f, by };
      steps.forEach((step, k) => (query[`s${k + 1}`] = step.filters));
      return { path: '/funnels', query };
    }
    case `${stats}retention`: {
      const i = text(params.granularity);
      const choice = (value: unknown, usual: string) => (text(value) === usual ? '' : text(value));
      const query = { first: text(params.event_type), back: text(params.returning_event_type), f, i: i === 'week' ? '' : i };
      return { path: '/retention', query: { ...query, cohort: choice(params.cohort, 'first_ever'), mode: choice(params.mode, 'on') } };
    }
    case `${stats}paths`: {
      const n = text(params.steps);
      return { path: '/paths', query: { start: eventOf(params.start), end: eventOf(params.end), w: text(params.within), n, f } };
    }
    case `${stats}lifecycle`:
      return { path: '/lifecycle', query: { e: event, i: interval, f } };
    case `${stats}stickiness`:
      return { path: '/stickiness', query: { e: event, i: interval, least: params.cumulative ? '1' : '', f } };
    case `${stats}sessions`:
      return { path: '/sessions', query: { gap: text(params.gap), by: writtenAll(params.breakdown), f } };
  }
  return undefined;
}
