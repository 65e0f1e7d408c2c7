import { expect, it } from 'vitest';
import { average, type Cohort } from './triangle';

const cell = (users: number, size: number, incomplete = false) => ({ users, rate: users / size, incomplete });
const cohorts: Cohort[] = [
  { label: 'a', size: 10, cells: [cell(10, 10), cell(4, 10), cell(9, 10, true)] },
  { label: 'b', size: 30, cells: [cell(30, 30), cell(2, 30)] },
  { label: 'c', size: 5, cells: [cell(5, 5, true)] },
];

it('the average is of the cohorts whose window is over', () => {
  expect(average(cohorts, 4)).toEqual([
    { rate: 1, users: 20, size: 20 },
    { rate: 0.15, users: 3, size: 20 },
    null,
    null,
  ]);
});
