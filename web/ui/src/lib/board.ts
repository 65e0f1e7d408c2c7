// Boards: tiles in reading order on a grid of 12 columns, and what can be done to them.
import type { Schemas } from './api';

export type Board = Schemas['Board'];
export type BoardRange = Schemas['BoardRange'];
export type Tile = Schemas['Tile'];
export type Kind = Tile['kind'];
export type Size = Tile['size'];

/** What a person changes of a board. */
export interface Content {
  name: string;
  range?: BoardRange;
  tiles: Tile[];
}

export const columns = 12;
const highest = 12; // rows
export const mostTiles = 50;

/** The size of a new tile. */
export const usualSize: Record<Kind, Size> = {
  number: { width: 4, height: 2 },
  line: { width: 6, height: 3 },
  area: { width: 6, height: 3 },
  bar: { width: 6, height: 3 },
  map: { width: 12, height: 3 },
  table: { width: 6, height: 3 },
  retention: { width: 12, height: 4 },
  funnel: { width: 6, height: 3 },
  paths: { width: 12, height: 4 },
  text: { width: 12, height: 1 },
};

export const kindNames: Record<Kind, string> = {
  number: 'Number',
  line: 'Line',
  area: 'Area',
  bar: 'Bars',
  map: 'Hours by weekday',
  table: 'Table',
  retention: 'Retention',
  funnel: 'Funnel',
  paths: 'Paths',
  text: 'Text',
};

export const contentOf = ({ name, range, tiles }: Board): Content => ({ name, range, tiles });

export const titleOf = (tile: Tile): string => tile.title || tile.text?.split('\n')[0].slice(0, 60) || kindNames[tile.kind];

/** The tiles with one at another place; a place beyond the ends is the end. */
export function moved(tiles: Tile[], id: string, place: number): Tile[] {
  const tile = tiles.find((one) => one.id === id);
  if (!tile) return tiles;
  const others = tiles.filter((one) => one !== tile);
  const at = Math.max(0, Math.min(others.length, place));
  return [...others.slice(0, at), tile, ...others.slice(at)];
}

/** The tiles with one of another size, within the grid. */
export function resized(tiles: Tile[], id: string, size: Size): Tile[] {
  const within = (n: number, most: number) => Math.max(1, Math.min(most, Math.round(n)));
  const fitting = { width: within(size.width, columns), height: within(size.height, highest) };
  return tiles.map((tile) => (tile.id === id ? { ...tile, size: fitting } : tile));
}

/** The tiles with one back where it was; its id may be another tile's by now. */
export function restored(tiles: Tile[], tile: Tile, place: number): Tile[] {
  const id = tiles.some((one) => one.id === tile.id) ? freshId(tiles) : tile.id;
  return moved([...tiles, { ...tile, id }], id, place);
}

/** An id that no tile of a board has. */
export function freshId(tiles: Tile[]): string {
  let n = tiles.length + 1;
  while (tiles.some((tile) => tile.id === `t${n}`)) n++;
  return `t${n}`;
}

/** How two versions of a tile relate. */
export type Difference = 'same' | 'changed' | 'only here';

/** Each tile of a version beside those of another. */
export function differences(here: Tile[], there: Tile[]): { tile: Tile; difference: Difference }[] {
  return here.map((tile) => {
    const other = there.find((one) => one.id === tile.id);
    if (!other) return { tile, difference: 'only here' };
    return { tile, difference: isSame(tile, other) ? 'same' : 'changed' };
  });
}

/** Whether two values are the same JSON. */
export const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));

// Keys of objects come back in another order than they were sent in.
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([name, one]) => [name, sorted(one)]));
}
