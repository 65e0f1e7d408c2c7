// An import under way: reads the file as fast as the service takes its events, one
// request at a time, and goes on where it was after a pause or a failure.
import { isTemporary, Problem, sendLines, type Schemas } from '../api';
import { login } from '../session.svelte';
import { uuid } from '../uuid';
import { open } from './file';
import { maker, type Mapping } from './mapping';

export interface Refused {
  line: number;
  reason: string;
}

type State = 'running' | 'paused' | 'interrupted' | 'done' | 'stopped';

interface Batch {
  events: string[];
  /** Of each event. */
  lines: number[];
  bytes: number;
  key: string;
}

const mostEvents = 2000; // of a request
const mostBytes = 2 << 20;
const mostRefused = 500; // that are listed
const retries = 4;

export class Upload {
  state = $state<State>('running');
  /** Bytes of the file that were read. */
  read = $state(0);
  added = $state(0);
  known = $state(0);
  refusedCount = $state(0);
  /** Of these, and of events that are stored with other content, as many as there is room for. */
  refused = $state.raw<Refused[]>([]);
  unlisted = $state(0);
  error = $state.raw<Error>();
  position = $state('');
  /** Whose it is: it does not go on with another login. */
  readonly userId = login.user?.id;
  #run = uuid();
  #batches = 0;
  #wake = () => {};

  constructor(
    readonly file: File,
    readonly mapping: Mapping,
    readonly project: { id: number; name: string },
  ) {}

  pause(): void {
    if (this.state === 'running') this.state = 'paused';
  }

  resume(): void {
    if (this.#isStopped()) return;
    this.error = undefined;
    this.state = 'running';
    this.#wake();
  }

  stop(): void {
    this.state = 'stopped';
    this.#wake();
  }

  /** Returns when the file is done or the import was stopped. */
  async run(): Promise<void> {
    // The document takes the import with it. Each has a listener of its own: one that
    // ends must not take away another's.
    const warn = (event: Event) => event.preventDefault();
    addEventListener('beforeunload', warn);
    try {
      await this.#all();
      if (!this.#isStopped()) this.state = 'done';
    } catch (cause) {
      // The file cannot be read further: another attempt would end here as well.
      this.error = cause as Error;
      this.state = 'stopped';
    } finally {
      removeEventListener('beforeunload', warn);
    }
  }

  async #all(): Promise<void> {
    const opened = await open(this.file, (bytes) => (this.read += bytes));
    const make = maker(opened, this.mapping);
    let batch = this.#next();
    for await (const record of opened.records) {
      if (this.#isStopped()) return;
      const made = make(record);
      if ('problem' in made) {
        this.#refuse(record.line, made.problem);
        continue;
      }
      batch.events.push(made.event);
      batch.lines.push(record.line);
      batch.bytes += made.event.length;
      if (batch.events.length < mostEvents && batch.bytes < mostBytes) continue;
      await this.#post(batch);
      batch = this.#next();
    }
    if (batch.events.length) await this.#post(batch);
  }

  // The key makes a batch that is sent again, because its answer was lost, count once in
  // the totals too.
  #next(): Batch {
    return { events: [], lines: [], bytes: 0, key: `${this.#run}-${this.#batches++}` };
  }

  async #post(batch: Batch): Promise<void> {
    const headers = { 'X-Project': String(this.project.id), 'Idempotency-Key': batch.key };
    for (let attempt = 0; ; attempt++) {
      await this.#whilePaused();
      if (this.#isStopped()) return;
      if (login.user?.id !== this.userId) {
        this.state = 'interrupted';
        continue;
      }
      try {
        const answer = await sendLines<Schemas['Answer']>('/api/events', batch.events, headers);
        this.#count(answer, batch);
        return;
      } catch (cause) {
        if (this.#isStopped()) return;
        const wait = isTemporary(cause) && attempt < retries ? pauseBefore(cause, attempt) : undefined;
        if (wait !== undefined) {
          await new Promise((done) => setTimeout(done, wait));
          continue;
        }
        this.error = cause as Error;
        this.state = 'interrupted';
        attempt = -1;
      }
    }
  }

  #count(answer: Schemas['Answer'], { lines }: Batch): void {
    this.added += answer.accepted;
    this.known += answer.duplicates;
    this.position = answer.position || this.position;
    this.refusedCount += answer.rejected;
    // Events that are stored with other content are duplicates, and among these.
    for (const { index, field, message } of answer.errors ?? []) {
      this.#list(lines[index ?? 0], field ? `${field}: ${message}` : message);
    }
    this.unlisted += answer.errors_omitted;
  }

  #refuse(line: number, reason: string): void {
    this.refusedCount++;
    this.#list(line, reason);
  }

  #list(line: number, reason: string): void {
    if (this.refused.length < mostRefused) this.refused = [...this.refused, { line, reason }];
    else this.unlisted++;
  }

  async #whilePaused(): Promise<void> {
    while (this.state === 'paused' || this.state === 'interrupted') await new Promise<void>((done) => (this.#wake = done));
  }

  // A method, because the state changes while others wait.
  #isStopped(): boolean {
    return this.state === 'stopped';
  }
}

const pauseBefore = (cause: unknown, attempt: number) => (cause instanceof Problem && cause.retryAfter ? cause.retryAfter * 1000 : 500 * 2 ** attempt);

/** The import of this document, which goes on while other pages are looked at. */
class Current {
  #upload = $state.raw<Upload>();

  /** Nothing where it is another login's. */
  get upload(): Upload | undefined {
    return this.#upload?.userId === login.user?.id ? this.#upload : undefined;
  }

  set upload(upload: Upload | undefined) {
    this.#upload?.stop();
    this.#upload = upload;
  }
}

export const current = new Current();
