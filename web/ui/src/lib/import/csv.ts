// CSV as it arrives: RFC 4180 with any line end and one of the usual separators. It
// holds one row, never the file.

export interface Row {
  /** On which it begins, from 1. */
  line: number;
  cells: string[];
  /** Why the row cannot be used. */
  problem?: string;
}

const longest = 1 << 20; // of a cell: the API takes no longer event
const separators = [',', ';', '\t', '|'];

/** The separator that a file's first line has most of. */
export function separatorOf(header: string): string {
  const plain = header.replace(/"[^"]*"/g, '');
  const count = (separator: string) => plain.split(separator).length;
  return separators.reduce((best, one) => (count(one) > count(best) ? one : best));
}

type State = 'begin' | 'plain' | 'quoted' | 'closed' | 'skip';

export class CSVReader {
  #state: State = 'begin';
  #cell = '';
  #row: Row = { line: 1, cells: [] };
  #line = 1;
  #afterReturn = false;

  constructor(readonly separator: string) {}

  /** The rows that end in the next piece of text. */
  *push(text: string): Generator<Row> {
    let begin = 0; // of what is not in the cell yet
    for (let at = 0; at < text.length; at++) {
      const char = text[at];
      const isReturn = this.#afterReturn;
      this.#afterReturn = char === '\r';
      if (char === '\n' && isReturn) {
        // The line ended with the return; in quotes both belong to the value.
        if (this.#state !== 'quoted') begin = at + 1;
        continue;
      }
      const ends = char === '\n' || char === '\r';
      if (ends) this.#line++;
      if (this.#state === 'quoted') {
        if (char === '"') {
          this.#cell += text.slice(begin, at);
          begin = at + 1;
          this.#state = 'closed';
        }
        continue;
      }
      if (this.#state === 'closed' && char === '"') {
        this.#cell += '"'; // it was doubled
        begin = at + 1;
        this.#state = 'quoted';
        continue;
      }
      if (this.#state === 'begin' && char === '"') {
        begin = at + 1;
        this.#state = 'quoted';
        continue;
      }
      if (char === this.separator || ends) {
        this.#cell += text.slice(begin, at);
        begin = at + 1;
        this.#endCell();
        if (ends) yield* this.#endRow();
        continue;
      }
      if (this.#state === 'closed') this.#row.problem ??= 'There is text after a closing quote.';
      if (this.#state === 'begin') this.#state = 'plain';
    }
    this.#cell += text.slice(begin);
    if (this.#cell.length > longest) this.#skip();
  }

  /** The row that no line end follows. */
  *end(): Generator<Row> {
    if (this.#state === 'quoted') this.#row.problem ??= 'A quote is never closed.';
    if (this.#state !== 'begin' || this.#cell !== '' || this.#row.cells.length) {
      this.#endCell();
      yield* this.#endRow();
    }
  }

  #endCell(): void {
    if (this.#state !== 'skip') this.#row.cells.push(this.#cell);
    this.#cell = '';
    if (this.#state !== 'skip') this.#state = 'begin';
  }

  *#endRow(): Generator<Row> {
    const row = this.#row;
    this.#row = { line: this.#line, cells: [] };
    this.#state = 'begin';
    const isEmpty = row.cells.length === 1 && row.cells[0] === '';
    if (!isEmpty || row.problem) yield row;
  }

  // The rest of the line is read over.
  #skip(): void {
    this.#row.problem = 'A value is longer than 1 MiB. Is a quote never closed?';
    this.#cell = '';
    this.#state = 'skip';
  }
}
