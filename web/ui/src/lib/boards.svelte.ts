// Boards of the account service. One that is open saves itself a moment after each
// change; a version that someone else saved first is for the person to choose between.
import { createQuery } from '@tanstack/svelte-query';
import { isTemporary, Problem, send, type Schemas } from './api';
import { contentOf, isSame, restored, type Board, type Content, type Tile } from './board';
import { scope } from './scope.svelte';
import { login } from './session.svelte';

export const boardsPath = () => `/api/projects/${scope.project?.id}/boards`;

/** The project's boards, without their tiles. */
export function boards() {
  return createQuery(() => ({
    queryKey: ['list', boardsPath()],
    queryFn: () => send<{ data: Schemas['BoardSummary'][] }>('GET', boardsPath()),
    enabled: scope.project !== undefined,
    staleTime: 10_000,
  }));
}

/** Replaces the content of a board that must still have a version. */
export function putBoard(path: string, version: number, content: Content): Promise<Board> {
  return send<Board>('PUT', path, content, { 'If-Match': `"${version}"` });
}

type State = 'saved' | 'unsaved' | 'saving' | 'refused' | 'conflict';

const pause = 500; // ms from the last change until it is saved
const again = 10_000; // ms until what the service could not take is sent again
const lost = [403, 404]; // answers by which the board is no longer this login's to save

/** A board that is open. */
export class OpenBoard {
  board = $state.raw<Board>();
  state = $state<State>('saved');
  error = $state.raw<Error>();
  /** What someone else saved in between. */
  theirs = $state.raw<Board>();
  /** The tile that was deleted last, with its place. */
  deleted = $state.raw<{ tile: Tile; place: number }>();
  /** The tile whose editor is open. Meanwhile the board does not change below it. */
  edited = $state.raw<Tile>();
  mayWrite = $state(false);
  #timer: ReturnType<typeof setTimeout> | undefined;
  #changes = 0;
  #isLeft = false;
  /** What was sent since the board had its version: each may be stored, its answer lost. */
  #sent: Content[] = [];

  constructor(
    readonly path: string,
    /** Whose changes these are: no other login sends them. */
    readonly userId: number | undefined,
  ) {}

  /** Begins to show it: as it is stored, or with what is not saved yet. */
  show(): void {
    this.#isLeft = false;
    void (this.state === 'saved' ? this.read() : this.save());
  }

  /** No longer shows it. */
  leave(): void {
    this.#isLeft = true;
    this.edited = this.deleted = undefined;
    void this.save();
  }

  /** Reads the board; while nothing is unsaved also what others changed. */
  async read(): Promise<void> {
    if (this.state !== 'saved' || this.edited) return;
    const changes = this.#changes;
    try {
      const read = await send<Board>('GET', this.path);
      if (changes === this.#changes && !this.edited) this.#adopt(read);
      this.error = undefined;
    } catch (cause) {
      this.error = cause as Error;
    }
  }

  /** Changes the board and saves it soon. What a viewer changes is not saved. */
  change(to: Partial<Content>): void {
    if (!this.board) return;
    this.board = { ...this.board, ...to };
    this.#changes++;
    if (!this.mayWrite) return;
    if (this.state !== 'saving' && this.state !== 'conflict') this.state = 'unsaved';
    if (this.state === 'unsaved') this.#later();
  }

  remove(tile: Tile): void {
    if (!this.board) return;
    const { tiles } = this.board;
    this.deleted = { tile, place: tiles.indexOf(tile) };
    this.change({ tiles: tiles.filter((one) => one !== tile) });
  }

  undo(): void {
    if (!this.board || !this.deleted) return;
    this.change({ tiles: restored(this.board.tiles, this.deleted.tile, this.deleted.place) });
    this.deleted = undefined;
  }

  /** Saves at once what is not saved. */
  async save(): Promise<void> {
    clearTimeout(this.#timer);
    if (!this.board || this.state === 'saved' || this.state === 'saving' || this.state === 'conflict') return;
    if (login.user?.id !== this.userId) return;
    const changes = this.#changes;
    const content = contentOf(this.board);
    this.#sent.push(content);
    this.state = 'saving';
    this.error = undefined;
    try {
      this.#stored(await putBoard(this.path, this.board.version, content), changes);
    } catch (cause) {
      if (cause instanceof Problem && cause.status === 412) await this.#compare(content, changes);
      else this.#refused(cause as Error);
    }
  }

  /** Of two versions: the one that is here replaces the other. */
  keepMine(): void {
    if (!this.board || !this.theirs) return;
    this.board = { ...this.board, version: this.theirs.version };
    this.#sent = [];
    this.theirs = undefined;
    this.state = 'unsaved';
    void this.save();
  }

  /** Of two versions: the other one is taken, what was changed here is given up. */
  takeTheirs(): void {
    if (!this.theirs) return;
    this.board = this.theirs;
    this.#sent = [];
    this.theirs = undefined;
    this.deleted = undefined;
    this.state = 'saved';
  }

  // An answer that says nothing new must not draw the board again.
  #adopt(read: Board): void {
    if (read.version !== this.board?.version) this.board = read;
  }

  #later(wait = pause): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.save(), wait);
  }

  /** The board is stored as it was sent when there had been so many changes. */
  #stored(stored: Board, changes: number): void {
    this.#sent = [];
    if (changes === this.#changes) {
      this.#adopt(stored);
      this.state = 'saved';
    } else {
      this.board = { ...stored, ...contentOf(this.board!) };
      this.state = 'unsaved';
      this.#later();
    }
  }

  /** Another version is stored: someone else's, or one of ours whose answer was lost. */
  async #compare(content: Content, changes: number): Promise<void> {
    try {
      const stored = await send<Board>('GET', this.path);
      const there = contentOf(stored);
      if (isSame(there, content)) return this.#stored(stored, changes);
      if (this.#sent.some((sent) => isSame(there, sent))) return this.#stored(stored, -1);
      this.theirs = stored;
      this.state = 'conflict';
    } catch (cause) {
      this.#refused(cause as Error);
    }
  }

  #refused(cause: Error): void {
    this.error = cause;
    this.state = 'refused';
    if (isTemporary(cause)) this.#later(again);
    else if (this.#isLeft && cause instanceof Problem && lost.includes(cause.status)) forget(this);
  }
}

// A page may be left before all is saved, and saving may fail after that: such boards
// stay until they are opened again.
const kept = new Map<string, OpenBoard>();
const keyOf = (userId: number | undefined, path: string) => `${userId} ${path}`;
const unsaved = () => [...kept.values()].filter((open) => open.state !== 'saved' && open.userId === login.user?.id);

function forget(open: OpenBoard): void {
  const key = keyOf(open.userId, open.path);
  if (kept.get(key) === open) kept.delete(key);
}

/** The board at a path, with what this login has not saved of it. */
export function openBoard(path: string, mayWrite: boolean): OpenBoard {
  const userId = login.user?.id;
  const key = keyOf(userId, path);
  let open = kept.get(key);
  if (!open || open.state === 'saved') open = new OpenBoard(path, userId);
  open.mayWrite = mayWrite;
  kept.set(key, open);
  return open;
}

const saveAll = () => Promise.all(unsaved().map((open) => open.save()));
login.onLeaving = saveAll;
// Whoever closes the tab at once is asked.
addEventListener('beforeunload', (event) => {
  if (!unsaved().length) return;
  void saveAll();
  event.preventDefault();
});
