// @vitest-environment node
import { beforeEach, expect, test, vi } from 'vitest';
import type { Mapping } from './mapping';

// The modules read the address when they are loaded.
const warnings = new Set<unknown>();
vi.stubGlobal('location', { pathname: '/', search: '', origin: 'http://localhost' });
vi.stubGlobal('addEventListener', (name: string, listener: unknown) => name === 'beforeunload' && warnings.add(listener));
vi.stubGlobal('removeEventListener', (_: string, listener: unknown) => warnings.delete(listener));
vi.stubGlobal('document', { addEventListener: () => {} });
const { current, Upload } = await import('./upload.svelte');
const { login } = await import('../session.svelte');

const mapping: Mapping = { user: 0, time: 1, timeFormat: 'iso', zone: 'UTC', type: undefined, fixedType: 'e', id: 'place', json: undefined, without: [] };
const file = new File(['user,time\n1,2025-08-21\n2,2025-08-21\n'], 'a.csv');
const good = { accepted: 2, duplicates: 0, rejected: 0, errors: null, errors_omitted: 0, position: 'p' };
const fetched = vi.fn<() => Promise<Response>>();
vi.stubGlobal('fetch', fetched);
const refuses = (status: number, code = '') =>
  fetched.mockResolvedValueOnce(Response.json({ type: `/problems/${code}`, detail: code }, { status, headers: { 'Retry-After': '0.01' } }));
const logIn = (id: number) => (login.user = { id, username: `user ${id}` } as typeof login.user);
const begun = () => {
  const upload = new Upload(file, mapping, { id: 1, name: 'P' });
  return { upload, ended: upload.run() };
};

beforeEach(() => {
  fetched.mockReset();
  logIn(1);
});

test.each([
  [408, 'request-timeout'],
  [409, 'in-progress'],
  [429, 'too-many-uploads'],
])('%i %s is tried again', async (status, code) => {
  refuses(status, code);
  fetched.mockResolvedValueOnce(Response.json(good));
  const { upload, ended } = begun();
  await ended;
  expect([upload.state, upload.added, fetched.mock.calls.length]).toEqual(['done', 2, 2]);
});

test('another conflict is not', async () => {
  refuses(409, 'idempotency-key-reused');
  const { upload, ended } = begun();
  await vi.waitFor(() => expect(upload.state).toBe('interrupted'));
  upload.stop();
  await ended;
  expect(fetched).toHaveBeenCalledTimes(1);
});

test.each([
  ['is refused', Response.json({ detail: 'no' }, { status: 400 })],
  ['fails', new TypeError('no network')],
])('what is stopped stays so when its last request %s', async (_, answer) => {
  let give = () => {};
  const given = new Promise<void>((done) => (give = done));
  fetched.mockImplementationOnce(() => given.then(() => (answer instanceof Error ? Promise.reject(answer) : answer)));
  const { upload, ended } = begun();
  await vi.waitFor(() => expect(fetched).toHaveBeenCalled());
  upload.stop();
  give();
  await ended;
  upload.resume();
  expect([upload.state, upload.error]).toEqual(['stopped', undefined]);
});

test('one that ends leaves the warning of another', async () => {
  refuses(400);
  const first = begun();
  await vi.waitFor(() => expect(first.upload.state).toBe('interrupted'));
  fetched.mockResolvedValueOnce(Response.json(good));
  await begun().ended;
  expect(warnings.size).toBe(1);
  first.upload.stop();
  await first.ended;
  expect(warnings.size).toBe(0);
});

test('another login neither sees it nor goes on with it', async () => {
  const { upload, ended } = begun();
  current.upload = upload;
  logIn(2);
  await vi.waitFor(() => expect(upload.state).toBe('interrupted'));
  expect(current.upload).toBeUndefined();
  upload.resume();
  await vi.waitFor(() => expect(upload.state).toBe('interrupted'));
  expect(fetched).not.toHaveBeenCalled();
  logIn(1);
  expect(current.upload).toBe(upload);
  fetched.mockResolvedValueOnce(Response.json(good));
  upload.resume();
  await ended;
  expect(upload.state).toBe('done');
});

test('it tells how many problems it does not list', async () => {
  const errors = [{ index: 0, field: 'time', code: 'invalid', message: 'is wrong' }];
  fetched.mockResolvedValueOnce(Response.json({ ...good, accepted: 0, rejected: 2, errors, errors_omitted: 1 }));
  const { upload, ended } = begun();
  await ended;
  expect([upload.refusedCount, upload.refused, upload.unlisted]).toEqual([2, [{ line: 2, reason: 'time: is wrong' }], 1]);
});
