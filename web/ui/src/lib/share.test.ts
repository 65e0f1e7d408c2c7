import { expect, test, vi } from 'vitest';
import { linkOf, secretOf, sharedBoard } from './share';

test('the secret is what is after the #, and nothing else', () => {
  const secret = 'eas_abcdefghijklmnopqrstuvwx23';
  expect(secretOf(`#${secret}`)).toBe(secret);
  expect(secretOf(new URL(linkOf('https://a.example', secret)).hash)).toBe(secret);
  for (const hash of ['', '#', secret, `#${secret}x`, '#eas_short', `#${secret.toUpperCase()}`, `#x${secret}`]) expect(secretOf(hash)).toBe('');
});

test('a refusal is told like any other, with the field that is wrong', async () => {
  const body = { detail: 'The request is invalid.', instance: 'r-1', errors: [{ field: 'tile', message: 'is unknown' }] };
  vi.stubGlobal('fetch', async () => Response.json(body, { status: 422, headers: { 'Retry-After': '3' } }));
  await expect(sharedBoard('eas_x')).rejects.toMatchObject({ status: 422, message: 'tile: is unknown', instance: 'r-1', retryAfter: 3 });
});
