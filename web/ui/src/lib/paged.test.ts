// @vitest-environment node
import { expect, it, vi } from 'vitest';

// The modules read the address when they are loaded.
vi.stubGlobal('location', { pathname: '/', search: '', origin: 'http://localhost' });
vi.stubGlobal('addEventListener', () => {});
vi.stubGlobal('document', { addEventListener: () => {} });
const { pageSize, paged } = await import('./paged.svelte');

const rows = (from: number, count: number) => Array.from({ length: count }, (_, k) => from + k);
const first = rows(0, pageSize);
const answer = (data: number[]) => Response.json({ data });
const fetched = vi.fn<(path: string) => Promise<Response>>();
vi.stubGlobal('fetch', fetched);
const users = () => paged<number>(() => '/users', () => ({ sort: 'a' }), (last) => `c${last}`);

it('keeps all rows once there is a second page, whatever the first becomes', async () => {
  const pages = users();
  expect(pages.several).toBe(false);
  expect(pages.rows(first)).toBe(first);
  fetched.mockResolvedValueOnce(answer(rows(pageSize, pageSize)));
  await pages.more(first);
  expect(fetched.mock.lastCall![0]).toContain('after=c99');
  expect(pages.several).toBe(true);
  expect(pages.rows([-1, ...first.slice(1)])).toEqual(rows(0, 2 * pageSize));
  fetched.mockResolvedValueOnce(answer([]));
  await pages.more(first);
  expect(fetched.mock.lastCall![0]).toContain('after=c199');
  expect(pages.hasMore(first)).toBe(false);
});

it('has no more after a first page that is not full', () => {
  expect(users().hasMore(rows(0, pageSize - 1))).toBe(false);
  expect(users().hasMore(first)).toBe(true);
});

it('tells what went wrong, and can be asked again', async () => {
  const pages = users();
  fetched.mockRejectedValueOnce(new TypeError('no network'));
  await pages.more(first);
  expect(pages.error?.message).toBe('no network');
  expect(pages.loading).toBe(false);
  fetched.mockResolvedValueOnce(answer([100]));
  await pages.more(first);
  expect(pages.error).toBeUndefined();
  expect(pages.rows(first)).toHaveLength(pageSize + 1);
});
