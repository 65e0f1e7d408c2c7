// What the client does with answers, on a server that gives them as told.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { afterEach, test } from 'node:test';
import { Analytics, uuidv7 } from '../index.js';

/** What the service says when it took a request. */
const taken = { '/api/events': { errors: [], rejected: 0 }, '/v1/batch': { success: true } };

const open = [];
afterEach(() => Promise.all(open.splice(0).map((close) => close())));

/** A server that gives one answer after the other, the last for ever. */
async function serverOf(...answers) {
  const requests = [];
  const server = createServer(async (incoming, outgoing) => {
    const chunks = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const text = Buffer.concat(chunks).toString();
    requests.push({ path: incoming.url, headers: incoming.headers, text, body: JSON.parse(text), at: performance.now() });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer === 'lost') return incoming.socket.destroy();
    if (answer === 'silent') return;
    const { status = 202, headers, body = taken[incoming.url] } = answer;
    outgoing.writeHead(status, headers?.()).end(typeof body === 'string' ? body : JSON.stringify(body));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(() => {
    server.closeAllConnections();
    return new Promise((closed) => server.close(closed));
  });
  return { requests, host: `http://127.0.0.1:${server.address().port}/` };
}

function clientOf(host, options) {
  const dropped = [];
  const onDrop = (reason, events, count) => dropped.push({ reason, events, count });
  const client = new Analytics({ host, key: 'ea_key', pause: 20, onDrop, ...options });
  open.unshift(() => client.close(0));
  return { client, dropped };
}

const accepted = { status: 202 };

test('ids are of version 7, and of their time', () => {
  const before = Date.now();
  const ids = Array.from({ length: 1_000 }, uuidv7);
  const after = Date.now();
  assert.equal(new Set(ids).size, ids.length);
  for (const id of ids) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const time = parseInt(id.replace('-', '').slice(0, 12), 16);
    assert.ok(time >= before && time <= after);
  }
});

test('events share requests, in their order, and each kind has its path', async () => {
  const { host, requests } = await serverOf(accepted);
  const { client } = clientOf(host, { batchSize: 2 });
  const ids = ['a', 'b', 'c'].map((type) => client.track('ann', type, { n: 1 }));
  client.identify(42, { plan: 'pro' });
  client.track(42, 'd', undefined, { id: 'ef3d8cc1-5ca9-4b2c-ae01-7d2b4c1d9e10', time: new Date(0) });
  await client.flush();
  assert.deepEqual(requests.map(({ path }) => path), ['/api/events', '/api/events', '/v1/batch', '/api/events']);
  assert.deepEqual(requests.slice(0, 2).flatMap(({ body }) => body.map((event) => event.event_id)), ids);
  assert.deepEqual(requests[0].body.map((event) => event.event_type), ['a', 'b']);
  assert.equal(requests[0].headers.authorization, 'Bearer ea_key');
  const [identify] = requests[2].body.batch;
  assert.deepEqual([identify.type, identify.userId, identify.traits], ['identify', 42, { plan: 'pro' }]);
  assert.deepEqual(requests[3].body, [
    { event_id: 'ef3d8cc1-5ca9-4b2c-ae01-7d2b4c1d9e10', occurred_at: '1970-01-01T00:00:00.000Z', user_id: 42, event_type: 'd' },
  ]);
});

test('what was not answered, or put off, is sent again as it was', async () => {
  const { host, requests } = await serverOf('lost', { status: 500 }, { status: 429 }, { status: 404 }, 'silent', accepted);
  const { client, dropped } = clientOf(host, { timeout: 500 });
  client.track('ann', 'bought');
  await client.flush();
  assert.equal(requests.length, 6);
  assert.equal(new Set(requests.map(({ text }) => text)).size, 1);
  assert.deepEqual(dropped, []);
});

test('a success of something else than the service settles nothing', async () => {
  const others = ['<html>Log in</html>', '', null, [], { success: 'yes' }, { rejected: 'none' }];
  for (const record of ['track', 'identify']) {
    const { host, requests } = await serverOf(...others.map((body) => ({ status: 200, body })), accepted);
    const { client, dropped } = clientOf(host, { pause: 1 });
    client[record]('ann', 'bought');
    await client.flush();
    assert.equal(requests.length, others.length + 1);
    assert.deepEqual(dropped, []);
  }
});

test('what is given up after such an answer says so', async () => {
  const { host } = await serverOf({ status: 200, body: '<html>Log in</html>' });
  const { client, dropped } = clientOf(host, { pause: 1_000 });
  client.track('ann', 'bought');
  await client.close(100);
  assert.deepEqual(dropped.map(({ reason }) => reason), ['time is up, after 200 OK, which is not of the service']);
});

test('Retry-After is the least pause, in seconds or as a date', async () => {
  const inTwo = () => new Date(Date.now() + 2_000).toUTCString(); // to the second: in one at least
  for (const value of [() => '1', inTwo]) {
    const { host, requests } = await serverOf({ status: 503, headers: () => ({ 'Retry-After': value() }) }, accepted);
    const { client } = clientOf(host);
    client.track('ann', 'bought');
    await client.flush();
    const pause = requests[1].at - requests[0].at;
    assert.ok(pause > 900, `${value()}: ${pause}`);
  }
});

test('pauses double, less a part by chance', async (t) => {
  for (const [chance, least] of [[0, [25, 50, 100]], [0.99, [49, 99, 198]]]) {
    const random = t.mock.method(Math, 'random', () => chance);
    const { host, requests } = await serverOf('lost', 'lost', 'lost', accepted);
    const { client } = clientOf(host, { pause: 50 });
    client.track('ann', 'bought');
    await client.flush();
    random.mock.restore();
    const pauses = requests.slice(1).map(({ at }, i) => at - requests[i].at);
    assert.ok(pauses.every((pause, i) => pause > least[i] - 1), pauses.join()); // timers may be 1 ms early
  }
});

test('refused events are told, the others are not', async () => {
  const errors = [
    { index: 1, field: 'user_id', code: 'invalid-field', message: 'must not be empty' },
    { index: 0, field: 'event_id', code: 'conflict', message: 'is known with another content' },
  ];
  const { host } = await serverOf({ body: { rejected: 2, errors, message: 'Events accepted.' } });
  const { client, dropped } = clientOf(host);
  ['a', 'b', 'c'].forEach((type) => client.track('ann', type));
  await client.flush();
  assert.deepEqual(dropped.map(({ reason, events, count }) => [reason, events.map((event) => event.event_type), count]), [
    ['user_id must not be empty', ['b'], 1],
    ['202 Events accepted.', [], 1],
  ]);
});

test('a refused request is dropped, and the next one sent', async () => {
  const { host } = await serverOf({ status: 401, body: { detail: 'Invalid API key.' } }, accepted);
  const { client, dropped } = clientOf(host, { batchSize: 2 });
  ['a', 'b', 'c'].forEach((type) => client.track('ann', type));
  await client.flush();
  assert.deepEqual(dropped.map(({ reason, events }) => [reason, events.map((event) => event.event_type)]), [['401 Invalid API key.', ['a', 'b']]]);
});

test('a request has at most a million bytes, whatever its characters', async () => {
  const { host, requests } = await serverOf(accepted);
  const { client } = clientOf(host);
  for (let n = 0; n < 4; n++) client.track('ann', 'a', { text: '\u4e2d'.repeat(150_000) }); // 450 kB each
  await client.flush();
  assert.deepEqual(requests.map(({ body }) => body.length), [2, 2]);
});

test('a refusal of something else than the service is told whole', async () => {
  for (const errors of ['no', [null, 'no', { index: 'length' }]]) {
    const { host } = await serverOf({ status: 403, body: { errors, message: 'Blocked.' } }, accepted);
    const { client, dropped } = clientOf(host, { batchSize: 2 });
    ['a', 'b', 'c'].forEach((type) => client.track('ann', type));
    await client.flush();
    assert.deepEqual(dropped.map(({ reason, events }) => [reason, events.map((event) => event.event_type)]), [['403 Blocked.', ['a', 'b']]]);
  }
});

test('the queue is bounded in events and characters, and says what it drops', async () => {
  const { host } = await serverOf({ status: 503 });
  const { client, dropped } = clientOf(host, { maxEvents: 2, maxLength: 10_000 });
  assert.equal(client.track('ann', 'long', { text: 'x'.repeat(10_000) }), '');
  assert.ok(client.track('ann', 'a'));
  assert.ok(client.track('ann', 'b'));
  assert.equal(client.track('ann', 'c'), '');
  const circle = {};
  circle.circle = circle;
  assert.equal(client.track('ann', 'circle', circle), '');
  assert.equal(client.track('ann', 'huge', { text: 'x'.repeat(1 << 18) }), '');
  await client.close(100);
  assert.equal(client.track('ann', 'late'), '');
  const told = dropped.map(({ reason, events }) => [reason.replace(/\s*-->[^]*/, ''), events.map((event) => event.event_type ?? event)]);
  assert.deepEqual(told.map(([, events]) => events), [['long'], ['c'], ['circle'], ['huge'], ['a', 'b'], ['late']]);
  assert.match(told[0][0], /^the queue is full/);
  assert.match(told[2][0], /circular/);
  assert.match(told[4][0], /^time is up, after 503/);
});

test('close ends in time, whatever the service does', async () => {
  const { host } = await serverOf('silent');
  const { client, dropped } = clientOf(host);
  client.track('ann', 'bought');
  await client.close(50);
  assert.deepEqual(dropped.map(({ reason, count }) => [reason, count]), [['time is up', 1]]);
});

test('drops are warned of rarely', async (t) => {
  const warn = t.mock.method(console, 'warn', () => {});
  const { host } = await serverOf(accepted);
  const client = new Analytics({ host, key: 'ea_key', maxEvents: 0 });
  for (let n = 0; n < 200; n++) client.track('ann', 'bought');
  await client.close();
  assert.deepEqual(warn.mock.calls.map(({ arguments: [text] }) => text), [1, 10, 100].map((n) => `analytics: dropped ${n} event(s) so far: the queue is full`));
});
