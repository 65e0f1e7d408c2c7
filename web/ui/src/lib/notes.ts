// Notes on charts over time: a deploy, a campaign. The API calls them annotations.
import { dayOf, type Interval } from './time';

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

/** The bucket that a time is in: the last one that begins at or before it, −1 for none. */
function bucketOf(at: string, buckets: string[], interval: Interval, zone: string): number {
  if (interval === 'minute' || interval === 'hour') {
    // A date is marked at the first of its hours.
    if (isDate(at)) return buckets.findIndex((bucket) => bucket.slice(0, 10) === at);
    const instant = Date.parse(at);
    return buckets.findLastIndex((bucket) => Date.parse(bucket) <= instant);
  }
  const day = isDate(at) ? at : dayOf(zone, Date.parse(at));
  return buckets.findLastIndex((bucket) => bucket.slice(0, 10) <= day);
}

/** The notes on a chart of buckets, those of the API's answer for its range. */
export function marked(notes: Note[], buckets: string[], interval: Interval, zone: string): Mark[] {
  if (interval === 'all') return [];
  const marks = notes.map(({ at, text }) => ({ bucket: bucketOf(at, buckets, interval, zone), text }));
  return marks.filter(({ bucket }) => bucket >= 0);
}

/** The texts in a bucket. */
export const textsAt = (marks: Mark[], bucket: number): string[] => marks.filter((mark) => mark.bucket === bucket).map(({ text }) => text);
