// The address is the state: every page is a function of it, so that a link, the back
// button and a reload show the same.

/** What a page changes of its query: an empty text or list removes a parameter. */
export type Change = Record<string, string | string[] | number | boolean | undefined>;

/** Parameters that links to other pages keep. */
const shared = ['r', 'from', 'to', 'tz', 'project'];

/** The query after a change, with its question mark, or nothing. */
export function changed(query: string, change: Change): string {
  const params = new URLSearchParams(query);
  for (const [name, value] of Object.entries(change)) {
    params.delete(name);
    for (const one of Array.isArray(value) ? value : [value]) {
      if (one !== undefined && one !== '' && one !== false) params.append(name, String(one));
    }
  }
  const text = params.toString();
  return text ? `?${text}` : '';
}

/** A path with those of the parameters that all pages share, and more. */
export function linked(query: string, path: string, more: Change = {}): string {
  const params = new URLSearchParams(query);
  const kept: Change = {};
  for (const name of shared) kept[name] = params.get(name) ?? '';
  return path + changed('', { ...kept, ...more });
}

class Address {
  path = $state(location.pathname);
  query = $state(location.search);
  readonly params = $derived(new URLSearchParams(this.query));

  constructor() {
    addEventListener('popstate', () => this.#read());
    document.addEventListener('click', (event) => this.#follow(event));
  }

  get(name: string, otherwise = ''): string {
    return this.params.get(name) ?? otherwise;
  }

  all(name: string): string[] {
    return this.params.getAll(name);
  }

  /** Goes to another page. */
  go(to: string, replace = false): void {
    this.#write(to, replace);
    if (!replace) scrollTo(0, 0);
  }

  /** Changes the query: choosing is a step that "back" undoes, typing is not. */
  set(change: Change, replace = false): void {
    this.#write(this.path + changed(this.query, change), replace);
  }

  /** A link to another page of the same project, range and zone. */
  link(path: string, more: Change = {}): string {
    return linked(this.query, path, more);
  }

  #write(to: string, replace: boolean): void {
    if (replace) history.replaceState(null, '', to);
    else history.pushState(null, '', to);
    this.#read();
  }

  #read(): void {
    this.path = location.pathname;
    this.query = location.search;
  }

  // Links within the dashboard change the page without loading it.
  #follow(event: MouseEvent): void {
    const link = (event.target as Element).closest?.('a');
    if (!link || event.defaultPrevented || event.button) return;
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    if (link.target || link.hasAttribute('download') || link.origin !== location.origin) return;
    if (/^\/(docs|api|openapi\.json)/.test(link.pathname) || link.getAttribute('href')?.startsWith('#')) return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

export const address = new Address();
