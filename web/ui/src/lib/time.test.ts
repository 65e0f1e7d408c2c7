import { describe, expect, it } from 'vitest';
import { addDays, addMonths, autoInterval, before, bucketLabel, dayLabel, dayOf, duration, during, length, monday, presets, range, today } from './time';

const now = '2026-11-29'; // a Sunday

describe('range', () => {
  it.each([
    ['today', '2026-11-29', '2026-11-29'],
    ['yesterday', '2026-11-28', '2026-11-28'],
    ['7d', '2026-11-23', '2026-11-29'],
    ['30d', '2026-10-31', '2026-11-29'],
    ['90d', '2026-09-01', '2026-11-29'],
    ['wtd', '2026-11-23', '2026-11-29'],
    ['mtd', '2026-11-01', '2026-11-29'],
    ['12m', '2025-11-30', '2026-11-29'],
  ])('%s', (key, from, to) => {
    expect(range(key, now)).toMatchObject({ key, from, to });
  });
  it('has each preset', () => {
    for (const [key, label] of presets) expect(range(key, now)).toMatchObject({ key, label });
  });
  it('takes days of its own', () => {
    expect(range('custom', now, '2026-02-01', '2026-02-28')).toMatchObject({ from: '2026-02-01', to: '2026-02-28' });
  });
  it.each([
    ['custom', '2026-02-02', '2026-02-01'],
    ['custom', '2026-13-01', '2026-14-01'],
    ['custom', 'x', ''],
    ['nonsense', '', ''],
  ])('%s %s–%s is the default', (key, from, to) => {
    expect(range(key, now, from, to).key).toBe('30d');
  });
});

describe('days', () => {
  it('are those of the zone', () => {
    const instant = Date.parse('2026-03-29T00:30:00Z'); // clocks move in Warsaw half an hour later
    expect(dayOf('Europe/Warsaw', instant)).toBe('2026-03-29');
    expect(dayOf('America/St_Johns', instant)).toBe('2026-03-28');
    expect(today('Asia/Kathmandu', Date.parse('2026-03-28T18:15:00Z'))).toBe('2026-03-29');
  });
  it('are counted on the calendar, across clock changes and leap days', () => {
    expect(addDays('2026-03-28', 2)).toBe('2026-03-30');
    expect(addDays('2028-02-28', 1)).toBe('2028-02-29');
    expect(length({ from: '2026-10-24', to: '2026-10-26' })).toBe(3);
    expect(addMonths('2026-03-31', -1)).toBe('2026-02-01');
    expect(monday('2026-11-29')).toBe('2026-11-23');
    expect(monday('2026-11-23')).toBe('2026-11-23');
  });
});

it('before is as long, and ends the day before', () => {
  expect(before({ from: '2026-11-23', to: '2026-11-29' })).toEqual({ from: '2026-11-16', to: '2026-11-22' });
});

it('intervals give some dozens of points', () => {
  expect(autoInterval(range('today', now))).toBe('hour');
  expect(autoInterval(range('30d', now))).toBe('day');
  expect(autoInterval(range('12m', now))).toBe('week');
});

it('labels name buckets as the service cut them', () => {
  expect(bucketLabel('2026-10-25T02:00:00+02:00', 'hour')).toBe('02:00');
  expect(bucketLabel('2026-10-25T02:00:00+01:00', 'hour', true)).toBe('Sun 25 Oct, 02:00');
  expect(bucketLabel('2026-10-25T00:00:00+02:00', 'hour')).toBe('25 Oct');
  expect(bucketLabel('2026-11-23', 'week', true)).toBe('Week of 23 Nov');
  expect(bucketLabel('2026-10-01', 'quarter')).toBe('Q4 2026');
});

it('labels of what is no date are what it is', () => {
  for (const text of ['-11w', '', '2026-13-01', 'today']) {
    expect(dayLabel(text)).toBe(text);
    expect(bucketLabel(text, 'week', true)).toBe(text);
  }
});

it('ranges are part of a sentence', () => {
  const now = '2026-11-29';
  const said = (key: string, from = '', to = '') => during(range(key, now, from, to));
  expect(['30d', '12m', 'yesterday', 'wtd'].map((key) => said(key))).toEqual([
    'in the last 30 days', 'in the last 12 months', 'yesterday', 'this week',
  ]);
  expect(said('custom', '2026-03-01', '2026-04-02')).toBe('from 1 Mar to 2 Apr');
  expect(said('custom', '2026-03-01', '2026-03-01')).toBe('on 1 Mar');
});

it('durations have no more digits than they need', () => {
  expect([60, 300, 10_800, 12_960, 259_200].map(duration)).toEqual(['60 s', '5 min', '3 h', '3.6 h', '3 days']);
});
