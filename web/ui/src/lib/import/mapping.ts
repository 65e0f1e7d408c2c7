// Which column is what, and a record as the event it becomes.
import { bytesOf } from '../hex';
import type { Opened, Record } from './file';
import { formatOf, instantOf, type TimeFormat } from './instant';
import { membersOf } from './members';
import { uuid5 } from './uuid5';

/** A column by its index, or none. */
export type Column = number | undefined;

export interface Mapping {
  user: Column;
  time: Column;
  timeFormat: TimeFormat;
  /** Of times without an offset. */
  zone: string;
  type: Column;
  /** The event type of all rows where no column has it. */
  fixedType: string;
  /** A column with ids, or of what an id is made: the row and its place in the file, or the row alone. */
  id: number | 'place' | 'row';
  /** A column with a JSON object of properties. */
  json: Column;
  /** Columns that are left out. */
  without: number[];
}

/** The text of an event as the API takes it, or why there is none. */
export type Made = { event: string } | { problem: string };

const names = {
  user: ['user_id', 'userid', 'user', 'distinct_id', 'customer_id', 'customer', 'uid', 'client_id'],
  time: ['occurred_at', 'timestamp', 'time', 'datetime', 'date', 'created_at', 'event_time', 'ts'],
  type: ['event_type', 'event', 'event_name', 'type', 'action', 'name'],
  id: ['event_id', 'eventid', 'uuid', 'insert_id', 'message_id'],
  json: ['properties_json', 'properties'],
};

/** What columns most likely are, from their names and a first value of each. */
export function guess(columns: string[], first: string[], zone: string): Mapping {
  const lower = columns.map((name) => name.toLowerCase().replace(/^\$/, '').replace(/[ -]/g, '_'));
  const find = (kind: keyof typeof names): Column => {
    const at = names[kind].map((name) => lower.indexOf(name)).find((index) => index >= 0);
    return at;
  };
  const [time, id] = [find('time'), find('id')];
  return {
    user: find('user'),
    time,
    timeFormat: time === undefined ? 'iso' : formatOf(first[time] ?? ''),
    zone,
    type: find('type'),
    fixedType: '',
    id: id !== undefined && isUUID(first[id]) ? id : 'place',
    json: find('json'),
    without: [],
  };
}

const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;
const isUUID = (value = '') => uuid.test(value);

/** What is missing before anything can be imported. */
export function lacks(mapping: Mapping): string | undefined {
  if (mapping.user === undefined) return 'Choose the column that says who.';
  if (mapping.time === undefined) return 'Choose the column that says when.';
  if (mapping.type === undefined && !mapping.fixedType.trim()) return 'Choose the column that says what happened, or name it.';
  return undefined;
}

/** Which columns become properties of their own. */
export function properties(columns: string[], mapping: Mapping): number[] {
  const used = new Set<unknown>([mapping.user, mapping.time, mapping.type, mapping.id, mapping.json, ...mapping.without]);
  return columns.map((_, k) => k).filter((k) => !used.has(k));
}

// Ids of rows, in a namespace of this purpose alone.
const namespace = bytesOf('8f0f3c0e5d6b4b6fa3f5e2d1c7b89a10');

/** Makes events of records. */
export function maker({ columns }: Pick<Opened, 'columns'>, mapping: Mapping): (record: Record) => Made {
  const { user, time, type, id } = mapping;
  return (record) => {
    const { values, problem } = record;
    if (problem) return { problem };
    const at = time === undefined ? undefined : instantOf(plain(values[time]), mapping.timeFormat, mapping.zone);
    if (!at) return { problem: `${named(columns, time)} is no such time: ${shown(time === undefined ? '' : values[time])}` };
    const who = user === undefined ? '' : plain(values[user]);
    if (!who) return { problem: `${named(columns, user)} is empty.` };
    const what = type === undefined ? mapping.fixedType.trim() : plain(values[type]);
    if (!what) return { problem: `${named(columns, type)} is empty.` };
    const object = propertiesOf(record, columns, mapping);
    if (object === undefined) return { problem: `${named(columns, mapping.json)} is no JSON object: ${shown(values[mapping.json!])}` };
    const eventId = typeof id === 'number' ? plain(values[id]) : idOf(record, id, [named(columns, user), named(columns, time), what]);
    const event =
      `{"event_id":${JSON.stringify(eventId)},"occurred_at":"${at}","user_id":${JSON.stringify(who)},` +
      `"event_type":${JSON.stringify(what)},"properties":${object}}`;
    return event.length > longest ? { problem: 'It is longer than the API takes.' } : { event };
  };
}

// In characters. Properties may be 32 KiB, and an event of more than 1 MiB would be the
// refusal of its whole request.
const longest = (1 << 20) / 3;

const named = (columns: string[], column: Column) => (column === undefined ? 'A column' : columns[column]);
const plain = (value = '') => value.trim();
const shown = (value?: string) => JSON.stringify(plain(value).slice(0, 60));

// One row may be several events: an order is placed at one time and paid at another. So
// who, when and what it is taken for is in the id beside its content.
function idOf({ line, values, text }: Record, by: 'place' | 'row', takenFor: string[]): string {
  const content = text ?? JSON.stringify(values);
  return uuid5(namespace, JSON.stringify([...takenFor, by === 'row' ? '' : line, content]));
}

/** The JSON of all properties; undefined when the column of JSON has none. */
function propertiesOf({ values, json }: Record, columns: string[], mapping: Mapping): string | undefined {
  const object = mapping.json === undefined ? new Map<string, string>() : objectOf(plain(values[mapping.json]));
  if (!object) return undefined;
  for (const k of properties(columns, mapping)) {
    const text = json ? json[k] : jsonOf(values[k] ?? '');
    // What the column of JSON has of the same name goes before.
    if (text && !object.has(columns[k])) object.set(columns[k], text);
  }
  return `{${Array.from(object, ([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`;
}

function objectOf(text: string): Map<string, string> | undefined {
  if (text === '' || text === 'null') return new Map();
  try {
    return membersOf(text);
  } catch {
    return undefined;
  }
}

// As JSON writes them, so that "007" and "1e5" stay what they were. Digits are kept.
const number = /^-?(0|[1-9]\d*)(\.\d+)?$/;

/** The JSON of a cell: nothing for an empty one. */
export function jsonOf(cell: string): string {
  if (cell === '') return '';
  if (number.test(cell) || cell === 'true' || cell === 'false') return cell;
  return JSON.stringify(cell);
}
