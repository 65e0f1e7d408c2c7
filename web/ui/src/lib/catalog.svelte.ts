// What there is to ask about: event types, properties, their values, cohorts. Pickers
// offer it.
import { createQuery } from '@tanstack/svelte-query';
import { send, type Schemas } from './api';
import { escapeName } from './filter';
import { question } from './question.svelte';
import { scope } from './scope.svelte';
import type { Option } from '../shell/Combo.svelte';

const minute = { every: 60_000 };

/** Event types as options of a picker. */
export function eventTypes() {
  const types = question('/api/stats/event-types', () => ({ limit: 1000 }), () => minute);
  return {
    get names(): string[] {
      return (types.data?.data ?? []).map((row) => row.event_type);
    },
    get options(): Option[] {
      return this.names.map((value) => ({ value }));
    },
  };
}

/** Fields of events and of their users. */
export function fields() {
  const properties = question('/api/stats/properties',
    () => ({ from: scope.range.from, to: scope.range.to }),
    () => minute,
  );
  return {
    get options(): Option[] {
      const names = (properties.data?.data ?? []).map((row) => ({ name: row.property, types: row.types }));
      return [
        ...names.map(({ name, types }) => ({ value: `properties.${escapeName(name)}`, label: name, hint: types })),
        ...names.map(({ name }) => ({ value: `user.${escapeName(name)}`, label: `user’s ${name}`, hint: 'last known' })),
        { value: 'event_type', label: 'event' },
        { value: 'user_id', label: 'user' },
        { value: 'time.hour', label: 'hour of day', hint: '0–23' },
        { value: 'time.weekday', label: 'weekday', hint: '1 = Monday' },
      ];
    },
    /** Those that have numbers. */
    get numbers(): Option[] {
      const rows = (properties.data?.data ?? []).filter((row) => /\b(integer|number)\b/.test(row.types));
      return rows.map((row) => ({ value: `properties.${escapeName(row.property)}`, label: row.property }));
    },
  };
}

/** The values of a field that were seen in the range, those that contain a text first. */
export function values(field: () => string, search: () => string) {
  const found = question<'/api/stats/property-values', Schemas['PropertyValuesRow']>('/api/stats/property-values',
    () => ({ property: field(), q: search() || undefined, from: scope.range.from, to: scope.range.to, limit: 50 }),
    () => ({ ...minute, enabled: field() !== '' }),
  );
  return {
    get options(): Option[] {
      const rows = (found.data?.data ?? []).filter((row) => row.value !== null);
      return rows.map((row) => ({ value: row.value!, hint: row.events.toLocaleString('en-GB') }));
    },
  };
}

/** The project's cohorts. */
export function cohorts() {
  return createQuery(() => ({
    queryKey: ['cohorts', scope.project?.id],
    queryFn: () => send<{ data: Schemas['Cohort'][] }>('GET', `/api/projects/${scope.project?.id}/cohorts`),
    enabled: scope.project !== undefined,
    staleTime: 30_000,
  }));
}
