import { expect, test } from 'vitest';
import { linkOf, secretOf } from './share';

test('the secret is what is after the #, and nothing else', () => {
  const secret = 'eas_abcdefghijklmnopqrstuvwx23';
  expect(secretOf(`#${secret}`)).toBe(secret);
  expect(secretOf(new URL(linkOf('https://a.example', secret)).hash)).toBe(secret);
  for (const hash of ['', '#', secret, `#${secret}x`, '#eas_short', `#${secret.toUpperCase()}`, `#x${secret}`]) expect(secretOf(hash)).toBe('');
});
