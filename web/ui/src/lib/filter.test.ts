import { describe, expect, it } from 'vitest';
import { combined, condition, escapeName, operators, parse, say, takesValue } from './filter';

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
  ])('%s', (text, words) => {
    expect(say(text)).toBe(words);
  });
});

it('any is one filter, all are several', () => {
  expect(combined(['a=1', '{"not":"b=2"}'], true)).toEqual(['{"any":["a=1",{"not":"b=2"}]}']);
  expect(combined(['a=1', 'b=2'], false)).toEqual(['a=1', 'b=2']);
});
