// Boards of the account service. One that is open saves itself a moment after each
// change; a version that someone else saved first is for the person to choose between.
import { createQuery } from '@tanstack/svelte-query';
import { isTemporary, Problem, send, type Schemas } from './api';
import { contentOf, restored, type Board, type Content, type Tile } from './board';
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

  constructor(
    readonly path: string,
    /** Whose changes these are: no other login sends them. */
    readonly user: number | undefined,
  ) {}

  /** Begins to show it: as it is stored, or with what is not saved yet. */
  show(): void {
    void (this.state === 'saved' ? this.read() : this.save());
  }

  /** No longer shows it. */
  leave(): void {
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
    if (login.user?.id !== this.user) return;
    const changes = this.#changes;
    this.state = 'saving';
    this.error = undefined;
    try {
      const saved = await putBoard(this.path, this.board.version, contentOf(this.board));
      if (changes === this.#changes) {
        this.#adopt(saved);
        this.state = 'saved';
      } else {
        this.board = { ...saved, ...contentOf(this.board) };
        this.state = 'unsaved';
        this.#later();
      }
    } catch (cause) {
      await this.#refused(cause as Error);
    }
  }

  /** Of two versions: the one that is here replaces the other. */
  keepMine(): void {
    if (!this.board || !this.theirs) return;
    this.board = { ...this.board, version: this.theirs.version };
    this.theirs = undefined;
    this.state = 'unsaved';
    void this.save();
  }

  /** Of two versions: the other one is taken, what was changed here is given up. */
  takeTheirs(): void {
    if (!this.theirs) return;
    this.board = this.theirs;
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

  async #refused(cause: Error): Promise<void> {
    if (!(cause instanceof Problem) || cause.status !== 412) {
      this.error = cause;
      this.state = 'refused';
      if (isTemporary(cause)) this.#later(again);
      return;
    }
    try {
      this.theirs = await send<Board>('GET', this.path);
      this.state = 'conflict';
    } catch (other) {
      this.error = other as Error;
      this.state = 'refused';
    }
  }
}

// A page may be left before all is saved, and saving may fail after that: such boards
// stay until they are opened again.
const kept = new Map<string, OpenBoard>();
const unsaved = () => [...kept.values()].filter((open) => open.state !== 'saved' && open.user === login.user?.id);

/** The board at a path, with what this login has not saved of it. */
export function openBoard(path: string, mayWrite: boolean): OpenBoard {
  const user = login.user?.id;
  const key = `${user} ${path}`;
  let open = kept.get(key);
  if (!open || open.state === 'saved') open = new OpenBoard(path, user);
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
