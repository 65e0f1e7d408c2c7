// Days are texts like 2026-11-29 on the calendar of one time zone; the service cuts
// buckets, the browser never moves one into another zone.

export type Interval = 'minute' | 'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year' | 'all';

export const browserZone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

export const zones: string[] = ['UTC', ...Intl.supportedValuesOf('timeZone').filter((zone) => zone !== 'UTC')];

/** The day that an instant is on in a zone. */
export function dayOf(zone: string, instant: number): string {
  const options = { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' } as const;
  return new Intl.DateTimeFormat('en-CA', options).format(instant);
}

export function today(zone: string, now = Date.now()): string {
  return dayOf(zone, now);
}

export function addDays(day: string, days: number): string {
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() + days);
  return date.toISOString().slice(0, 10);
}

/** The first day of the month that is so many months later. */
export function addMonths(day: string, months: number): string {
  const date = new Date(`${day.slice(0, 7)}-01T00:00:00Z`);
  date.setUTCMonth(date.getUTCMonth() + months);
  return date.toISOString().slice(0, 10);
}

/** Days from one to the other, both included. */
export function length(range: { from: string; to: string }): number {
  return Math.round((Date.parse(range.to) - Date.parse(range.from)) / 864e5) + 1;
}

export function monday(day: string): string {
  const weekday = (new Date(`${day}T00:00:00Z`).getUTCDay() + 6) % 7;
  return addDays(day, -weekday);
}

export interface Range {
  key: string;
  from: string;
  to: string;
  label: string;
}

export const presets: [key: string, label: string][] = [
  ['today', 'Today'],
  ['yesterday', 'Yesterday'],
  ['7d', 'Last 7 days'],
  ['30d', 'Last 30 days'],
  ['90d', 'Last 90 days'],
  ['wtd', 'This week'],
  ['mtd', 'This month'],
  ['12m', 'Last 12 months'],
];

export const defaultRange = '30d';

/** The range of a key on a day; "custom" takes from and to. What makes no sense is the default. */
export function range(key: string, now: string, from = '', to = ''): Range {
  const label = presets.find(([name]) => name === key)?.[1] ?? '';
  switch (key) {
    case 'today':
      return { key, label, from: now, to: now };
    case 'yesterday':
      return { key, label, from: addDays(now, -1), to: addDays(now, -1) };
    case '7d':
    case '30d':
    case '90d':
      return { key, label, from: addDays(now, 1 - parseInt(key)), to: now };
    case 'wtd':
      return { key, label, from: monday(now), to: now };
    case 'mtd':
      return { key, label, from: `${now.slice(0, 8)}01`, to: now };
    case '12m':
      return { key, label, from: addDays(now, -364), to: now };
    case 'custom':
      if (isDay(from) && isDay(to) && from <= to) {
        return { key, from, to, label: from === to ? dayLabel(from) : `${dayLabel(from)} – ${dayLabel(to)}` };
      }
  }
  return range(defaultRange, now);
}

/** When, in a sentence: "in the last 30 days". */
export function during({ key, label, from, to }: Range): string {
  if (key === 'custom') return from === to ? `on ${dayLabel(from)}` : `from ${dayLabel(from)} to ${dayLabel(to)}`;
  return /^\d+[dm]$/.test(key) ? `in the ${label.toLowerCase()}` : label.toLowerCase();
}

export function isDay(text: string): boolean {
  return /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));
}

/** The range of the same length before. */
export function before(r: { from: string; to: string }): { from: string; to: string } {
  const days = length(r);
  return { from: addDays(r.from, -days), to: addDays(r.to, -days) };
}

/** An interval that draws a range with some dozens of points. */
export function autoInterval(r: { from: string; to: string }): Interval {
  const days = length(r);
  if (days <= 2) return 'hour';
  if (days <= 120) return 'day';
  return days <= 400 ? 'week' : 'month';
}

const inUTC = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', ...options });
const dayMonth = inUTC({ day: 'numeric', month: 'short' });
const weekdayDayMonth = inUTC({ weekday: 'short', day: 'numeric', month: 'short' });
const monthYear = inUTC({ month: 'short', year: 'numeric' });

/** A day in words; what is no date is shown as it is. */
export function dayLabel(bucket: string): string {
  const day = Date.parse(bucket.slice(0, 10));
  return Number.isNaN(day) ? bucket : dayMonth.format(day);
}

/** A bucket in words: the API names it by its day or, for hours, by an instant with an offset. */
export function bucketLabel(bucket: string, interval: Interval, long = false): string {
  const day = Date.parse(bucket.slice(0, 10));
  const time = bucket.slice(11, 16);
  if (Number.isNaN(day)) return bucket;
  switch (interval) {
    case 'minute':
    case 'hour':
      if (long) return `${weekdayDayMonth.format(day)}, ${time}`;
      return time === '00:00' ? dayMonth.format(day) : time;
    case 'week':
      return long ? `Week of ${dayMonth.format(day)}` : dayMonth.format(day);
    case 'month':
      return monthYear.format(day);
    case 'quarter':
      return `Q${Math.floor(new Date(day).getUTCMonth() / 3) + 1} ${bucket.slice(0, 4)}`;
    case 'year':
      return bucket.slice(0, 4);
    case 'all':
      return 'The whole range';
    default:
      return long ? weekdayDayMonth.format(day) : dayMonth.format(day);
  }
}

export function ago(instant: string, now = Date.now()): string {
  const seconds = Math.max(0, (now - Date.parse(instant)) / 1000);
  if (seconds < 1.5) return 'just now';
  if (seconds < 60) return `${Math.floor(seconds)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

// Making a formatter takes longer than formatting a thousand times.
const clocks = new Map<string, Intl.DateTimeFormat>();

/** The time of day of an instant in a zone. */
export function clock(instant: string, zone: string): string {
  let format = clocks.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-GB', { timeZone: zone, hour: '2-digit', minute: '2-digit', second: '2-digit' });
    clocks.set(zone, format);
  }
  return format.format(Date.parse(instant));
}

/** Day and time of an instant in a zone. */
export function dayAndTime(instant: string, zone: string): string {
  return `${dayLabel(dayOf(zone, Date.parse(instant)))}, ${clock(instant, zone).slice(0, 5)}`;
}

/** A stretch of time in words. */
export function duration(seconds: number): string {
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} min`;
  const tenths = (n: number) => Number(n.toFixed(1));
  if (seconds < 36 * 3600) return `${tenths(seconds / 3600)} h`;
  return `${tenths(seconds / 86400)} days`;
}
