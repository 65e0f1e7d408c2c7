import { describe, expect, it } from 'vitest';
import { measureOf, tabulate, trendsQuery, type Asked, type TrendsRow } from './explore';

const asked: Asked = {
  events: ['a', 'b'], measure: 'users', filters: [], any: false, by: [], interval: 'day', compare: '', formulas: [], rolling: '',
};
const range = { from: '2026-11-01', to: '2026-11-03' };
const row = (bucket: string, series: string, value: number | null, more: Partial<TrendsRow> = {}): TrendsRow => ({
  bucket, series, value, incomplete: false, ...more,
});

describe('trendsQuery', () => {
  it('asks for all events when none is picked', () => {
    expect(trendsQuery({ ...asked, events: [] }, range).series).toEqual(['*']);
  });
  it('spells events as JSON, whatever they are called', () => {
    expect(trendsQuery({ ...asked, events: ['{"x', 'a,b'] }, range).series).toEqual(['{"event":"{\\"x"}', '{"event":"a,b"}']);
  });
  it('has rolling or cumulative', () => {
    expect(trendsQuery({ ...asked, rolling: '7' }, range)).toMatchObject({ rolling: 7, cumulative: undefined });
    expect(trendsQuery({ ...asked, rolling: 'all' }, range)).toMatchObject({ rolling: undefined, cumulative: true });
  });
  it('asks for no more groups than there are colours', () => {
    expect(trendsQuery({ ...asked, by: ['properties.os'] }, range).top).toBe(3);
  });
});

it('measures of properties are written as the API has them', () => {
  expect(measureOf('sum:properties.a:b')).toBe('sum(properties.a:b)');
  expect(measureOf('users')).toBe('users');
});

describe('tabulate', () => {
  it('keeps buckets and series in their order', () => {
    const table = tabulate([row('1', 'A', 1), row('1', 'B', 2), row('2', 'A', 3), row('2', 'B', 4, { incomplete: true })], asked);
    expect(table.buckets).toEqual(['1', '2']);
    expect(table.series.map(({ name, values }) => [name, values])).toEqual([['a', [1, 3]], ['b', [2, 4]]]);
  });
  it('names a series of all events beside others', () => {
    const table = tabulate([row('1', 'A', 1), row('1', 'B', 2)], { ...asked, events: ['*', 'b'] });
    expect(table.series.map(({ name }) => name)).toEqual(['All events', 'b']);
  });
  it('knows where the buckets begin that are not over', () => {
    const open = { incomplete: true };
    expect(tabulate([row('1', 'A', 1), row('2', 'A', 2, open), row('3', 'A', 0, open)], asked).openFrom).toBe(1);
    // The first bucket is cut by the range: only those at the end are open.
    expect(tabulate([row('1', 'A', 1, open), row('2', 'A', 2)], asked).openFrom).toBe(Infinity);
  });
  it('tells missing values, others and texts that look like them apart', () => {
    const by = ['properties.os'];
    const rows = [
      row('1', 'A', 1, { group: 'value', 'properties.os': null }),
      row('1', 'A', 2, { group: 'value', 'properties.os': '(none)' }),
      row('1', 'A', 3, { group: 'other', 'properties.os': null }),
    ];
    expect(tabulate(rows, { ...asked, events: ['a'], by }).series.map(({ values }) => values)).toEqual([[1], [2], [3]]);
  });
  it('keeps the same event twice apart, by keys that totals have too', () => {
    const twice = { ...asked, events: ['a', 'a'] };
    const table = tabulate([row('1', 'A', 1), row('1', 'B', 2)], twice);
    const totals = tabulate([row('all', 'B', 20), row('all', 'A', 10)], twice);
    expect(table.series.map(({ name }) => name)).toEqual(['a', 'a']);
    expect(table.series.map(({ key }) => totals.series.find((one) => one.key === key)?.values)).toEqual([[10], [20]]);
  });
  it('has null where a group has no row', () => {
    const by = ['x'];
    const rows = [row('1', 'A', 1, { group: 'value', x: 'u' }), row('2', 'A', 5, { group: 'value', x: 'v' })];
    expect(tabulate(rows, { ...asked, events: ['a'], by }).series.map(({ values }) => values)).toEqual([[1, null], [null, 5]]);
  });
});
