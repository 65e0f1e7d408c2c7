import { expect, it } from 'vitest';
import { barPaths, drawnBuckets } from './bars';
import { scale, type Values } from './scale';

const colored = (...all: Values[]) => all.map((values, k) => ({ name: String(k), color: 'red', values }));

/** The ends of bars, from the top. */
const ends = (path: string) => [...path.matchAll(/Q[\d.]+,([\d.]+) [\d.]+,[\d.]+H/g)].map(([, y]) => Number(y));

it('bars are stacked away from zero on either side, and one of nothing is none', () => {
  const series = colored([2, 0], [3, -1], [-4, -1]);
  const geometry = scale({ width: 400, height: 200, buckets: 2, bars: true }, -4, 5, String);
  const near = (values: number[]) => values.map((value) => expect.closeTo(geometry.y(value), 1));
  const paths = barPaths(series, [0, 1], geometry);
  expect(ends(paths[0])).toEqual(near([2]));
  expect(ends(paths[1])).toEqual(near([5, -1]));
  expect(ends(paths[2])).toEqual(near([-4, -2]));
});

it('only the end of a stack is round', () => {
  const geometry = scale({ width: 400, height: 200, buckets: 1, bars: true }, 0, 5, String);
  const [inner, outer] = barPaths(colored([2], [3]), [0], geometry);
  const radius = (path: string) => {
    const [, left, from] = /Q([\d.]+),[\d.]+ ([\d.]+),/.exec(path)!;
    return Number(from) - Number(left);
  };
  expect(radius(inner)).toBe(0);
  expect(radius(outer)).toBe(3);
});

it('a small value is seen', () => {
  const geometry = scale({ width: 400, height: 200, buckets: 1, bars: true }, 0, 1e6, String);
  const [path] = barPaths(colored([1]), [0], geometry);
  expect(ends(path)).toEqual([expect.closeTo(geometry.y(0) - 1, 1)]);
});

it('of more buckets than pixels those that reach farthest are drawn', () => {
  const values = Array.from({ length: 2160 }, (_, i) => (i === 1001 ? 9 : 1));
  const drawn = drawnBuckets(colored(values), 2160, 0.25);
  expect(drawn).toHaveLength(540);
  expect(drawn).toContain(1001);
  expect(drawnBuckets(colored([1, 2, 3]), 3, 40)).toEqual([0, 1, 2]);
});
