import { expect, test } from 'vitest';
import { captionOf } from './caption';

test('a picture names the days of its range, and dates of other forms as they are', () => {
  const details = (from: string, to: string, label: string) => captionOf('Title', { key: '', from, to, label }, 'UTC', undefined, []).details;
  expect(details('2026-11-23', '2026-11-29', 'Last 7 days')).toBe('Last 7 days (23 Nov – 29 Nov) · UTC');
  expect(details('2026-11-23', '2026-11-29', '23 Nov – 29 Nov')).toBe('23 Nov – 29 Nov · UTC');
  expect(details('2026-11-29', '2026-11-29', 'Today')).toBe('Today (29 Nov) · UTC');
  expect(details('-11w', 'today', '-11w to today')).toBe('-11w to today · UTC');
});
