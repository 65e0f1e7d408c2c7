import { uuidOf } from './hex';

/** A random UUID. Unlike crypto.randomUUID it is there on plain HTTP too. */
export function uuid(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40; // version 4
  bytes[8] = (bytes[8] & 0x3f) | 0x80; // variant of RFC 9562
  return uuidOf(bytes);
}
