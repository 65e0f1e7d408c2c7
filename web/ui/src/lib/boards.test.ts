// @vitest-environment node
import { beforeEach, expect, test, vi } from 'vitest';
import type { Board, Tile } from './board';

// The modules read the address when they are loaded.
const listeners = new Map<string, (event: Event) => void>();
vi.stubGlobal('location', { pathname: '/', search: '', origin: 'http://localhost' });
vi.stubGlobal('addEventListener', (name: string, listener: (event: Event) => void) => listeners.set(name, listener));
vi.stubGlobal('document', { addEventListener: () => {} });
const { openBoard } = await import('./boards.svelte');
const { login } = await import('./session.svelte');

const tile: Tile = { id: 't1', kind: 'text', text: 'one', size: { width: 12, height: 1 } };
const board = (version: number, text = 'one') => ({ id: 1, name: 'Sales', version, tiles: [{ ...tile, text }] }) as unknown as Board;
const fetched = vi.fn<(path: string, init: RequestInit) => Promise<Response>>();
vi.stubGlobal('fetch', fetched);
const answers = (body: object, status = 200) => fetched.mockResolvedValueOnce(Response.json(body, { status }));
const ended = () => vi.advanceTimersByTimeAsync(0);
const methods = () => fetched.mock.calls.map(([, { method }]) => method);
const logIn = (id: number) => (login.user = { id } as typeof login.user);
const asksBeforeUnload = () => {
  const event = new Event('beforeunload', { cancelable: true });
  listeners.get('beforeunload')!(event);
  return event.defaultPrevented;
};

let path = '';
beforeEach(() => {
  vi.useFakeTimers();
  fetched.mockReset();
  path = `/api/projects/1/boards/${crypto.randomUUID()}`;
  logIn(1);
  return () => vi.useRealTimers();
});

/** Opens the board, and changes its text. */
async function changed() {
  const open = openBoard(path, true);
  answers(board(1));
  open.show();
  await ended();
  open.change({ tiles: [{ ...tile, text: 'two' }] });
  return open;
}

test('what could not be saved when the page was left is there, and saved, when it is opened again', async () => {
  const open = await changed();
  answers({ detail: 'busy' }, 503);
  open.leave();
  await ended();
  expect(open.state).toBe('refused');
  answers(board(2, 'two'));
  const again = openBoard(path, true);
  again.show();
  expect(again.board!.tiles[0].text).toBe('two');
  await ended();
  expect(again.state).toBe('saved');
  expect(methods()).toEqual(['GET', 'PUT', 'PUT']);
  expect(openBoard(path, true)).not.toBe(again); // read anew, because nothing is to be kept
});

test('it is sent again by itself, and whoever closes the tab before that is asked', async () => {
  const open = await changed();
  fetched.mockRejectedValueOnce(new TypeError('no network'));
  open.leave();
  await ended();
  fetched.mockImplementation(async () => Response.json({ detail: 'busy' }, { status: 503 }));
  expect(asksBeforeUnload()).toBe(true);
  await ended();
  fetched.mockImplementation(async () => Response.json(board(2, 'two')));
  await vi.advanceTimersByTimeAsync(10_000);
  expect(open.state).toBe('saved');
  expect(asksBeforeUnload()).toBe(false);
});

test('another login neither sees nor sends it', async () => {
  const open = await changed();
  logIn(2);
  open.leave();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(methods()).toEqual(['GET']);
  expect(openBoard(path, true)).not.toBe(open);
  expect(asksBeforeUnload()).toBe(false);
  logIn(1);
  expect(openBoard(path, true)).toBe(open);
  answers(board(2, 'two'));
  await open.save();
});

test('it is saved before a logout', async () => {
  await changed();
  answers(board(2, 'two')); // of PUT
  fetched.mockResolvedValueOnce(new Response(null, { status: 204 }));
  await login.leave();
  expect(methods()).toEqual(['GET', 'PUT', 'DELETE']);
});

test('while the editor of a tile is open the board does not change below it', async () => {
  const open = openBoard(path, true);
  answers(board(1));
  await open.read();
  answers(board(2, 'theirs'));
  const reading = open.read();
  open.edited = open.board!.tiles[0];
  await reading;
  await open.read();
  expect(open.board!.version).toBe(1);
  expect(methods()).toEqual(['GET', 'GET']);
  open.edited = undefined;
  answers(board(2, 'theirs'));
  await open.read();
  expect(open.board!.tiles[0].text).toBe('theirs');
});

test.each([403, 404])('what is refused for good, with %i, is given up when the page is left', async (status) => {
  const open = await changed();
  answers({ detail: 'no' }, status);
  await vi.advanceTimersByTimeAsync(500);
  expect(open.state).toBe('refused');
  expect(openBoard(path, true)).toBe(open); // the page still says so
  answers({ detail: 'no' }, status); // of what asking sends again
  expect(asksBeforeUnload()).toBe(true);
  await ended();
  answers({ detail: 'no' }, status);
  open.leave();
  await ended();
  expect(asksBeforeUnload()).toBe(false);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(methods()).toEqual(['GET', 'PUT', 'PUT', 'PUT']);
  expect(openBoard(path, true)).not.toBe(open);
});

test('it is given up as well when the refusal comes after the page was left, but not on a page that is back', async () => {
  let open = await changed();
  fetched.mockRejectedValueOnce(new TypeError('no network'));
  open.leave();
  await ended();
  answers({ detail: 'gone' }, 404); // of what asking sends again
  expect(asksBeforeUnload()).toBe(true);
  await ended();
  expect(asksBeforeUnload()).toBe(false);

  open = await changed();
  answers({ detail: 'gone' }, 404);
  open.leave();
  open.show();
  await ended();
  expect([open.state, open.error?.message]).toEqual(['refused', 'gone']);
  expect(openBoard(path, true)).toBe(open);
});

test('a save whose answer was lost is no conflict', async () => {
  const open = await changed();
  fetched.mockRejectedValueOnce(new TypeError('no network'));
  await vi.advanceTimersByTimeAsync(500);
  expect(open.state).toBe('refused');
  answers({ detail: 'another version' }, 412);
  answers(board(2, 'two'));
  await vi.advanceTimersByTimeAsync(10_000);
  expect([open.state, open.theirs, open.board!.version]).toEqual(['saved', undefined, 2]);
  expect(methods()).toEqual(['GET', 'PUT', 'PUT', 'GET']);
});

test('nor is it when the board was changed further', async () => {
  const open = await changed();
  fetched.mockRejectedValueOnce(new TypeError('no network'));
  await vi.advanceTimersByTimeAsync(500);
  open.change({ tiles: [{ ...tile, text: 'three' }] });
  answers({ detail: 'another version' }, 412);
  answers(board(2, 'two'));
  answers(board(3, 'three'));
  await vi.advanceTimersByTimeAsync(1_000);
  expect([open.state, open.theirs, open.board!.version, open.board!.tiles[0].text]).toEqual(['saved', undefined, 3, 'three']);
  const { headers } = fetched.mock.calls.at(-1)![1];
  expect((headers as Record<string, string>)['If-Match']).toBe('"2"');
});

test("another's save is one, also after an answer was lost", async () => {
  const open = await changed();
  fetched.mockRejectedValueOnce(new TypeError('no network'));
  await vi.advanceTimersByTimeAsync(500);
  answers({ detail: 'another version' }, 412);
  answers(board(2, 'theirs'));
  await vi.advanceTimersByTimeAsync(10_000);
  expect([open.state, open.theirs!.tiles[0].text]).toEqual(['conflict', 'theirs']);
  open.takeTheirs();
});
