import { describe, expect, it } from 'vitest';
import { extremes, points } from './path';
import { highest, labelled, mean, peak, scale, trough, type Values } from './scale';

const format = (n: number) => String(n);

describe('points', () => {
  it('draws the lowest and highest of each column of pixels', () => {
    const values = Array.from({ length: 10_000 }, (_, i) => (i === 5_000 ? 1_000 : i === 7_777 ? -1_000 : i % 7));
    const geometry = scale({ width: 600, height: 200, buckets: values.length, bars: false }, -1_000, 1_000, format);
    const drawn = points(values, 0, values.length - 1, geometry);
    expect(drawn.length).toBeLessThan(1_400);
    const heights = drawn.map((point) => point![1]);
    expect(Math.min(...heights)).toBeCloseTo(geometry.y(1_000));
    expect(Math.max(...heights)).toBeCloseTo(geometry.y(-1_000));
    const places = drawn.map((point) => point![0]);
    expect(places).toEqual([...places].sort((a, b) => a - b));
  });
  it('draws all where there is room, and gaps where values are missing', () => {
    const values: Values = [1, null, 3];
    const geometry = scale({ width: 600, height: 200, buckets: 3, bars: false }, 0, 3, format);
    expect(points(values, 0, 2, geometry).map((point) => point && geometry.at(point[0]))).toEqual([0, null, 2]);
  });
});

it('extremes keep their order', () => {
  expect(extremes([5, 1, 9, 3], 0, 3)).toEqual([1, 2]);
  expect(extremes([5, 9, 1, 3], 0, 3)).toEqual([1, 2]);
  expect(extremes([null, null], 0, 1)).toEqual([0]);
  expect(extremes([null, 4], 0, 1)).toEqual([1]);
});

it('peak is of stacks the sum', () => {
  const series = [
    { name: 'a', color: '', values: [1, 2], before: [9, 0] },
    { name: 'b', color: '', values: [3, null] },
  ];
  expect(peak(series, true)).toBe(4);
  expect(peak(series, false)).toBe(9);
});

it('trough is of the compared period too', () => {
  const series = [{ name: 'a', color: '', values: [1, -2], before: [-5, null] }];
  expect(trough(series, false)).toBe(-5);
  expect(trough(series, true)).toBe(-2);
});

it('labels fit, and the last bucket has one', () => {
  const marks = labelled(90, 800);
  expect(marks.at(-1)).toBe(89);
  expect(marks.length).toBeLessThanOrEqual(11);
});

it('means and highest leave out what is not over or not there', () => {
  expect(mean([2, 4, 100], 2)).toBe(3);
  expect(mean([100], 0)).toBeNull();
  expect(highest([null, 3, 1])).toBe(3);
  expect(highest([null])).toBeNull();
});
