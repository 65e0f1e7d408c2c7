// Stacked bars as one path for each series: thousands of elements would take longer to
// draw, and to fade behind one of them, than a frame lasts.
import type { Scale, Series } from './scale';

const widest = 44;
const roundest = 3;

/**
 * The buckets that are drawn. Where there are more of them than pixels, each column of
 * pixels has the one that reaches farthest.
 */
export function drawnBuckets(series: Series[], buckets: number, step: number): number[] {
  const perColumn = Math.max(1, Math.floor(1 / Math.max(step, 1e-9)));
  const reach = (bucket: number) => series.reduce((sum, { values }) => sum + Math.abs(values[bucket] ?? 0), 0);
  const drawn: number[] = [];
  for (let start = 0; start < buckets; start += perColumn) {
    let farthest = start;
    for (let i = start + 1; perColumn > 1 && i < Math.min(buckets, start + perColumn); i++) if (reach(i) > reach(farthest)) farthest = i;
    drawn.push(farthest);
  }
  return drawn;
}

/** For each series the outline of its bars. What is above zero is stacked upwards, what is below it downwards. */
export function barPaths(series: Series[], buckets: number[], { x, y, step }: Scale): string[] {
  const paths = series.map(() => '');
  const width = Math.max(1, Math.min(widest, step * 0.74));
  for (const bucket of buckets) {
    for (const side of [1, -1]) {
      const stacked = series.flatMap(({ values }, k) => ((values[bucket] ?? 0) * side > 0 ? [k] : []));
      let base = 0;
      for (const k of stacked) {
        const end = base + values(k, bucket);
        paths[k] += bar(x(bucket) - width / 2, width, y(base), y(end), k === stacked.at(-1));
        base = end;
      }
    }
  }
  return paths;

  function values(k: number, bucket: number): number {
    return series[k].values[bucket] ?? 0;
  }
}

/** A bar from its base to its end, which is round at the end of a stack. Nothing is too small to be seen. */
function bar(left: number, width: number, base: number, end: number, last: boolean): string {
  const away = end > base ? 1 : -1;
  const tip = Math.abs(end - base) < 1 ? base + away : end;
  const radius = last ? Math.min(roundest, width / 3, Math.abs(tip - base)) : 0;
  const [l, r, b, t, near] = [left, left + width, base, tip, tip - away * radius].map((n) => Number(n.toFixed(2)));
  const [from, to] = [left + radius, left + width - radius].map((n) => Number(n.toFixed(2)));
  return `M${l},${b}V${near}Q${l},${t} ${from},${t}H${to}Q${r},${t} ${r},${near}V${b}Z`;
}
