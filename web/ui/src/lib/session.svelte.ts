// Who is logged in. Tabs tell each other of logins and logouts.
import { expiry, send, type Schemas } from './api';

export type Project = Schemas['Project'] & { timezone: string };

interface Session {
  /** Absent without a login. */
  user?: Schemas['User'];
  projects: Project[];
  registration: 'open' | 'closed';
  /** There is no user yet: the first one registers, with a token where registration is closed. */
  setup: boolean;
  version: string;
}

type State = 'unknown' | 'out' | 'in' | 'unreachable';

class Login {
  state = $state<State>('unknown');
  user = $state.raw<Schemas['User'] | null>(null);
  projects = $state.raw<Project[]>([]);
  registration = $state<Session['registration']>('open');
  setup = $state(false);
  version = $state('');
  #tabs = new BroadcastChannel('session');

  constructor() {
    expiry.onExpired = () => this.#left();
    this.#tabs.onmessage = (event) => (event.data === 'out' ? this.#left() : this.load());
  }

  /** Called before someone leaves: what is not saved can still be. */
  onLeaving: () => Promise<unknown> = async () => {};
  /** Called when someone left: forget what was read. */
  onLeft = () => {};

  async load(): Promise<void> {
    try {
      const session = await send<Session>('GET', '/api/auth/session');
      this.user = session.user ?? null;
      this.projects = session.projects;
      this.registration = session.registration;
      this.setup = session.setup;
      this.version = session.version;
      this.state = session.user ? 'in' : 'out';
    } catch {
      this.state = 'unreachable';
    }
  }

  async enter(username: string, password: string): Promise<void> {
    await send('POST', '/api/auth/session', { username, password });
    this.#tabs.postMessage('in');
    await this.load();
  }

  /** Makes an account: with a setup token or the secret of an invite where one is needed. */
  async register(username: string, password: string, token = '', invite = ''): Promise<void> {
    await send('POST', '/api/auth/register', { username, password, setup_token: token || undefined, invite: invite || undefined });
    await this.enter(username, password);
  }

  async leave(): Promise<void> {
    await this.onLeaving();
    await send('DELETE', '/api/auth/session');
    this.ended();
  }

  /** This browser's login is over. */
  ended(): void {
    this.#tabs.postMessage('out');
    this.#left();
  }

  #left(): void {
    this.state = 'out';
    this.user = null;
    this.projects = [];
    this.onLeft();
  }
}

export const login = new Login();
