/**
 * IPv4 link-local addresses (RFC 3927): which one to try, and how soon after a conflict. Probes,
 * announcements and defence are those of RFC 5227, with the same constants.
 */
import { ipv4FromNumber, type Ipv4 } from '../wire/address.ts';
import type { Ms } from '../vocabulary/time.ts';

/** RFC 3927 §2.1: the first and the last 256 addresses of 169.254.0.0/16 are reserved. */
const FIRST = 0xa9fe0100;
const COUNT = 254 * 256;

/** RFC 3927 §9. */
const MAX_CONFLICTS = 10;
const RATE_LIMIT_INTERVAL: Ms = 60_000;

/**
 * The address to try after so many others. A client tries the same addresses in the same order each
 * time (§2.1), and other clients try others.
 * @param seed what tells clients of a segment apart.
 */
export function linkLocalCandidate(seed: Uint8Array, others: number): Ipv4 {
  let hash = 0x811c9dc5;
  for (const octet of [...seed, others & 0xff, (others >> 8) & 0xff]) {
    hash = Math.imul(hash ^ octet, 0x01000193);
  }
  // The last octets must reach all bits.
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return ipv4FromNumber(FIRST + (((hash ^ (hash >>> 16)) >>> 0) % COUNT));
}

/** §2.2.1: after MAX_CONFLICTS one address is tried in each RATE_LIMIT_INTERVAL. */
export function linkLocalDelay(conflicts: number): Ms {
  return conflicts >= MAX_CONFLICTS ? RATE_LIMIT_INTERVAL : 0;
}
