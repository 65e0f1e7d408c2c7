// Boards that are shown to others by a link. Its secret is after the #, so that it
// reaches no log; it is sent in a header.
import { problemOf, type Answer, type Schemas } from './api';
import type { Tile } from './board';

/** A link, as those who made it see it. */
export type Share = Schemas['Share'];

/** What a link shows. */
export type SharedBoard = Schemas['SharedBoard'];

/** The secret of an address; nothing where it is none. */
export const secretOf = (hash: string): string => /^#(eas_[a-z2-7]{26})$/.exec(hash)?.[1] ?? '';

export const linkOf = (origin: string, secret: string): string => `${origin}/share#${secret}`;

async function get(secret: string, path: string, signal?: AbortSignal): Promise<Response> {
  // Without cookies: a login must not decide about what a link shows.
  const response = await fetch(path, { signal, credentials: 'omit', headers: { Authorization: `Share ${secret}` } });
  if (response.ok) return response;
  throw await problemOf(response);
}

export async function sharedBoard(secret: string): Promise<SharedBoard> {
  return (await (await get(secret, '/api/share')).json()) as SharedBoard;
}

const tilePath = (tile: Tile) => `/api/share/tiles/${encodeURIComponent(tile.id)}`;

export async function sharedAnswer<Row>(secret: string, tile: Tile, signal?: AbortSignal): Promise<Answer<Row>> {
  return (await (await get(secret, tilePath(tile), signal)).json()) as Answer<Row>;
}

/** A tile's answer as a file. A link cannot carry the secret in a header. */
export async function sharedCSV(secret: string, tile: Tile): Promise<Blob> {
  return (await get(secret, `${tilePath(tile)}?format=csv`)).blob();
}
