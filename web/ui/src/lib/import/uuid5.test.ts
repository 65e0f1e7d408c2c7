import { describe, expect, it } from 'vitest';
import { bytesOf, hexOf } from '../hex';
import { sha1, uuid5 } from './uuid5';

describe('sha1', () => {
  it('is that of the platform, for every length around a block', async () => {
    for (let length = 0; length < 200; length++) {
      const bytes = Uint8Array.from({ length }, (_, k) => (k * 37 + length) & 0xff);
      expect(hexOf(sha1(bytes)), `${length} bytes`).toBe(hexOf(new Uint8Array(await crypto.subtle.digest('SHA-1', bytes))));
    }
  });
});

it('uuid5 is that of RFC 9562, appendix A.4', () => {
  const dns = bytesOf('6ba7b8109dad11d180b400c04fd430c8');
  expect(uuid5(dns, 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
});
