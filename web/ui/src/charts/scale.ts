// The geometry of a chart over buckets.
import { ticks } from 'd3-array';

export type Values = readonly (number | null)[];

export interface Series {
  name: string;
  color: string;
  values: Values;
  /** The same in the compared period, bucket by bucket. */
  before?: Values;
}

export type Kind = 'line' | 'area' | 'bar';

export interface Scale {
  ticks: number[];
  left: number;
  inner: number;
  /** Distance from one bucket to the next. */
  step: number;
  x: (index: number) => number;
  y: (value: number) => number;
  /** The bucket at a place. */
  at: (x: number) => number;
}

const top = 12;
const bottom = 24;
const right = 8;

/** The highest value that is drawn: of stacks the highest sum. */
export function peak(series: Series[], stacked: boolean): number {
  let highest = 0;
  if (stacked) {
    const length = series[0]?.values.length ?? 0;
    for (let i = 0; i < length; i++) {
      highest = Math.max(highest, stack(series, i, 1));
    }
    return highest;
  }
  for (const one of series) {
    for (const value of one.values) highest = Math.max(highest, value ?? 0);
    for (const value of one.before ?? []) highest = Math.max(highest, value ?? 0);
  }
  return highest;
}

/** The height of a bucket's stack above zero, or with −1 below it. */
function stack(series: Series[], bucket: number, side: 1 | -1): number {
  return series.reduce((sum, one) => sum + Math.max(0, side * (one.values[bucket] ?? 0)), 0);
}

/** The lowest value that is drawn, 0 unless something is below it. */
export function trough(series: Series[], stacked: boolean): number {
  let lowest = 0;
  if (stacked) {
    const length = series[0]?.values.length ?? 0;
    for (let i = 0; i < length; i++) lowest = Math.min(lowest, -stack(series, i, -1));
    return lowest;
  }
  for (const one of series) {
    for (const value of one.values) lowest = Math.min(lowest, value ?? 0);
    for (const value of one.before ?? []) lowest = Math.min(lowest, value ?? 0);
  }
  return lowest;
}

/** The first bucket that is not over; Infinity when all are. */
export function firstOpen(buckets: { incomplete: boolean }[]): number {
  const first = buckets.findLastIndex((bucket) => !bucket.incomplete) + 1;
  return first === buckets.length ? Infinity : first;
}

/** The mean of the buckets that are over. */
export function mean(values: Values, openFrom: number): number | null {
  const whole = values.filter((value, i): value is number => value !== null && i < openFrom);
  return whole.length ? whole.reduce((sum, value) => sum + value, 0) / whole.length : null;
}

export function highest(values: Values): number | null {
  const there = values.filter((value) => value !== null);
  return there.length ? Math.max(...there) : null;
}

interface Size {
  width: number;
  height: number;
  buckets: number;
  bars: boolean;
}

export function scale(size: Size, lowest: number, highest: number, format: (n: number) => string): Scale {
  const { width, height, buckets, bars } = size;
  const most = highest > lowest ? highest : lowest + 1;
  // Of a few people there are no halves.
  const counts = most >= 4 || most < 1.5;
  const lines = ticks(lowest * 1.04, most * 1.04, height < 180 ? 3 : 4).filter((tick) => counts || Number.isInteger(tick));
  const max = Math.max(lines.at(-1) ?? 1, most * 1.02);
  const min = Math.min(lines[0] ?? 0, lowest * 1.02);
  const left = Math.max(...lines.map((tick) => format(tick).length)) * 7 + 10;
  const inner = Math.max(10, width - left - right);
  const step = bars ? inner / buckets : inner / Math.max(1, buckets - 1);
  const first = bars ? left + step / 2 : buckets === 1 ? left + inner / 2 : left;
  return {
    ticks: lines,
    left,
    inner,
    step,
    x: (index) => first + step * index,
    y: (value) => top + (height - top - bottom) * (1 - (value - min) / (max - min)),
    at: (x) => Math.max(0, Math.min(buckets - 1, bars ? Math.floor((x - left) / step) : Math.round((x - left) / step))),
  };
}

/** The buckets that have a label below: as many as fit, the last one always. */
export function labelled(buckets: number, inner: number): number[] {
  const room = 76;
  const every = Math.max(1, Math.ceil(buckets / Math.max(2, Math.floor(inner / room))));
  const marks: number[] = [];
  for (let i = buckets - 1; i >= 0; i -= every) marks.unshift(i);
  return marks;
}
