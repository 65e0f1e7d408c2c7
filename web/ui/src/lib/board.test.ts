import { describe, expect, test } from 'vitest';
import { differences, freshId, moved, resized, restored, type Tile } from './board';

const tile = (id: string, more: Partial<Tile> = {}): Tile => ({ id, kind: 'text', size: { width: 6, height: 2 }, text: id, ...more });
const tiles = ['a', 'b', 'c', 'd'].map((id) => tile(id));
const ids = (of: Tile[]) => of.map(({ id }) => id).join('');

describe('tiles', () => {
  test('move to a place, and no further than the ends', () => {
    expect(ids(moved(tiles, 'b', 2))).toBe('acbd');
    expect(ids(moved(tiles, 'd', 0))).toBe('dabc');
    expect(ids(moved(tiles, 'a', -1))).toBe('abcd');
    expect(ids(moved(tiles, 'a', 99))).toBe('bcda');
    expect(ids(moved(tiles, 'x', 0))).toBe('abcd');
  });

  test('stay within the grid', () => {
    const size = (width: number, height: number) => resized(tiles, 'a', { width, height })[0].size;
    expect(size(13, 13)).toEqual({ width: 12, height: 12 });
    expect(size(0, -3)).toEqual({ width: 1, height: 1 });
    expect(size(4.4, 2.6)).toEqual({ width: 4, height: 3 });
  });

  test('come back to where they were', () => {
    const rest = tiles.filter(({ id }) => id !== 'c');
    expect(ids(restored(rest, tiles[2], 2))).toBe('abcd');
    expect(ids(restored(rest.slice(0, 1), tiles[2], 2))).toBe('ac');
  });

  test('come back beside one that has their id by now', () => {
    const fresh = tile(freshId([tile('t1')]), { text: 'new' });
    const back = restored([tile('t1'), fresh], tile('t2', { text: 'old' }), 1);
    expect(back.map(({ id, text }) => [id, text])).toEqual([['t1', 't1'], ['t3', 'old'], ['t2', 'new']]);
  });

  test('have ids of their own', () => {
    expect(freshId([])).toBe('t1');
    expect(freshId([tile('t3'), tile('t4')])).toBe('t5');
  });
});

test('two versions of a board differ in tiles, whatever the order of keys', () => {
  const mine = [tile('a', { text: 'one' }), tile('b'), tile('new')];
  const theirs = [tile('a', { text: 'two' }), JSON.parse('{"text":"b","size":{"height":2,"width":6},"kind":"text","id":"b"}') as Tile];
  expect(differences(mine, theirs).map(({ difference }) => difference)).toEqual(['changed', 'same', 'only here']);
});
