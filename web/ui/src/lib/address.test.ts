// @vitest-environment node
import { describe, expect, it, vi } from 'vitest';

// The module reads the address when it is loaded.
vi.stubGlobal('location', { pathname: '/', search: '', origin: 'http://localhost' });
vi.stubGlobal('addEventListener', () => {});
vi.stubGlobal('document', { addEventListener: () => {} });
const { changed, linked } = await import('./address.svelte');

describe('changed', () => {
  it('returns what was set', () => {
    const values = ['a', 'properties.x="é&?#', '{"any":["a","b"]}', '<img onerror=alert(1)>', 'a+b c%20'];
    const params = new URLSearchParams(changed('?r=7d', { f: values, v: 'bar' }));
    expect(params.getAll('f')).toEqual(values);
    expect(params.get('v')).toBe('bar');
    expect(params.get('r')).toBe('7d');
  });
  it('leaves out defaults', () => {
    expect(changed('?v=bar&f=a&f=b', { v: '', f: [], any: false, n: undefined })).toBe('');
  });
  it('replaces lists whole', () => {
    expect(changed('?e=a&e=b', { e: ['c'] })).toBe('?e=c');
  });
});

describe('linked', () => {
  it('keeps range, zone and project, and nothing of the page', () => {
    expect(linked('?r=7d&tz=UTC&project=3&e=a&v=bar', '/users', { id: 'ann' })).toBe('/users?r=7d&tz=UTC&project=3&id=ann');
  });
  it('leads to another project with a range of fixed dates', () => {
    const days = 'from=2026-02-01&to=2026-02-28';
    expect(linked(`?${days}&project=3&e=a`, '/explore', { project: 4 })).toBe(`/explore?${days}&project=4`);
  });
});
