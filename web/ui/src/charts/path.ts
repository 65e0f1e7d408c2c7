// Paths of lines and areas. Lines are straight: nothing is invented between points.
import { area, line } from 'd3-shape';
import type { Scale, Values } from './scale';

const digits = 2; // of pixels: more make paths three times as long

type Point = readonly [x: number, y: number] | null;

/**
 * The points of a stretch of buckets. Where there are more of them than pixels, each
 * column of pixels has only its lowest and highest value, in their order: the picture
 * is the same, drawing it is not.
 */
export function points(values: Values, from: number, to: number, { x, y, step }: Scale): Point[] {
  const all: Point[] = [];
  const perColumn = Math.floor(1 / Math.max(step, 1e-9));
  if (perColumn < 3) {
    for (let i = from; i <= to; i++) all.push(point(values, i));
    return all;
  }
  for (let start = from; start <= to; start += perColumn) {
    const end = Math.min(to, start + perColumn - 1);
    for (const i of extremes(values, start, end)) all.push(point(values, i));
  }
  return all;

  function point(of: Values, i: number): Point {
    const value = of[i];
    return value === null || value === undefined ? null : [x(i), y(value)];
  }
}

/** Where the lowest and the highest value of a stretch are, in order; its first when all are missing. */
export function extremes(values: Values, from: number, to: number): number[] {
  let low = -1;
  let high = -1;
  for (let i = from; i <= to; i++) {
    const value = values[i];
    if (value === null || value === undefined) continue;
    if (low < 0 || value < values[low]!) low = i;
    if (high < 0 || value > values[high]!) high = i;
  }
  if (low < 0) return [from];
  if (low === high) return [low];
  return low < high ? [low, high] : [high, low];
}

const isThere = (point: Point) => point !== null;

export function linePath(drawn: Point[]): string {
  const make = line<Point>(
    (point) => point![0],
    (point) => point![1],
  )
    .defined(isThere)
    .digits(digits);
  return make(drawn) ?? '';
}

export function areaPath(drawn: Point[], base: number): string {
  const make = area<Point>()
    .x((point) => point![0])
    .y0(base)
    .y1((point) => point![1])
    .defined(isThere)
    .digits(digits);
  return make(drawn) ?? '';
}
