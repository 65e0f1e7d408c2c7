import { describe, expect, test } from 'vitest';
import type { Tile } from './board';
import { trendsQuery } from './explore';
import { funnelQuery } from './funnel';
import { asked, boundsOf, funnelOf, overruled, pageOf, rangeOf, spanOf, stored, trendsOf, zoneOf } from './tile';
import { range } from './time';

const today = '2026-11-29';
const of = (kind: Tile['kind'], question: Tile['question']): Tile => ({ id: 't1', kind, size: { width: 6, height: 3 }, question });
const trends = {
  events: ['purchase', '{"odd'],
  measure: 'sum(properties.price)',
  filters: ['properties.country=PL', '{"any":["a=1","b=2"]}'],
  any: false,
  by: ['properties.os'],
  interval: 'week',
  compare: 'previous',
  formulas: ['A/B'],
  rolling: '7',
} as const;

describe('a question of a page', () => {
  const question = stored('/api/stats/trends', trendsQuery({ ...trends, events: [...trends.events], filters: [...trends.filters], by: [...trends.by], formulas: [...trends.formulas] }, boundsOf(range('30d', today))));

  test('is stored as JSON, without what is not asked, with dates that move', () => {
    expect(question.params).toEqual({
      from: '-29d',
      to: 'today',
      series: [{ event: 'purchase' }, { event: '{"odd' }],
      measure: 'sum(properties.price)',
      interval: 'week',
      fill: 'zero',
      filter: ['properties.country=PL', { any: ['a=1', 'b=2'] }],
      breakdown: ['properties.os'],
      top: 1,
      formula: ['A/B'],
      compare: 'previous',
      rolling: 7,
    });
  });

  test('comes back as it was asked', () => {
    expect(trendsOf(question.params)).toEqual(trends);
    const funnel = { steps: [{ event: 'a', filters: [] }, { event: 'b', filters: ['x=1'] }], window: '1d', order: 'any', filters: [], by: ['properties.os'] };
    expect(funnelOf(stored('/api/stats/funnels', funnelQuery(funnel, boundsOf(range('7d', today)))).params)).toEqual(funnel);
  });

  test('opens on its page', () => {
    expect(pageOf(of('bar', question))).toEqual({
      path: '/explore',
      query: {
        e: ['purchase', '{"odd'], m: 'sum:properties.price', f: ['properties.country=PL', '{"any":["a=1","b=2"]}'],
        by: ['properties.os'], i: 'week', cmp: 'previous', q: ['A/B'], roll: '7', v: 'bar',
      },
    });
    expect(pageOf(of('text', undefined))).toBeUndefined();
    expect(pageOf(of('table', { route: '/api/stats/top-events', params: {} }))).toBeUndefined();
  });

  test('is asked about the board’s dates and in its zone', () => {
    const board = { from: '-6d', to: 'today', timezone: 'Asia/Kathmandu' };
    expect(asked(question, board, 'UTC', today)).toMatchObject({ from: '-6d', to: 'today', timezone: 'UTC' });
    expect(asked(question, undefined, 'UTC', today)).toMatchObject({ from: '-29d', to: 'today' });
    const retention = stored('/api/stats/retention', { start_date: '-77d', end_date: 'today' });
    expect(asked(retention, board, 'UTC', today)).toEqual({ start_date: '2026-11-23', end_date: today, timezone: 'UTC' });
    expect(asked(retention, undefined, 'UTC', today)).toMatchObject({ start_date: '2026-09-13', end_date: today });
    const months = stored('/api/stats/retention', { start_date: '-5mo', end_date: '2026-11-28' });
    expect(asked(months, undefined, 'UTC', today)).toMatchObject({ start_date: '2026-06-01', end_date: '2026-11-28' });
    expect(asked(stored('/api/stats/event-types', {}), board, 'UTC', today)).toEqual({ timezone: 'UTC' });
    expect(zoneOf(question, board, 'UTC')).toBe('Asia/Kathmandu');
    expect(zoneOf(stored('', { timezone: 'Europe/Kyiv' }), undefined, 'UTC')).toBe('Europe/Kyiv');
    expect(zoneOf(question, {}, 'UTC')).toBe('UTC');
  });

  test('says when the board’s dates take the place of its own', () => {
    expect(overruled(question, { from: '-6d', to: 'today' })).toBe(true);
    expect(overruled(question, { from: '-29d', to: 'today' })).toBe(false);
    expect(overruled(question, { timezone: 'UTC' })).toBe(false);
    expect(overruled(stored('/api/stats/profiles', {}), { from: '-6d', to: 'today' })).toBe(false);
  });
});

test('ranges move with today where the API has a word for it', () => {
  for (const key of ['today', 'yesterday', '7d', '30d', '90d', '12m']) {
    expect(rangeOf(boundsOf(range(key, today)), today)).toEqual(range(key, today));
  }
  expect(boundsOf(range('mtd', today))).toEqual({ from: '2026-11-01', to: today });
  expect(rangeOf({ from: '2026-11-01', to: today }, today).key).toBe('custom');
  expect(rangeOf({ from: '-2w', to: 'today' }, today).label).toBe('2 weeks ago to today');
});

test('series are event types, objects or texts of JSON, and keep their places', () => {
  const events = (series: unknown) => trendsOf({ series }).events;
  expect(events('["*",{"event":"buy"}]')).toEqual(['*', 'buy']);
  expect(events(['{"event":"buy"}', 'sell', '*'])).toEqual(['buy', 'sell', '*']);
  expect(events({ event: ['buy', 'sell'] })).toEqual(['buy, sell']);
  for (const all of ['*', ['*'], { event: '*' }, '["*"]', undefined]) expect(events(all)).toEqual([]);
  expect(funnelOf({ steps: '["open",{"event":"buy","filter":"a=1"}]' }).steps).toEqual([
    { event: 'open', filters: [] },
    { event: 'buy', filters: ['a=1'] },
  ]);
  const several = of('line', { route: '/api/stats/trends', params: { series: [{ event: ['buy', 'sell'] }] } });
  expect(pageOf(several)).toBeUndefined();
});

test('the span of tiles is from the first to the last day that any is asked about', () => {
  const tile = (route: string, params: Record<string, unknown>) => of('line', { route: `/api/stats/${route}`, params } as Tile['question']);
  const tiles = [
    of('text', undefined),
    tile('trends', { from: '-29d', to: 'yesterday' }),
    tile('retention', { start_date: '-11w', end_date: '2026-11-01' }),
    tile('profiles', {}),
  ];
  expect(spanOf(tiles, undefined, today)).toEqual({ from: '2026-09-13', to: '2026-11-28' });
  expect(spanOf(tiles, { from: '-6d', to: 'today' }, today)).toEqual({ from: '2026-11-23', to: today });
  expect(spanOf(tiles.slice(0, 1), undefined, today)).toBeUndefined();
});
