import { expect, it } from 'vitest';
import { funnelQuery, groups, reached, together, worst, type FunnelAsked, type FunnelRow } from './funnel';

const asked: FunnelAsked = {
  steps: [{ event: 'a', filters: [] }, { event: 'b', filters: ['properties.x=1'] }],
  window: '1d', order: 'ordered', filters: [], by: ['properties.os'],
};
const row = (step: number, users: number, os: string | null, group = 'value'): FunnelRow => ({
  step, users, rate: null, step_rate: null, avg_seconds: null, median_seconds: null, incomplete: false, group, 'properties.os': os,
});

it('asks for the steps with their filters', () => {
  expect(funnelQuery(asked, { from: 'f', to: 't' }).steps).toEqual(['{"event":"a"}', '{"event":"b","filter":["properties.x=1"]}']);
});

it('names those who left as the API does', () => {
  expect(JSON.parse(reached(asked, 1, true))).toEqual({
    funnel: { steps: [{ event: 'a' }, { event: 'b', filter: ['properties.x=1'] }], window: '1d', order: 'ordered' },
    reached: 1,
    dropped: true,
  });
});

it('names only those whom the filters of the funnel leave in', () => {
  const { funnel } = JSON.parse(reached({ ...asked, filters: ['properties.country=PL', '{"not":"user.a=1"}'] }, 1, true));
  expect(funnel.filter).toEqual(['properties.country=PL', { not: 'user.a=1' }]);
});

it('groups add up to the funnel', () => {
  const all = groups([row(1, 6, 'iOS'), row(2, 3, 'iOS'), row(1, 4, null), row(2, 1, null), row(1, 2, null, 'other'), row(2, 0, null, 'other')], asked.by);
  expect(all.map((group) => group.name)).toEqual(['iOS', '(none)', 'Other']);
  expect(together(all)).toEqual([12, 4]);
});

it('finds the step that loses most', () => {
  expect(worst([100, 90, 30, 29])).toBe(2);
  expect(worst([5, 5])).toBe(0);
  expect(worst([0, 0])).toBe(0);
});
