// The forms that answers of tiles are shown in. Each is loaded when a tile needs it.
import type { Component } from 'svelte';
import type { Tile } from '../../lib/board';
import type { Note } from '../../lib/notes';
import type { Question } from '../../lib/tile';

/** A row of any answer. */
export type Row = Record<string, string | number | boolean | null | undefined>;


export interface FormProps {
  rows: Row[];
  tile: Tile;
  question: Question;
  zone: string;
  /** Pixels that there are. */
  height: number;
  notes?: Note[];
}

type Load = () => Promise<{ default: Component<FormProps> }>;

const anyRows: Load = () => import('./Rows.svelte');

const forms: Record<string, Load> = {
  '/api/stats/trends': () => import('./Trends.svelte'),
  '/api/stats/funnels': () => import('./Funnel.svelte'),
  '/api/stats/retention': () => import('./Retention.svelte'),
  '/api/stats/paths': () => import('./Paths.svelte'),
  '/api/stats/lifecycle': () => import('./Lifecycle.svelte'),
  '/api/stats/stickiness': () => import('./Stickiness.svelte'),
  '/api/stats/sessions': () => import('./Sessions.svelte'),
};

/** The form of a tile; what has no other is a table of its rows. */
export function formOf(tile: Tile): Load {
  const trends = tile.question?.route === '/api/stats/trends';
  if (tile.kind === 'table' && !trends) return anyRows;
  return forms[tile.question?.route ?? ''] ?? anyRows;
}
