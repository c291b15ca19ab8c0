/**
 * The vocabulary of time. The cores never read a clock: an `Instant` is handed to them.
 *
 * `Infinity` means "never" for an instant and "without end" for a duration; it is never encoded as 0
 * or -1. JSON has no Infinity: `state/files/store.ts` writes the word `infinite`.
 */

/** Milliseconds on the monotonic clock of this process; only differences have meaning. */
export type Instant = number;

/** A duration in milliseconds. */
export type Ms = number;

/** Wall time in milliseconds since 1970 UTC; only in stored leases and in logs. */
export type WallTime = number;

/** DHCP's seconds (a 32-bit field where all ones is infinite, RFC 2131 §3.3) in milliseconds. */
export function secondsToMs(seconds: number): Ms {
  return seconds === 0xffffffff ? Infinity : seconds * 1000;
}
