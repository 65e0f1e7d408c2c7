import { describe, expect, it } from 'vitest';
import { combined, condition, escapeName, operators, parse, say, takesValue, textOf, treeOf, type Filter } from './filter';

const hostile = ['a,b', 'a|b', '(x)', 'back\\slash', '<img src=x onerror=alert(1)>', ' padded ', 'ünï ✓', 'a=b', '"quoted"', 'x'.repeat(200)];

describe('condition', () => {
  it('is read as it was written', () => {
    for (const { sign } of operators) {
      for (const value of takesValue(sign) ? hostile : ['']) {
        for (const name of ['price', 'a.b', 'a=b', 'with space', '<b>']) {
          const field = `properties.${escapeName(name)}`;
          expect(parse(condition(field, sign, value)), `${name} ${sign} ${value}`).toEqual({ field, sign, value });
        }
      }
    }
  });
  it('escapes what the grammar reads', () => {
    expect(condition('properties.name', '=', 'a|b,(c)')).toBe('properties.name=a\\|b\\,\\(c\\)');
  });
});

describe('say', () => {
  it.each([
    ['properties.os=Android', 'os is Android'],
    ['properties.price>=10.5', 'price is at least 10.5'],
    ['user.plan:missing', 'user’s plan is not set'],
    ['cohort:payers=true', 'in cohort payers'],
    ['cohort:payers=false', 'not in cohort payers'],
    ['{"funnel":{"steps":["a","b"]},"reached":1,"dropped":true}', 'left after step 1 of 2'],
    ['properties.a:matches(x.*)', 'properties.a:matches(x.*)'],
    ['{"did":"purchase","times":">=3","last":"30d"}', 'did purchase at least 3 times in the last 30d'],
    ['{"any":["properties.os=iOS",["user.plan=pro","cohort:payers=true"]]}', 'any of (os is iOS, all of (user’s plan is pro, in cohort payers))'],
    ['{"not":"properties.os=iOS"}', 'none of (os is iOS)'],
  ])('%s', (text, words) => {
    expect(say(text)).toBe(words);
  });
});

it('any is one filter, all are several', () => {
  expect(combined(['a=1', '{"not":"b=2"}'], true)).toEqual(['{"any":["a=1",{"not":"b=2"}]}']);
  expect(combined(['a=1', 'b=2'], false)).toEqual(['a=1', 'b=2']);
});

describe('a tree', () => {
  it.each([
    ['{"any":["a=1","b=2"]}', { mode: 'any', of: ['a=1', 'b=2'] }],
    ['["a=1","b=2"]', { mode: 'all', of: ['a=1', 'b=2'] }],
    ['{"not":"a=1"}', { mode: 'none', of: ['a=1'] }],
    ['{"not":{"any":["a=1","b=2"]}}', { mode: 'none', of: ['a=1', 'b=2'] }],
    ['{"not":["a=1","b=2"]}', { mode: 'some-not', of: ['a=1', 'b=2'] }],
    ['{"any":[["a=1","b=2"],{"not":"c=3"}]}', { mode: 'any', of: [{ mode: 'all', of: ['a=1', 'b=2'] }, { mode: 'none', of: ['c=3'] }] }],
    ['{"any":[{"did":"purchase"},"a=1"]}', { mode: 'any', of: ['{"did":"purchase"}', 'a=1'] }],
    ['a=1', 'a=1'],
    ['{"did":"purchase"}', '{"did":"purchase"}'],
    ['{"broken', '{"broken'],
  ] as [string, Filter][])('%s', (text, tree) => {
    expect(treeOf(text)).toEqual(tree);
    expect(textOf(tree)).toBe(text);
  });

  it('is read from the address as it was written, whatever the values are', () => {
    for (const value of hostile) {
      const leaf = condition('properties.a', '=', value);
      const tree: Filter = { mode: 'any', of: [leaf, { mode: 'some-not', of: [leaf, 'cohort:b=true'] }] };
      const query = new URLSearchParams([['f', textOf(tree)], ['f', leaf]]).toString();
      const [first, second] = new URLSearchParams(query).getAll('f');
      expect(treeOf(first), value).toEqual(tree);
      expect(treeOf(second), value).toBe(leaf);
    }
  });
});

it.each(['[null]', '{"not":null}', '{"any":[null]}', '[1,true]', '{"funnel":{}}', '{"funnel":null}', '[[]]', '[', '{}', 'null'])('%s is said, not thrown', (text) => {
  expect(say(text)).toEqual(expect.any(String));
  expect(textOf(treeOf(text))).toEqual(expect.any(String));
});
