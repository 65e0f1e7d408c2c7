// The API, as the setup and comparisons use it.
export const password = 'correct horse battery';

export interface Caller {
  base: string;
  token: string;
}

async function json<T>(response: Response): Promise<T> {
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
  return (await response.json()) as T;
}

export async function logIn(base: string, username: string): Promise<Caller> {
  const body = new URLSearchParams({ username, password });
  const { access_token: token } = await json<{ access_token: string }>(await fetch(`${base}/api/auth/token`, { method: 'POST', body }));
  return { base, token };
}

function post(caller: { base: string; token?: string }, path: string, body: unknown): Promise<Response> {
  const headers: Record<string, string> = { 'Content-Type': 'application/json' };
  if (caller.token) headers.Authorization = `Bearer ${caller.token}`;
  return fetch(caller.base + path, { method: 'POST', headers, body: JSON.stringify(body) });
}

export async function register(base: string, username: string): Promise<Caller> {
  await json(await post({ base }, '/api/auth/register', { username, password, full_name: 'Ann Kowalska' }));
  return logIn(base, username);
}

/** Posts events, and returns once questions have them. */
export async function upload(caller: Caller, events: unknown[]): Promise<void> {
  const { position } = await json<{ position: string }>(await post(caller, '/api/events', events));
  await ask(caller, `/api/stats/event-types?min_position=${encodeURIComponent(position)}&wait=20s`);
}

export async function ask<Row>(caller: Caller, path: string): Promise<Row[]> {
  const response = await fetch(caller.base + path, { headers: { Authorization: `Bearer ${caller.token}` } });
  return (await json<{ data: Row[] }>(response)).data;
}
