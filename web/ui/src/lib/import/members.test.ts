import { expect, it } from 'vitest';
import { membersOf, plainOf } from './members';

const members = (text: string) => [...(membersOf(text) ?? [])];

it.each([
  ['{}', []],
  [' { "a" : 9007199254740993 , "b":10.50}\r', [['a', '9007199254740993'], ['b', '10.50']]],
  ['{"a":{"b":[1,{"c":"}"}],"d":":"},"e":[]}', [['a', '{"b":[1,{"c":"}"}],"d":":"}'], ['e', '[]']]],
  ['{"a\\"\\u0062,":"\\\\","":null}', [['a"b,', '"\\\\"'], ['', 'null']]],
  ['{"a":1,"a":2}', [['a', '2']]],
])('the members of %s', (text, expected) => {
  expect(members(text)).toEqual(expected);
});

it('a string of the longest line', () => {
  const long = `"${'\\"x'.repeat(300_000)}"`;
  expect(members(`{"a":${long}}`)).toEqual([['a', long]]);
});

it('other JSON has no members', () => {
  for (const text of ['[1]', '"{}"', 'null', '7']) expect(membersOf(text)).toBeUndefined();
  expect(() => membersOf('{"a"')).toThrow();
});

it('of a value', () => {
  expect(['"a\\"b"', 'null', '9007199254740993', '{"a":1}'].map(plainOf)).toEqual(['a"b', '', '9007199254740993', '{"a":1}']);
});
