import { render } from 'svelte/server';
import { expect, it } from 'vitest';
import Lines from './Lines.svelte';
import { scale } from './scale';

/** The paths of lines over three buckets that are open from one on. */
function drawn(open: number): string[] {
  const geometry = scale({ width: 600, height: 200, buckets: 3, bars: false }, 0, 9, String);
  const series = [{ name: 'a', color: 'red', values: [1, 5, 9] }];
  const { body } = render(Lines, {
    props: { series, buckets: 3, geometry, open, at: -1, active: -1, axis: 180, height: 200, filled: false },
  });
  return [...body.matchAll(/class="line[^"]*" d="([^"]+)"/g)].map((match) => match[1]);
}
const points = (path: string) => path.split(/[ML]/).length - 1;

it('what is open is drawn from the last whole bucket on', () => {
  expect(drawn(3).map(points)).toEqual([3]);
  expect(drawn(2).map(points)).toEqual([2, 2]);
});

it('a line of open buckets alone is drawn', () => {
  expect(drawn(0).map(points)).toEqual([3]);
});
