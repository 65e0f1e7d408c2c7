// Boards of the account service. One that is open saves itself a moment after each
// change; a version that someone else saved first is for the person to choose between.
import { createQuery } from '@tanstack/svelte-query';
import { Problem, send, type Schemas } from './api';
import { contentOf, restored, type Board, type Content, type Tile } from './board';
import { scope } from './scope.svelte';

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

/** A board that is open. */
export class OpenBoard {
  board = $state.raw<Board>();
  state = $state<State>('saved');
  error = $state.raw<Error>();
  /** What someone else saved in between. */
  theirs = $state.raw<Board>();
  /** The tile that was deleted last, with its place. */
  deleted = $state.raw<{ tile: Tile; place: number }>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #changes = 0;

  constructor(
    readonly path: string,
    readonly mayWrite: boolean,
  ) {}

  /** Reads the board; while nothing is unsaved also what others changed. */
  async read(): Promise<void> {
    if (this.state !== 'saved') return;
    const changes = this.#changes;
    try {
      const read = await send<Board>('GET', this.path);
      if (changes === this.#changes) this.#adopt(read);
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

  #later(): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.save(), pause);
  }

  async #refused(cause: Error): Promise<void> {
    if (!(cause instanceof Problem) || cause.status !== 412) {
      this.error = cause;
      this.state = 'refused';
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
