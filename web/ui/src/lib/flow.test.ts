import { expect, it } from 'vitest';
import { flow, type PathsRow } from './flow';

const row = (step: number, source: string, target: string | null, paths: number, group = 'value') =>
  ({ step, source, source_group: 'value', target, target_group: group, paths, users: paths }) as PathsRow;

it('what comes into a node goes out of it', () => {
  const drawn = flow([row(1, 'a', 'b', 6), row(1, 'a', null, 4, 'end'), row(2, 'b', 'c', 5), row(2, 'b', null, 1, 'end')], 400, 10);
  expect(drawn.total).toBe(10);
  expect(drawn.columns.map((column) => column.map(({ name, paths }) => [name, paths]))).toEqual([
    [['a', 10]],
    [['b', 6], ['Ended', 4]],
    [['c', 5], ['Ended', 1]],
  ]);
});

it('bands stay within their nodes', () => {
  const drawn = flow([row(1, 'a', 'x', 3), row(1, 'a', 'y', 2), row(1, 'b', 'x', 5)], 400, 10);
  for (const { from, to, y0, y1, height } of drawn.bands) {
    expect(y0).toBeGreaterThanOrEqual(from.y - 1e-9);
    expect(y0 + height).toBeLessThanOrEqual(from.y + from.height + 1e-6);
    expect(y1).toBeGreaterThanOrEqual(to.y - 1e-9);
    expect(y1 + height).toBeLessThanOrEqual(to.y + to.height + 1e-6);
  }
});
