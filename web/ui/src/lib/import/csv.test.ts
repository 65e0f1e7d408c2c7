import { describe, expect, it } from 'vitest';
import { CSVReader, separatorOf, type Row } from './csv';

/** Reads a text in pieces of a length. */
function read(text: string, separator = ',', piece = text.length || 1): Row[] {
  const reader = new CSVReader(separator);
  const rows: Row[] = [];
  for (let at = 0; at < text.length; at += piece) rows.push(...reader.push(text.slice(at, at + piece)));
  return [...rows, ...reader.end()];
}
const cells = (text: string, separator?: string, piece?: number) => read(text, separator, piece).map((row) => row.cells);

describe('CSVReader', () => {
  it.each([
    ['a,b\n1,2\n', [['a', 'b'], ['1', '2']]],
    ['a,b\r\n1,2', [['a', 'b'], ['1', '2']]],
    ['a,b\r1,2\r', [['a', 'b'], ['1', '2']]],
    ['a,,\n,,b\n', [['a', '', ''], ['', '', 'b']]],
    ['"a,b","c""d","e\nf"\n', [['a,b', 'c"d', 'e\nf']]],
    ['"e\r\nf",""\r\n', [['e\r\nf', '']]],
    ['a"b,"c"\n', [['a"b', 'c']]],
    ['\n\na\n\n', [['a']]],
    ['"",\n', [['', '']]],
    ['ü,✓\n', [['ü', '✓']]],
  ])('%j', (text, rows) => {
    for (let piece = 1; piece <= text.length; piece++) expect(cells(text, ',', piece), `pieces of ${piece}`).toEqual(rows);
  });

  it('tells the line on which a row begins', () => {
    expect(read('a\r\n"b\nc"\n\nd').map((row) => row.line)).toEqual([1, 2, 5]);
  });

  it('finds what is wrong, and goes on', () => {
    const rows = read('a\n"b"c\nd\n"e');
    expect(rows.map((row) => row.problem)).toEqual([undefined, 'There is text after a closing quote.', undefined, 'A quote is never closed.']);
    const long = read(`a\n"${'x'.repeat(2 << 20)}\nb\n`, ',', 1 << 16);
    expect(long.map((row) => row.problem?.slice(0, 28))).toEqual([undefined, 'A value is longer than 1 MiB', undefined]);
    expect(long.at(-1)!.cells).toEqual(['b']);
  });

  it('reads what was written, however it is cut', () => {
    let state = 5;
    const random = (below: number) => (state = (state * 1664525 + 1013904223) % 2 ** 32) % below;
    const alphabet = ['a', ',', ';', '"', '\n', '\r\n', ' ', 'é', '\t'];
    for (let round = 0; round < 300; round++) {
      const table = Array.from({ length: 1 + random(4) }, () =>
        Array.from({ length: 2 + random(3) }, () => Array.from({ length: random(5) }, () => alphabet[random(alphabet.length)]).join('')),
      );
      const text = table.map((row) => row.map((cell) => `"${cell.replaceAll('"', '""')}"`).join(';')).join(random(2) ? '\n' : '\r\n');
      expect(cells(text, ';', 1 + random(7)), text).toEqual(table);
    }
  });
});

it.each([
  ['a,b;c,d', ','],
  ['a;b;"c,d,e,f"', ';'],
  ['a\tb', '\t'],
  ['alone', ','],
])('the separator of %j', (header, separator) => {
  expect(separatorOf(header)).toBe(separator);
});
