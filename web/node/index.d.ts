/** What an event tells of itself: anything that JSON has. */
export type Properties = Record<string, unknown>;

export interface Options {
  /** Address of the service, such as http://localhost:5066. */
  host: string;
  /** An API key of scope ingest. */
  key: string;
  /** How long an event waits for others to share its request, in ms; 1,000 by default. */
  interval?: number;
  /** Events of a request, at most; 500 by default. It also has at most 1,000,000 bytes. */
  batchSize?: number;
  /** Events that wait, at most; 10,000 by default. A further one is dropped. */
  maxEvents?: number;
  /** Characters of the events that wait, at most; 16 Mi by default. */
  maxLength?: number;
  /** How long a request may take, in ms; 30,000 by default. */
  timeout?: number;
  /** The pause after a failure, in ms, by chance half of it or more; 500 by default. It doubles with each, up to 30 s. */
  pause?: number;
  /**
   * How long close, and a process that has nothing else to do, wait for events; 5,000 ms by
   * default. Such a process first waits for a request that is under way, at most timeout.
   */
  exitTimeout?: number;
  /**
   * Is told of events that are given up, and why: count of them, which are all in events
   * unless the service refused more of a batch than it names. It does not say what it
   * refused of identify: that is in the quarantine. By default the console is
   * warned of the 1st, the 10th, the 100th and so on.
   */
  onDrop?: (reason: string, events: unknown[], count: number) => void;
}

export interface About {
  /** A UUID that identifies the event permanently; a new UUIDv7 by default. */
  id?: string;
  /** When it happened; now by default. */
  time?: Date;
}

export class Analytics {
  constructor(options: Options);
  /** Records an event. Returns its id, or '' if it was dropped. */
  track(userId: string | number, type: string, properties?: Properties, about?: About): string;
  /** Records what is known of a user. It is no event: nobody is active by it. */
  identify(userId: string | number, traits?: Properties, about?: About): string;
  /** Ends when everything recorded so far is delivered or given up. It tries as long as it takes. */
  flush(): Promise<void>;
  /** Delivers what waits, for at most timeout ms, and drops the rest and what is recorded later. */
  close(timeout?: number): Promise<void>;
}

/** Makes a UUIDv7. */
export function uuidv7(): string;
