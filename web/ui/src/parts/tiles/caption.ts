// What a picture of a tile says above it.
import type { Answer } from '../../lib/api';
import { titleOf, type BoardRange, type Tile } from '../../lib/board';
import { captionOf } from '../../lib/caption';
import { tabulate, type TrendsRow } from '../../lib/explore';
import { todayIn } from '../../lib/now.svelte';
import type { Caption } from '../../lib/picture';
import { ownDates, rangeOf, trendsOf } from '../../lib/tile';
import type { Range } from '../../lib/time';
import type { Row } from './form';

/** The dates that a tile is shown with: the board's win. */
export function datesOf(tile: Tile, range: BoardRange | undefined, zone: string): Range {
  return rangeOf(range?.from ? range : tile.question ? ownDates(tile.question) : {}, todayIn(zone));
}

export function captionOfTile(tile: Tile, range: BoardRange | undefined, zone: string, answer: Answer<Row> | undefined): Caption {
  const trends = tile.question?.route === '/api/stats/trends' ? tile.question : undefined;
  const series = trends && answer ? tabulate(answer.data as TrendsRow[], trendsOf(trends.params)).series : [];
  return captionOf(titleOf(tile), datesOf(tile, range, zone), zone, answer?.meta, series);
}
