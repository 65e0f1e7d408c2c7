import { expect, test } from 'vitest';
import { inviteLink, inviteOf } from './invite';

test('a link has its secret, and nothing else is one', () => {
  const secret = `ei_${'a2'.repeat(26)}`;
  expect(inviteOf(new URL(inviteLink('https://a.example', secret)).hash)).toBe(secret);
  for (const hash of ['', '#', `#${secret}a`, `#${secret.slice(0, -1)}`, `#eas_${'a'.repeat(26)}`]) expect(inviteOf(hash)).toBe('');
});
