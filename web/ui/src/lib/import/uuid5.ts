// Ids that depend on content alone: UUIDs of version 5 (RFC 9562). crypto.subtle is
// not there on plain HTTP, and a call for each row would take longer than the hash.
import { uuidOf } from '../hex';

const rotate = (x: number, by: number) => (x << by) | (x >>> (32 - by));

/** SHA-1 (FIPS 180-4). Nothing secret rests on it: it tells rows apart. */
export function sha1(bytes: Uint8Array): Uint8Array {
  const padded = new Uint8Array((((bytes.length + 8) >> 6) + 1) << 6);
  padded.set(bytes);
  padded[bytes.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, Math.floor(bytes.length / 2 ** 29));
  view.setUint32(padded.length - 4, bytes.length << 3);
  const hash = [0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0];
  const words = new Int32Array(80);
  for (let block = 0; block < padded.length; block += 64) {
    for (let t = 0; t < 16; t++) words[t] = view.getInt32(block + 4 * t);
    for (let t = 16; t < 80; t++) words[t] = rotate(words[t - 3] ^ words[t - 8] ^ words[t - 14] ^ words[t - 16], 1);
    let [a, b, c, d, e] = hash;
    for (let t = 0; t < 80; t++) {
      const next = (rotate(a, 5) + mixed(t, b, c, d) + e + words[t]) | 0;
      [a, b, c, d, e] = [next, a, rotate(b, 30), c, d];
    }
    [a, b, c, d, e].forEach((word, k) => (hash[k] = (hash[k] + word) | 0));
  }
  const sum = new DataView(new ArrayBuffer(20));
  hash.forEach((word, k) => sum.setInt32(4 * k, word));
  return new Uint8Array(sum.buffer);
}

// The function of the twenty steps that t is one of, with their constant.
function mixed(t: number, b: number, c: number, d: number): number {
  if (t < 20) return ((b & c) | (~b & d)) + 0x5a827999;
  if (t < 40) return (b ^ c ^ d) + 0x6ed9eba1;
  if (t < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
  return (b ^ c ^ d) + 0xca62c1d6;
}

const encoder = new TextEncoder();

/** The id of a name in a namespace of 16 bytes. */
export function uuid5(namespace: Uint8Array, name: string): string {
  const text = encoder.encode(name);
  const bytes = new Uint8Array(namespace.length + text.length);
  bytes.set(namespace);
  bytes.set(text, namespace.length);
  const sum = sha1(bytes).subarray(0, 16);
  sum[6] = (sum[6] & 0x0f) | 0x50; // version 5
  sum[8] = (sum[8] & 0x3f) | 0x80; // variant of RFC 9562
  return uuidOf(sum);
}
