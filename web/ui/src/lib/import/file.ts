// A file in pieces: unpacked, as text, as records. What is read is never held whole.
import { CSVReader, separatorOf } from './csv';
import { membersOf, plainOf } from './members';

/** One row of CSV, or one line of NDJSON. */
export interface Record {
  /** On which it begins, from 1. */
  line: number;
  /** By column, as text. */
  values: string[];
  /** By column, as it is written; of NDJSON. */
  json?: string[];
  /** Why it cannot be used. */
  problem?: string;
  /** The line of NDJSON itself. */
  text?: string;
}

export interface Opened {
  columns: string[];
  /** The records, once. */
  records: AsyncGenerator<Record>;
}

const longestLine = 1 << 20;

/** The file's text, piece by piece; onRead is told how many of its bytes were read. */
async function* texts(file: File, onRead: (bytes: number) => void): AsyncGenerator<string> {
  const counted = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>({
    transform(bytes, controller) {
      onRead(bytes.length);
      controller.enqueue(bytes);
    },
  });
  let stream: ReadableStream<Uint8Array<ArrayBuffer>> = file.stream().pipeThrough(counted);
  if (file.name.toLowerCase().endsWith('.gz')) stream = stream.pipeThrough(new DecompressionStream('gzip'));
  const reader = stream.getReader();
  const decoder = new TextDecoder(); // leaves out a byte order mark
  try {
    for (;;) {
      const { done, value } = await reader.read();
      const text = decoder.decode(value, { stream: !done });
      if (text) yield text;
      if (done) return;
    }
  } finally {
    await reader.cancel().catch(() => {}); // it is broken already
  }
}

export async function open(file: File, onRead: (bytes: number) => void = () => {}): Promise<Opened> {
  const pieces = texts(file, onRead);
  const begin = (await pieces.next()).value ?? '';
  return begin.trimStart().startsWith('{') ? openNDJSON(begin, pieces) : openCSV(begin, pieces);
}

async function openCSV(begin: string, pieces: AsyncGenerator<string>): Promise<Opened> {
  const reader = new CSVReader(separatorOf(begin.split(/[\r\n]/, 1)[0]));
  async function* rows() {
    yield* reader.push(begin);
    for await (const piece of pieces) yield* reader.push(piece);
    yield* reader.end();
  }
  const all = rows();
  const header = (await all.next()).value;
  const columns = header ? header.cells.map((name: string, k: number) => name.trim() || `column ${k + 1}`) : [];
  const twice = columns.find((name, k) => columns.indexOf(name) < k);
  if (twice !== undefined) throw new Error(`Two columns are called “${twice}”. Give each a name of its own.`);
  async function* records(): AsyncGenerator<Record> {
    for await (const { line, cells, problem } of all) {
      const wrong = cells.length === columns.length ? undefined : `It has ${cells.length} values, and the header ${columns.length}.`;
      yield { line, values: cells, problem: problem ?? wrong ?? notText(cells) };
    }
  }
  return { columns, records: records() };
}

// What was not UTF-8 is the replacement character by now.
const notText = (cells: string[]) => (cells.some((cell) => cell.includes('\ufffd')) ? 'It is not UTF-8. Save the file as UTF-8.' : undefined);

async function* lines(begin: string, pieces: AsyncGenerator<string>): AsyncGenerator<string> {
  let rest = begin;
  for (;;) {
    const all = rest.split('\n');
    rest = all.pop()!;
    yield* all;
    // The rest of a line that is too long is read over; what is kept makes it a problem.
    if (rest.length > longestLine) rest = rest.slice(0, longestLine + 1);
    const { done, value } = await pieces.next();
    if (done) break;
    rest += value;
  }
  if (rest) yield rest;
}

async function openNDJSON(begin: string, pieces: AsyncGenerator<string>): Promise<Opened> {
  // The columns are those of the lines at the beginning; later ones may have more, which
  // are properties as well.
  const columns: string[] = [];
  const known = new Map<string, number>();
  const first = begin.split('\n').slice(0, 100);
  for (const text of first) recordOf(text, 0);

  function recordOf(text: string, line: number): Record {
    if (text.length > longestLine) return { line, values: [], problem: 'It is longer than 1 MiB.' };
    let members;
    try {
      members = membersOf(text);
    } catch {
      return { line, values: [], problem: 'It is not JSON.' };
    }
    if (!members) return { line, values: [], problem: 'It is not a JSON object.' };
    const [values, json]: string[][] = [[], []];
    for (const [name, value] of members) {
      let at = known.get(name);
      if (at === undefined) {
        at = columns.push(name) - 1;
        known.set(name, at);
      }
      values[at] = plainOf(value);
      json[at] = value;
    }
    return { line, values, json, text, problem: notText([text]) };
  }

  async function* records(): AsyncGenerator<Record> {
    let line = 0;
    for await (const text of lines(begin, pieces)) {
      line++;
      if (text.trim()) yield recordOf(text, line);
    }
  }
  return { columns, records: records() };
}
