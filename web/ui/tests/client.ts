// The API, as the setup and comparisons use it.
export const password = 'correct horse battery';

export interface Caller {
  base: string;
  token: string;
  /** One's own unless told. */
  project?: number;
}

async function json<T>(response: Response): Promise<T> {
  if (!response.ok) throw new Error(`${response.url}: ${response.status} ${await response.text()}`);
  return (response.status === 204 ? undefined : await response.json()) as T;
}

export async function logIn(base: string, username: string): Promise<Caller> {
  const body = new URLSearchParams({ username, password });
  const { access_token: token } = await json<{ access_token: string }>(await fetch(`${base}/api/auth/token`, { method: 'POST', body }));
  return { base, token };
}

function headersOf({ token, project }: Partial<Caller>): Record<string, string> {
  const headers: Record<string, string> = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (project) headers['X-Project'] = String(project);
  return headers;
}

/** Sends a body as JSON. */
export async function send<T>(caller: Partial<Caller>, method: string, path: string, body?: unknown): Promise<T> {
  const headers = { 'Content-Type': 'application/json', ...headersOf(caller) };
  return json(await fetch(caller.base + path, { method, headers, body: JSON.stringify(body) }));
}

export async function register(base: string, username: string): Promise<Caller> {
  await send({ base }, 'POST', '/api/auth/register', { username, password, full_name: 'Ann Kowalska' });
  return logIn(base, username);
}

/** Posts events, and returns once questions have them. */
export async function upload(caller: Caller, events: unknown[]): Promise<void> {
  const { position } = await send<{ position: string }>(caller, 'POST', '/api/events', events);
  await ask(caller, `/api/stats/event-types?min_position=${encodeURIComponent(position)}&wait=20s`);
}

/** Sends events of nobody, as Segment's SDK would: each is refused. */
export async function refuse({ base, token, project }: Required<Caller>, events: object[]): Promise<void> {
  const { key } = await send<{ key: string }>({ base, token }, 'POST', `/api/projects/${project}/keys`, { name: 'Server', scope: 'ingest' });
  const batch = events.map((event) => ({ type: 'track', ...event }));
  await json(await fetch(`${base}/v1/batch`, { method: 'POST', headers: { 'X-API-Key': key }, body: JSON.stringify({ batch }) }));
}

export async function ask<Row>(caller: Caller, path: string): Promise<Row[]> {
  const response = await fetch(caller.base + path, { headers: headersOf(caller) });
  return (await json<{ data: Row[] }>(response)).data;
}
