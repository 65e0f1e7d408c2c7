// Conditions as people read and build them. In the address and in the API they are
// texts of the service's grammar; see docs/definitions.md.

export const operators = [
  { sign: '=', name: 'is' },
  { sign: '!=', name: 'is not' },
  { sign: '~', name: 'contains' },
  { sign: '>=', name: 'is at least' },
  { sign: '>', name: 'is more than' },
  { sign: '<=', name: 'is at most' },
  { sign: '<', name: 'is less than' },
  { sign: ':exists', name: 'is set' },
  { sign: ':missing', name: 'is not set' },
] as const;

export type Sign = (typeof operators)[number]['sign'];

/** Whether an operator compares with a value. */
export const takesValue = (sign: Sign) => !sign.startsWith(':');

/** A name as a condition spells it: what has a meaning there is escaped. */
export const escapeName = (name: string) => name.replace(/[\\.=!<>~:,()|]/g, '\\$&');

/** A value likewise. */
export const escapeValue = (text: string) => text.replace(/[\\,()|]/g, '\\$&').replace(/^\s|\s$/g, '\\$&');

export function condition(field: string, sign: Sign, value = ''): string {
  return takesValue(sign) ? `${field}${sign}${escapeValue(value)}` : field + sign;
}

export interface Condition {
  field: string;
  sign: Sign;
  value: string;
}

/** The parts of a condition that condition made; undefined for others, such as nested ones. */
export function parse(text: string): Condition | undefined {
  const match = /^((?:cohort:)?(?:[^\\=!<>~:]|\\.)+)(:exists$|:missing$|!=|>=|<=|=|>|<|~)(.*)$/s.exec(text);
  if (!match) return undefined;
  const [, field, sign, value] = match;
  return { field, sign: sign as Sign, value: value.replace(/\\(.)/gs, '$1') };
}

/** A field without the words that all fields of its kind begin with. */
export function fieldLabel(field: string): string {
  const plain = field.replace(/\\(.)/g, '$1');
  if (plain.startsWith('properties.')) return plain.slice('properties.'.length);
  if (plain.startsWith('user.')) return `user’s ${plain.slice('user.'.length)}`;
  if (plain.startsWith('first.')) return `first ${plain.slice('first.'.length)}`;
  if (plain.startsWith('cohort:')) return `cohort ${plain.slice('cohort:'.length)}`;
  return { event_type: 'event', user_id: 'user', 'time.hour': 'hour of day', 'time.weekday': 'weekday' }[plain] ?? plain;
}

/** How the filters of a group are joined. */
export const modes = [
  { mode: 'any', name: 'any of' },
  { mode: 'all', name: 'all of' },
  { mode: 'none', name: 'none of' },
  { mode: 'some-not', name: 'not all of' },
] as const;

export type Mode = (typeof modes)[number]['mode'];

export interface Group {
  mode: Mode;
  of: Filter[];
}

/** The text of a condition, the JSON of what pickers do not build, or a group of both. */
export type Filter = string | Group;

interface Written {
  any?: unknown[];
  not?: unknown;
}

/** A filter as a tree, from its text in the address. */
export const treeOf = (text: string): Filter => readTree(asFilter(text));

function readTree(written: unknown): Filter {
  if (typeof written === 'string') return written;
  if (Array.isArray(written)) return { mode: 'all', of: written.map(readTree) };
  const { any, not } = (written ?? {}) as Written;
  if (Array.isArray(any)) return { mode: 'any', of: any.map(readTree) };
  if (not === undefined) return JSON.stringify(written);
  if (Array.isArray(not)) return { mode: 'some-not', of: not.map(readTree) };
  const { any: noneOf } = (not ?? {}) as Written;
  return { mode: 'none', of: Array.isArray(noneOf) ? noneOf.map(readTree) : [readTree(not)] };
}

/** The text of a tree, in the API's grammar. */
export const textOf = (filter: Filter): string => (typeof filter === 'string' ? filter : JSON.stringify(writeTree(filter)));

function writeTree(filter: Filter): unknown {
  if (typeof filter === 'string') return asFilter(filter);
  const of = filter.of.map(writeTree);
  switch (filter.mode) {
    case 'all':
      return of;
    case 'any':
      return { any: of };
    case 'none':
      return { not: of.length === 1 ? of[0] : { any: of } };
    case 'some-not':
      return { not: of };
  }
}

interface Elsewhere {
  funnel?: { steps?: unknown[] };
  reached?: number;
  dropped?: boolean;
  did?: unknown;
  times?: unknown;
  last?: string;
}

const comparisons: Record<string, string> = { '>=': 'at least ', '<=': 'at most ', '>': 'more than ', '<': 'fewer than ', '!=': 'not ' };

/** A number of times with its sign, such as ">=2". */
const inWords = (times: unknown): string => String(times).replace(/^[<>!]=?/, (sign) => comparisons[sign] ?? sign);

/** A filter in words. What pickers cannot build is shown as it is. */
export function say(text: string): string {
  const tree = treeOf(text);
  if (typeof tree !== 'string') {
    const name = modes.find(({ mode }) => mode === tree.mode)!.name;
    return `${name} (${tree.of.map((one) => say(textOf(one))).join(', ')})`;
  }
  const { funnel, reached, dropped, did, times, last } = (asFilter(text) ?? {}) as Elsewhere;
  if (funnel) return `${dropped ? 'left after' : 'reached'} step ${reached ?? funnel.steps?.length} of ${funnel.steps?.length}`;
  if (typeof did === 'string') return [`did ${did}`, times && `${inWords(times)} times`, last && `in the last ${last}`].filter(Boolean).join(' ');
  const parts = parse(text);
  if (!parts) return text;
  if (parts.field.startsWith('cohort:')) return `${parts.value === 'false' ? 'not in' : 'in'} ${fieldLabel(parts.field)}`;
  const name = operators.find((operator) => operator.sign === parts.sign)!.name;
  return [fieldLabel(parts.field), name, parts.value].filter(Boolean).join(' ');
}

/** Several conditions, of which any or all must hold, as values of the API's parameter. */
export function combined(filters: string[], any: boolean): string[] {
  if (!any || filters.length < 2) return filters;
  return [JSON.stringify({ any: filters.map(asFilter) })];
}

/** A filter of the address: JSON when it begins like it. */
export function asFilter(text: string): unknown {
  if (!/^[[{"]/.test(text)) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}
