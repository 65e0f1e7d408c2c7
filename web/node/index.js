// Sends events of a server: in batches, until they are answered. index.d.ts says how it is
// used. Each event gets its id and time when it is recorded, so that a request that is
// repeated, whole or in other batches, adds nothing that is there.

const events = '/api/events';
const operations = '/v1/batch'; // the native route has none: identify goes to Segment's

/** Bytes of the events of a request, at most: many proxies take 1 MiB. */
const maxRequest = 1_000_000;

/** Characters of an event, at most, each of 3 bytes or less: the service takes 1 MiB. */
const maxEvent = 1 << 18;

/** The longest pauses after a failure: any, and one that the service asks for, in ms. */
const longestPause = 30_000;
const longestAsked = 300_000;

/** Answers by which the service says that the same request can never succeed. */
const final = [400, 401, 403, 413, 415, 422];

export class Analytics {
  #options;
  #queue = []; // {path, json}, the oldest first
  #length = 0; // characters in it
  #recorded = 0; // events so far
  #settled = 0; // of them, delivered or given up
  #waiting = []; // flushes: {until, done}
  #running = false;
  #timer; // of the interval or of a pause
  #wake; // ends a pause
  #request; // aborts the request that is under way
  #failures = 0;
  #failure = ''; // the last one, while it lasts
  #ending = false; // time is up: what is left is dropped
  #closed = false;
  #beforeExit = () => this.#finish(this.#options.exitTimeout);
  #exit = () => this.#giveUp('the process has ended');

  constructor({ host, key, ...options }) {
    if (!host || !key) throw new TypeError('Analytics needs host and key');
    this.#options = {
      interval: 1_000, batchSize: 500, maxEvents: 10_000, maxLength: 1 << 24, timeout: 30_000, pause: 500,
      exitTimeout: 5_000, onDrop: warner(), ...options, host: new URL(host).href.replace(/\/+$/, ''), key,
    };
    process.on('beforeExit', this.#beforeExit);
    process.on('exit', this.#exit);
  }

  track(userId, type, properties, { id = uuidv7(), time = new Date() } = {}) {
    return this.#record(events, id, { event_id: id, occurred_at: time, user_id: userId, event_type: type, properties });
  }

  identify(userId, traits, { id = uuidv7(), time = new Date() } = {}) {
    return this.#record(operations, id, { type: 'identify', messageId: id, timestamp: time, userId, traits });
  }

  flush() {
    if (this.#settled === this.#recorded) return Promise.resolve();
    return new Promise((done) => {
      this.#waiting.push({ until: this.#recorded, done });
      this.#timer?.ref(); // the caller waits: a pause may not end the process
      if (!this.#running) this.#run();
    });
  }

  async close(timeout = this.#options.exitTimeout) {
    this.#closed = true;
    await this.#finish(timeout);
    process.off('beforeExit', this.#beforeExit);
    process.off('exit', this.#exit);
  }

  /** Puts an event into the queue, as the text that all requests with it will have. */
  #record(path, id, event) {
    const { maxEvents, maxLength, batchSize, interval } = this.#options;
    let json;
    try {
      json = JSON.stringify(event);
    } catch (error) {
      return this.#drop(String(error), [event]); // what JSON cannot have, such as a circle
    }
    if (this.#closed) return this.#drop('the client is closed', [event]);
    if (json.length > maxEvent) return this.#drop(`an event has more than ${maxEvent} characters`, [event]);
    if (this.#queue.length >= maxEvents || this.#length + json.length > maxLength) {
      return this.#drop('the queue is full' + (this.#failure && `, after ${this.#failure}`), [event]);
    }
    this.#queue.push({ path, json });
    this.#length += json.length;
    this.#recorded++;
    if (!this.#running) {
      if (this.#queue.length >= batchSize) this.#run();
      else this.#timer ??= setTimeout(() => this.#run(), interval).unref();
    }
    return id;
  }

  /** Sends batch after batch until the queue is empty. There is one run at a time. */
  async #run() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#running = true;
    while (this.#queue.length) {
      const batch = this.#batch();
      const pause = this.#ending ? this.#giveUp('time is up') : await this.#send(batch);
      if (pause !== undefined && !this.#ending) await this.#pause(pause);
    }
    this.#running = false;
  }

  /** The oldest events that go to the same path. */
  #batch() {
    const { path } = this.#queue[0];
    let end = 0;
    let length = 0;
    for (const event of this.#queue) {
      length += Buffer.byteLength(event.json) + 1; // with its comma
      if (event.path !== path || end === this.#options.batchSize || (end && length > maxRequest)) break;
      end++;
    }
    return this.#queue.slice(0, end);
  }

  /** Sends a batch. Returns nothing when it is settled, and else how long to pause. */
  async #send(batch) {
    const answer = await this.#post(batch);
    if (answer && (answer.ok ? isTaken(batch[0].path, answer.body) : final.includes(answer.status))) {
      this.#failures = 0;
      this.#failure = '';
      this.#settle(batch.length);
      this.#report(batch, answer);
      return undefined;
    }
    if (answer) this.#failure = `${answer.status} ${answer.statusText}` + (answer.ok ? ', which is not of the service' : '');
    const most = Math.min(this.#options.pause * 2 ** this.#failures++, longestPause);
    return Math.max(Math.min(answer?.asked ?? 0, longestAsked), most / 2 + (Math.random() * most) / 2);
  }

  /** Posts a batch. Returns what is answered, or nothing when nothing is. */
  async #post(batch) {
    const { host, key, timeout } = this.#options;
    const { path } = batch[0];
    const all = `[${batch.map(({ json }) => json).join()}]`;
    const abort = (this.#request = new AbortController());
    const late = setTimeout(() => abort.abort(new Error(`no answer in ${timeout} ms`)), timeout);
    try {
      const answer = await fetch(host + path, {
        method: 'POST',
        headers: { Authorization: `Bearer ${key}`, 'Content-Type': 'application/json' },
        body: path === events ? all : `{"sentAt":"${new Date().toISOString()}","batch":${all}}`,
        redirect: 'manual', // followed, a POST becomes a GET
        signal: abort.signal,
      });
      const text = await answer.text();
      const { ok, status, statusText, headers } = answer;
      return { ok, status, statusText, text, body: parse(text), asked: retryAfter(headers.get('Retry-After')) };
    } catch (error) {
      if (!this.#ending) this.#failure = String(error.cause ?? error);
      return undefined;
    } finally {
      clearTimeout(late);
      this.#request = undefined;
    }
  }

  /** Tells of those events of a batch that were refused. */
  #report(batch, { ok, status, text, body }) {
    const errors = Array.isArray(body?.errors) ? body.errors : []; // a refusal may be of a proxy
    const refused = errors.filter((error) => batch[error?.index]?.json && error.code !== 'conflict');
    for (const { index, field, message } of refused) this.#drop(`${field} ${message}`, [JSON.parse(batch[index].json)]);
    // The service names the first hundred. Where it took some, it is not known which others it refused.
    const named = new Set(refused.map(({ index }) => index));
    const others = ok ? [] : batch.filter((_, i) => !named.has(i)).map(({ json }) => JSON.parse(json));
    const count = ok ? (body.rejected ?? 0) - named.size : others.length;
    if (count > 0) this.#drop(`${status} ${body?.detail ?? body?.message ?? text.slice(0, 200)}`, others, count);
  }

  #settle(n) {
    for (const { json } of this.#queue.splice(0, n)) this.#length -= json.length;
    this.#settled += n;
    while (this.#waiting[0]?.until <= this.#settled) this.#waiting.shift().done();
  }

  #pause(time) {
    return new Promise((done) => {
      this.#wake = done;
      this.#timer = setTimeout(done, time);
      if (!this.#waiting.length) this.#timer.unref();
    }).finally(() => {
      clearTimeout(this.#timer);
      this.#timer = this.#wake = undefined;
    });
  }

  async #finish(timeout) {
    if (this.#settled === this.#recorded) return;
    const end = setTimeout(() => {
      this.#ending = true;
      this.#request?.abort(new Error('time is up'));
      this.#wake?.();
    }, timeout);
    await this.flush();
    clearTimeout(end);
    this.#ending = false;
  }

  #giveUp(reason) {
    const left = this.#queue.map(({ json }) => JSON.parse(json));
    this.#settle(left.length);
    if (left.length) this.#drop(reason + (this.#failure && `, after ${this.#failure}`), left);
  }

  /** Says what is dropped. What the callback throws is its own affair. */
  #drop(reason, dropped, count = dropped.length) {
    try {
      this.#options.onDrop(reason, dropped, count);
    } catch (error) {
      console.error(error);
    }
    return '';
  }
}

export function uuidv7() {
  const chance = crypto.randomUUID(); // version 4: all but six bits are chance
  const time = Date.now().toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7${chance.slice(15)}`;
}

/** Milliseconds of a Retry-After header, which has seconds or a date. */
function retryAfter(text) {
  const wait = text && (Number(text) * 1_000 || Date.parse(text) - Date.now());
  return wait > 0 ? wait : 0;
}

/** Whether a success is of the service, and not of what else may answer at its address. */
const isTaken = (path, body) => (path === events ? Number.isInteger(body?.rejected) : body?.success === true);

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Warns of the 1st event that is dropped, the 10th, the 100th: never of each of many. */
function warner() {
  let dropped = 0;
  let next = 1;
  return (reason, _, count) => {
    dropped += count;
    if (dropped < next) return;
    console.warn(`analytics: dropped ${dropped} event(s) so far: ${reason}`);
    while (next <= dropped) next *= 10;
  };
}
