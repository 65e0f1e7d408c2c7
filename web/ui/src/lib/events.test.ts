import { describe, expect, it } from 'vitest';
import { minutesCovered, perMinute, rate, type EventRow } from './events';

const now = Date.parse('2026-11-29T12:00:00Z');
const at = (seconds: number): EventRow => ({
  event_id: '', user_id: '', event_type: '', properties: null, occurred_at: new Date(now - seconds * 1000).toISOString(),
});
const limit = 4;

describe('minutesCovered', () => {
  it('is all of them when there are no older events', () => {
    expect(minutesCovered([at(1), at(2), at(90)], limit, 30, now)).toBe(30);
    expect(minutesCovered([], limit, 30, now)).toBe(30);
  });
  it('is the whole minutes since the oldest one otherwise', () => {
    expect(minutesCovered([at(1), at(2), at(3), at(185)], limit, 30, now)).toBe(3);
    expect(minutesCovered([at(1), at(2), at(3), at(59)], limit, 30, now)).toBe(0);
    expect(minutesCovered([at(1), at(2), at(3), at(86_400)], limit, 30, now)).toBe(30);
  });
  it('is none when all events are yet to come', () => {
    expect(minutesCovered([at(-9), at(-8), at(-7), at(-6)], limit, 30, now)).toBe(0);
  });
});

it('the rate is exact only where the last whole minute is covered', () => {
  const counts = perMinute([at(1), at(61), at(62), at(63)], 30, now);
  expect(rate(counts, 30)).toEqual({ events: 3, exact: true });
  expect(rate(counts, 1)).toEqual({ events: 3, exact: false });
  expect(rate(perMinute([at(1), at(2), at(3), at(4)], 30, now), 0)).toEqual({ events: 4, exact: false });
});
