// Notes on charts over time: a deploy, a campaign. The API calls them annotations.
import { addDays, addMonths, dayOf, type Interval } from './time';

export interface Note {
  /** A local date of whoever looks, or an instant. */
  at: string;
  text: string;
}

/** A note in the bucket that it is drawn in. */
export interface Mark {
  bucket: number;
  text: string;
}

const isDate = (at: string) => at.length === 10;

const lengths = { minute: 60e3, hour: 3600e3 }; // ms
const months = { month: 1, quarter: 3, year: 12 };

/** The day after a bucket that begins on a day. */
function dayAfter(day: string, interval: Exclude<Interval, 'minute' | 'hour' | 'all'>): string {
  if (interval === 'day' || interval === 'week') return addDays(day, interval === 'day' ? 1 : 7);
  return addMonths(day, months[interval]);
}

/** The bucket that a time is in, −1 for none: an answer may lack buckets in which nothing happened. */
function bucketOf(at: string, buckets: string[], interval: Exclude<Interval, 'all'>, zone: string): number {
  if (interval === 'minute' || interval === 'hour') {
    // A date is marked at the first of its hours.
    if (isDate(at)) return buckets.findIndex((bucket) => bucket.slice(0, 10) === at);
    const instant = Date.parse(at);
    const last = buckets.findLastIndex((bucket) => Date.parse(bucket) <= instant);
    return last >= 0 && instant < Date.parse(buckets[last]) + lengths[interval] ? last : -1;
  }
  const day = isDate(at) ? at : dayOf(zone, Date.parse(at));
  const last = buckets.findLastIndex((bucket) => bucket.slice(0, 10) <= day);
  return last >= 0 && day < dayAfter(buckets[last].slice(0, 10), interval) ? last : -1;
}

/** The notes on a chart of buckets, those of the API's answer for its range. */
export function marked(notes: Note[], buckets: string[], interval: Interval, zone: string): Mark[] {
  if (interval === 'all') return [];
  const marks = notes.map(({ at, text }) => ({ bucket: bucketOf(at, buckets, interval, zone), text }));
  return marks.filter(({ bucket }) => bucket >= 0);
}

/** The texts in a bucket. */
export const textsAt = (marks: Mark[], bucket: number): string[] => marks.filter((mark) => mark.bucket === bucket).map(({ text }) => text);
