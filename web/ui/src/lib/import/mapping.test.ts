import { describe, expect, it } from 'vitest';
import { open } from './file';
import { guess, jsonOf, lacks, maker, type Made, type Mapping } from './mapping';

async function made(name: string, text: string | Blob, change: Partial<Mapping> = {}): Promise<Made[]> {
  const opened = await open(new File([text], name));
  const results: Made[] = [];
  let make: ReturnType<typeof maker> | undefined;
  for await (const record of opened.records) {
    make ??= maker(opened, { ...guess(opened.columns, record.values, 'Europe/Warsaw'), ...change });
    results.push(make(record));
  }
  return results;
}
const events = async (...args: Parameters<typeof made>) =>
  (await made(...args)).map((one) => ('event' in one ? (JSON.parse(one.event) as Record<string, unknown>) : one));

const csv = 'time,user,event,price,zip,note\n2025-08-21 06:52,42,buy,10.50,02134,"a ""b"""\n2025-08-21 06:53,43,buy,,,\n';

describe('a CSV', () => {
  it('becomes events whose columns are guessed', async () => {
    expect(await events('a.csv', csv)).toEqual([
      {
        event_id: expect.stringMatching(/^[0-9a-f-]{14}5/),
        occurred_at: '2025-08-21T04:52:00.000Z',
        user_id: '42',
        event_type: 'buy',
        properties: { price: 10.5, zip: '02134', note: 'a "b"' },
      },
      expect.objectContaining({ user_id: '43', properties: {} }),
    ]);
  });

  it('keeps all digits', async () => {
    const text = 'time;user;event;n;properties\n2025-08-21;1;e;12345678901234567890.10;"{""m"":9007199254740993}"\n';
    const [one] = await made('a.csv', text);
    expect(one).toMatchObject({ event: expect.stringContaining('{"m":9007199254740993,"n":12345678901234567890.10}') });
  });

  it('has the same ids each time; of equal rows only where they are told apart by their place', async () => {
    const twice = 'time,user,event\n2025-08-21,1,e\n2025-08-21,1,e\n';
    const ids = async (id: Mapping['id']) => (await events('a.csv', twice, { id })).map((event) => (event as { event_id: string }).event_id);
    const [a, b] = await ids('place');
    expect(a).not.toBe(b);
    expect(await ids('place')).toEqual([a, b]);
    const [c, d] = await ids('row');
    expect(c).toBe(d);
  });

  it('is another event of a row when it is taken for another, and the same when for the same', async () => {
    const orders = 'user,seller,placed,paid\n1,2,2025-08-21,2025-08-22\n';
    const id = async (change: Partial<Mapping>) => {
      const [event] = await events('a.csv', orders, { user: 0, time: 2, fixedType: 'order', ...change });
      return (event as { event_id: string }).event_id;
    };
    const placed = await id({});
    expect(await id({})).toBe(placed);
    expect(await id({ zone: 'UTC', without: [3], fixedType: ' order ' })).toBe(placed);
    const others = [await id({ time: 3 }), await id({ fixedType: 'payment' }), await id({ user: 1 }), await id({ id: 'row' })];
    expect(new Set([placed, ...others]).size).toBe(5);
  });

  it('whose columns have the same name is refused', async () => {
    await expect(made('a.csv', 'time,user,event, price,price,\n')).rejects.toThrow('Two columns are called “price”');
  });

  it('may have columns without a name', async () => {
    expect(await events('a.csv', 'time,user,event,,\n2025-08-21,1,e,x,\n')).toMatchObject([{ properties: { 'column 4': 'x' } }]);
  });

  it('has properties in a column of JSON beside others', async () => {
    const text = 'time;user;event;properties;os\n2025-08-21;1;e;"{""a"":{""b"":1}}";iOS\n2025-08-21;1;e;[1];iOS\n';
    expect(await events('a.csv', text)).toEqual([
      expect.objectContaining({ properties: { a: { b: 1 }, os: 'iOS' } }),
      { problem: 'properties is no JSON object: "[1]"' },
    ]);
  });

  it('says what is wrong with a row, and goes on', async () => {
    const text = 'time,user,event\nsoon,1,e\n2025-08-21,,e\n2025-08-21,1\n2025-08-21,1,e\n';
    const [time, user, short, good] = await made('a.csv', text);
    expect([time, user, short]).toEqual([
      { problem: 'time is no such time: "soon"' },
      { problem: 'user is empty.' },
      { problem: 'It has 2 values, and the header 3.' },
    ]);
    expect(good).toHaveProperty('event');
  });

  it('may be packed, and begin with a byte order mark', async () => {
    const packed = new Blob(['\ufeff' + csv]).stream().pipeThrough(new CompressionStream('gzip'));
    expect(await events('a.csv.gz', await new Response(packed).blob())).toEqual(await events('a.csv', csv));
  });

  it('that is not UTF-8 is told so', async () => {
    const bytes = new Blob(['time,user,event\n2025-08-21,', Uint8Array.of(0xe9), ',e\n']);
    expect(await made('a.csv', bytes)).toEqual([{ problem: 'It is not UTF-8. Save the file as UTF-8.' }]);
  });
});

describe('NDJSON', () => {
  it('becomes events, with what later lines have more', async () => {
    const text = '{"ts":1755751954,"user_id":7,"event":"e","n":1}\n\n{"ts":1755751954,"user_id":7,"event":"e","m":[1]}\nnonsense\n[1]';
    expect(await events('a.ndjson', text)).toEqual([
      expect.objectContaining({ user_id: '7', occurred_at: '2025-08-21T04:52:34.000Z', properties: { n: 1 } }),
      expect.objectContaining({ properties: { m: [1] } }),
      { problem: 'It is not JSON.' },
      { problem: 'It is not a JSON object.' },
    ]);
  });

  it('keeps all digits, of ids and within objects too', async () => {
    const digits = '9007199254740993'; // 2^53 + 1
    const text = `{"ts":1755751954,"user_id":${digits},"event":"e","n":10.50,"deep":{"n":[${digits}]},"properties":{"m":${digits}}}`;
    const [one] = await made('a.ndjson', text);
    expect(one).toMatchObject({ event: expect.stringContaining(`"user_id":"${digits}"`) });
    expect(one).toMatchObject({ event: expect.stringContaining(`"properties":{"m":${digits},"n":10.50,"deep":{"n":[${digits}]}}`) });
  });

  it('that is not UTF-8 is told so', async () => {
    const bytes = new Blob(['{"ts":1755751954,"user_id":"', Uint8Array.of(0xe9), '","event":"e"}']);
    expect(await made('a.ndjson', bytes)).toEqual([{ problem: 'It is not UTF-8. Save the file as UTF-8.' }]);
  });
});

it('says what is not chosen yet', () => {
  expect(lacks(guess(['a', 'b'], [], 'UTC'))).toMatch('who');
  expect(lacks(guess(['user', 'when', 'event'], [], 'UTC'))).toMatch('when');
  expect(lacks(guess(['user', 'time'], [], 'UTC'))).toMatch('happened');
  expect(lacks({ ...guess(['user', 'time'], [], 'UTC'), fixedType: 'visit' })).toBeUndefined();
});

it.each([
  ['10', '10'],
  ['007', '"007"'],
  ['1e5', '"1e5"'],
  ['-0.5', '-0.5'],
  ['true', 'true'],
  ['', ''],
  ['a"b', '"a\\"b"'],
])('the JSON of %j', (cell, json) => {
  expect(jsonOf(cell)).toBe(json);
});
