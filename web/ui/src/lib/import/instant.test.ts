import { describe, expect, it } from 'vitest';
import { formatOf, instantOf, type TimeFormat } from './instant';

describe('instantOf', () => {
  it.each([
    ['2025-08-21T06:52:34+03:00', 'iso', 'Europe/Warsaw', '2025-08-21T03:52:34.000Z'],
    ['2025-08-21 06:52:34.123456Z', 'iso', 'Europe/Warsaw', '2025-08-21T06:52:34.123456Z'],
    ['2025-08-21 06:52', 'iso', 'Europe/Warsaw', '2025-08-21T04:52:00.000Z'],
    ['2025-08-21', 'iso', 'Asia/Kathmandu', '2025-08-20T18:15:00.000Z'],
    ['2025-08-21', 'iso', 'UTC', '2025-08-21T00:00:00.000Z'],
    ['21.8.2025 06:52:34', 'dmy', 'UTC', '2025-08-21T06:52:34.000Z'],
    ['8/21/2025, 06:52', 'mdy', 'UTC', '2025-08-21T06:52:00.000Z'],
    ['1755751954', 'seconds', 'Europe/Warsaw', '2025-08-21T04:52:34.000Z'],
    ['1087921708.679', 'seconds', 'UTC', '2004-06-22T16:28:28.679Z'],
    ['1755751954000', 'milliseconds', 'UTC', '2025-08-21T04:52:34.000Z'],
    // Clocks go back from 3 to 2: the first of both; forward from 2 to 3: half past 2 is half past 3.
    ['2025-10-26 02:30', 'iso', 'Europe/Warsaw', '2025-10-26T00:30:00.000Z'],
    ['2025-10-26 03:30', 'iso', 'Europe/Warsaw', '2025-10-26T02:30:00.000Z'],
    ['2025-10-26 01:30', 'iso', 'Europe/Warsaw', '2025-10-25T23:30:00.000Z'],
    ['2025-03-30 02:30', 'iso', 'Europe/Warsaw', '2025-03-30T01:30:00.000Z'],
    ['2025-03-30 03:30', 'iso', 'Europe/Warsaw', '2025-03-30T01:30:00.000Z'],
    ['2025-03-09 03:00', 'iso', 'America/St_Johns', '2025-03-09T05:30:00.000Z'],
    ['2025-11-02 01:15', 'iso', 'America/St_Johns', '2025-11-02T03:45:00.000Z'],
  ] as [string, TimeFormat, string, string][])('%s as %s in %s', (text, format, zone, instant) => {
    expect(instantOf(text, format, zone)).toBe(instant);
  });
  it.each([
    ['', 'iso'],
    ['yesterday', 'iso'],
    ['2025-02-30', 'iso'],
    ['2025-13-01', 'iso'],
    ['2025-01-01 25:00', 'iso'],
    ['31.2.2025', 'dmy'],
    ['13/13/2025', 'mdy'],
    ['12:00', 'seconds'],
  ] as [string, TimeFormat][])('%j is not %s', (text, format) => {
    expect(instantOf(text, format, 'UTC')).toBeUndefined();
  });
});

it.each([
  ['2025-08-21T06:52:34Z', 'iso'],
  ['21.08.2025', 'dmy'],
  ['08/21/2025', 'mdy'],
  ['21/08/2025', 'dmy'],
  ['1755751954', 'seconds'],
  ['1755751954123', 'milliseconds'],
])('the format of %s is %s', (text, format) => {
  expect(formatOf(text)).toBe(format);
});
