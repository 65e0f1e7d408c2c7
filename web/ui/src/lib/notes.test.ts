import { expect, test } from 'vitest';
import { marked, textsAt } from './notes';

const note = (at: string) => ({ at, text: at });

test('notes are in the bucket of their day, on the calendar of the zone', () => {
  const days = ['2026-10-24', '2026-10-25', '2026-10-26'];
  const at = (when: string, zone = 'Europe/Warsaw') => marked([note(when)], days, 'day', zone)[0]?.bucket;
  expect(at('2026-10-25')).toBe(1);
  expect(at('2026-10-25T22:59:00Z')).toBe(1); // 23:59: the clock went back on this day
  expect(at('2026-10-25T23:00:00Z')).toBe(2);
  expect(at('2026-10-24T18:20:00Z', 'Asia/Kathmandu')).toBe(1); // 00:05
  expect(at('2026-10-23')).toBeUndefined();
});

test('of weeks and months the one that has begun', () => {
  expect(marked([note('2026-11-11')], ['2026-11-02', '2026-11-09', '2026-11-16'], 'week', 'UTC')[0].bucket).toBe(1);
  expect(marked([note('2026-11-30')], ['2026-10-01', '2026-11-01'], 'month', 'UTC')[0].bucket).toBe(1);
  expect(marked([note('2026-11-30')], ['2026-10-01'], 'all', 'UTC')).toEqual([]);
});

test('of hours the one of the instant, also of the hour that is there twice', () => {
  const hours = ['2026-10-25T01:00:00+02:00', '2026-10-25T02:00:00+02:00', '2026-10-25T02:00:00+01:00', '2026-10-25T03:00:00+01:00'];
  const at = (when: string) => marked([note(when)], hours, 'hour', 'Europe/Warsaw')[0]?.bucket;
  expect(at('2026-10-25T00:30:00Z')).toBe(1);
  expect(at('2026-10-25T01:30:00Z')).toBe(2);
  expect(at('2026-10-25')).toBe(0);
  expect(at('2026-10-26')).toBeUndefined();
});

test('none where the answer has no bucket of the time', () => {
  const none = (when: string, buckets: string[], interval: 'hour' | 'day' | 'week' | 'month' | 'quarter' | 'year') =>
    expect(marked([note(when)], buckets, interval, 'Europe/Warsaw'), `${when} by ${interval}`).toEqual([]);
  none('2026-11-02', ['2026-11-01', '2026-11-03'], 'day');
  none('2026-11-16', ['2026-11-02', '2026-11-09'], 'week');
  none('2026-11-15T23:30:00Z', ['2026-11-02', '2026-11-09'], 'week'); // 00:30 of the Monday after
  none('2026-03-01', ['2026-02-01', '2026-04-01'], 'month');
  none('2026-10-01', ['2026-07-01'], 'quarter');
  none('2027-01-01', ['2026-01-01'], 'year');
  none('2026-11-01T03:00:00Z', ['2026-11-01T03:00:00+01:00'], 'hour');
  expect(marked([note('2026-03-31')], ['2026-02-01', '2026-03-01'], 'month', 'UTC')[0].bucket).toBe(1);
  expect(marked([note('2026-12-31')], ['2026-01-01'], 'year', 'UTC')[0].bucket).toBe(0);
});

test('a bucket may have several', () => {
  const marks = marked([note('2026-11-01'), note('2026-11-01T10:00:00Z'), note('2026-11-02')], ['2026-11-01', '2026-11-02'], 'day', 'UTC');
  expect(textsAt(marks, 0)).toEqual(['2026-11-01', '2026-11-01T10:00:00Z']);
  expect(textsAt(marks, 1)).toEqual(['2026-11-02']);
});
