import type { Answer, Schemas } from './api';

export type EventRow = Schemas['EventRow'];

export interface Latest {
  data: Answer<EventRow> | undefined;
}

/** How many of the latest events the pages read: the API's maximum. */
export const latestLimit = 1000;

const minute = 60_000; // ms

/** How many of the events lie in each of the last minutes; the last one is not over. */
export function perMinute(events: EventRow[], minutes: number, now: number): number[] {
  const counts = new Array<number>(minutes).fill(0);
  for (const event of events) {
    const ago = Math.floor((now - Date.parse(event.occurred_at)) / minute);
    if (ago >= 0 && ago < minutes) counts[minutes - 1 - ago]++;
  }
  return counts;
}

/**
 * How many of the last minutes the events cover: all of them unless there are as many
 * events as were asked for. Then there are older ones, and what lies before the oldest
 * of these is not known.
 */
export function minutesCovered(events: EventRow[], limit: number, minutes: number, now: number): number {
  if (events.length < limit) return minutes;
  const oldest = Math.min(...events.map((event) => Date.parse(event.occurred_at)));
  return Math.max(0, Math.min(minutes, Math.floor((now - oldest) / minute)));
}

export interface Rate {
  events: number;
  /** Whether it is of the last whole minute; otherwise there may be more. */
  exact: boolean;
}

/** Events in a minute, from perMinute: in the last whole one where it is covered. */
export function rate(counts: number[], covered: number): Rate {
  const [whole, current] = counts.slice(-2);
  return covered >= 2 ? { events: whole, exact: true } : { events: Math.max(whole, current), exact: false };
}
