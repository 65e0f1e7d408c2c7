// The client on the real service, through a network that fails.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { lossy } from '../../ui/tests/lossy.js';
import { startService } from '../../ui/tests/service.js';
import { Analytics, uuidv7 } from '../index.js';

let service;
let token;
let key;

async function call(path, { method, headers, body } = {}) {
  const response = await fetch(service.base + path, { method, body, headers: { Authorization: `Bearer ${token}`, ...headers } });
  assert.ok(response.ok, `${path}: ${response.status}`);
  return response.json();
}

const post = (path, body) => call(path, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) });

before(async () => {
  service = await startService();
  const login = { username: 'ann', password: 'correct horse battery' };
  const { project_id: project } = await post('/api/auth/register', login);
  ({ access_token: token } = await call('/api/auth/token', { method: 'POST', body: new URLSearchParams(login) }));
  ({ key } = await post(`/api/projects/${project}/keys`, { name: 'test', scope: 'ingest' }));
});
after(() => service?.stop());

/** The number of events and users of a type, once all that was acknowledged is counted. */
async function counted(type) {
  const mark = { event_id: uuidv7(), occurred_at: new Date(), user_id: 'mark', event_type: 'mark' };
  const { position } = await post('/api/events', mark);
  const { data } = await call(`/api/stats/top-events?from=2020-01-01&to=2030-01-01&include=users&limit=100&min_position=${encodeURIComponent(position)}&wait=20s`);
  const row = data.find(({ event_type }) => event_type === type);
  return row ? [row.total_count, row.users] : [0, 0];
}

test('events are counted once, whatever gets lost', async (t) => {
  const faults = ['request', 'answer', 503, 'answer', 429, '', 'answer'];
  const proxy = await lossy(() => service.base, () => faults.shift() ?? '');
  t.after(() => proxy.close());
  const dropped = [];
  const analytics = new Analytics({ host: proxy.url, key, batchSize: 100, pause: 20, onDrop: (...all) => dropped.push(all) });
  for (let n = 0; n < 450; n++) analytics.track(`user-${n % 10}`, 'bought', { n });
  analytics.identify('nobody', { plan: 'pro' });
  await analytics.close(60_000);
  assert.deepEqual(dropped, []);
  assert.deepEqual(faults, []);
  assert.deepEqual(await counted('bought'), [450, 10]);
  assert.deepEqual(await counted('identify'), [0, 0]);
});

test('the service says which events it refuses', async () => {
  const dropped = [];
  const analytics = new Analytics({ host: service.base, key, onDrop: (reason, events) => dropped.push([reason, events[0].event_type]) });
  analytics.track('ann', 'good');
  analytics.track('', 'bad');
  await analytics.close();
  assert.equal(dropped.length, 1);
  assert.match(dropped[0][0], /^user_id /);
  assert.equal(dropped[0][1], 'bad');
  assert.deepEqual(await counted('good'), [1, 1]);
});

test('a key that is none is told', async () => {
  const dropped = [];
  const analytics = new Analytics({ host: service.base, key: 'ea_none', onDrop: (reason) => dropped.push(reason) });
  analytics.track('ann', 'keyless');
  analytics.identify('ann');
  await analytics.close();
  assert.equal(dropped.length, 2);
  assert.ok(dropped.every((reason) => reason.startsWith('401 ')), dropped.join('; '));
});

test('a process that ends delivers first, or says that it cannot', async () => {
  const program = fileURLToPath(new URL('exits.js', import.meta.url));
  const run = (how) => promisify(execFile)(process.execPath, [program, service.base, key, how]);
  for (const how of ['silently', 'close']) {
    assert.deepEqual(await run(how), { stdout: '', stderr: '' });
    assert.deepEqual(await counted(`exit_${how}`), [2, 1]);
  }
  const { stderr } = await run('exit');
  assert.match(stderr, /dropped 2 event\(s\) so far: the process has ended/);
});
