// Users of a lifecycle answer by status: a row for each status of each bucket.
import type { Schemas } from '../lib/api';
import type { Series } from './scale';

type Row = Schemas['LifecycleRow'];

export const statuses = [
  { status: 'new', name: 'New', says: 'never seen before', color: 'var(--c3)' },
  { status: 'returning', name: 'Returning', says: 'also there the bucket before', color: 'var(--c1)' },
  { status: 'resurrecting', name: 'Back again', says: 'seen before, but not the bucket before', color: 'var(--c4)' },
  { status: 'dormant', name: 'Gone', says: 'there the bucket before, not now', color: 'var(--c8)' },
] as const;

export const bucketsOf = (rows: Row[]): Row[] => rows.filter((_, i) => i % statuses.length === 0);

export const valuesOf = (rows: Row[], status: string): number[] => rows.filter((row) => row.status === status).map((row) => row.users);

/** A series for each status. Those who are gone are drawn below the line: they are not there. */
export function drawn(rows: Row[]): Series[] {
  return statuses.map(({ status, name, color }) => {
    const values = valuesOf(rows, status);
    return { name, color, values: status === 'dormant' ? values.map((users) => -users) : values };
  });
}
