import type { Answer, Schemas } from './api';

export type EventRow = Schemas['EventRow'];

export interface Latest {
  data: Answer<EventRow> | undefined;
}

/** How many of the events lie in each of the last minutes; the last one is not over. */
export function perMinute(events: EventRow[], minutes: number, now: number): number[] {
  const counts = new Array<number>(minutes).fill(0);
  for (const event of events) {
    const ago = Math.floor((now - Date.parse(event.occurred_at)) / 60_000);
    if (ago >= 0 && ago < minutes) counts[minutes - 1 - ago]++;
  }
  return counts;
}
