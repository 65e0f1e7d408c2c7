import { expect, test } from 'vitest';
import { queue } from './queue';

test('a few tasks at a time, all in the end, one that fails too', async () => {
  const run = queue(2);
  let running = 0;
  let most = 0;
  const task = (n: number) => async () => {
    most = Math.max(most, ++running);
    await Promise.resolve();
    running--;
    if (n === 1) throw new Error('refused');
    return n;
  };
  const results = await Promise.allSettled([0, 1, 2, 3, 4].map((n) => run(task(n))));
  expect(results.map((result) => (result.status === 'fulfilled' ? result.value : 'failed'))).toEqual([0, 'failed', 2, 3, 4]);
  expect(most).toBe(2);
});
