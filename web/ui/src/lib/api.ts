// The API of the same origin, typed by its OpenAPI document. The session is in an
// HttpOnly cookie: no token reaches this code.
import type { components, paths } from './schema';

export type Schemas = components['schemas'];
export type Meta = Schemas['Meta'];

/** What an answer was computed from. */
export const sources: Record<Meta['source'], string> = {
  rollup: 'sums kept of the events',
  engine: 'the events themselves, by ClickHouse',
  walk: 'each user’s events',
  raw: 'the events themselves',
};

/** Routes of questions, and the parameters of each. */
export type StatsRoute = Extract<keyof paths, `/api/stats/${string}`>;
type Parameters<R extends StatsRoute> = paths[R] extends { get: { parameters: { query?: infer Q } } } ? NonNullable<Q> : never;
export type Query<R extends StatsRoute> = Omit<Parameters<R>, 'timezone'>;

/** The rows of a route's answers. Where parameters decide about columns, pages name the schema. */
export type RowOf<R extends StatsRoute> = paths[R] extends {
  get: { responses: { 200: { content: { 'application/json': { data: (infer Row)[] } } } } };
}
  ? Row
  : never;

export interface Answer<Row> {
  data: Row[];
  meta: Meta;
  response_time_sec: number;
}

/** A refusal, in words for the person at the screen. */
export class Problem extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly instance = '',
    readonly retryAfter = 0,
    /** Stable, such as in-progress; empty when the answer was not in the service's form. */
    readonly code = '',
    /** What of the request is wrong, where one field is. */
    readonly field = '',
  ) {
    super(message);
  }
}

/** Whether a field of a form was refused. */
export const isWrong = (cause: Error | undefined, field: string) => cause instanceof Problem && cause.field.startsWith(field);

const temporaryStatus = [408, 429];

/** Whether the same request may succeed later. */
export function isTemporary(cause: unknown): boolean {
  if (!(cause instanceof Problem)) return true; // there was no answer
  return cause.status >= 500 || temporaryStatus.includes(cause.status) || (cause.status === 409 && cause.code === 'in-progress');
}

/** What to do when a session has ended. */
export const expiry = { onExpired: () => {} };

/** Before the code in the type of a problem. */
const typePrefix = '/problems/';

interface ProblemBody {
  type?: string;
  detail?: string;
  instance?: string;
  errors?: { field?: string; message: string }[];
}

/** What a response that is none of success says. */
export async function problemOf(response: Response): Promise<Problem> {
  const body: unknown = await response.json().catch(() => undefined);
  const { type, detail, instance, errors } = (body ?? {}) as ProblemBody;
  const code = type?.startsWith(typePrefix) ? type.slice(typePrefix.length) : '';
  const first = errors?.[0];
  let message = detail ?? `The service answered ${response.status}.`;
  if (first) message = first.field ? `${first.field}: ${first.message}` : first.message;
  return new Problem(response.status, message, instance, Number(response.headers.get('Retry-After')) || 0, code, first?.field);
}

async function result<T>(response: Response): Promise<T> {
  if (response.ok) return (response.status === 204 ? undefined : await response.json().catch(() => undefined)) as T;
  if (response.status === 401) expiry.onExpired();
  throw await problemOf(response);
}

/** Sends a request, with a body as JSON, and returns the answer's body. */
export async function send<T>(method: string, path: string, body?: unknown, headers: Record<string, string> = {}): Promise<T> {
  const json = body === undefined ? undefined : JSON.stringify(body);
  if (json !== undefined) headers = { 'Content-Type': 'application/json', ...headers };
  return result<T>(await fetch(path, { method, headers, body: json }));
}

/** Posts NDJSON, whose lines are texts of JSON. */
export async function sendLines<T>(path: string, lines: string[], headers: Record<string, string>): Promise<T> {
  const body = lines.join('\n');
  return result<T>(await fetch(path, { method: 'POST', headers: { 'Content-Type': 'application/x-ndjson', ...headers }, body }));
}

const written = (value: unknown) => (typeof value === 'object' ? JSON.stringify(value) : String(value));

/** The address of a question. Parameters that are undefined, empty or false are left out; objects are written as JSON. */
export function questionUrl(route: string, query: object): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== '' && one !== false) params.append(name, written(one));
    }
  }
  return `${route}?${params}`;
}

/** Asks a question. */
export async function ask<Row>(route: string, query: object, signal?: AbortSignal): Promise<Answer<Row>> {
  return result(await fetch(questionUrl(route, query), { signal, headers: { Accept: 'application/json' } }));
}
