/**
 * The vocabulary of time. The cores never read a clock: they get an `Instant` as an argument.
 *
 * `Infinity` means "never" for an instant and "without end" for a duration. It is never encoded as
 * 0 or -1. JSON has no Infinity, so `state/files/store.ts` writes the word `infinite`.
 */

/** Milliseconds on the monotonic clock of this process. Only differences have meaning. */
export type Instant = number;

/** A duration in milliseconds. */
export type Ms = number;

/** Wall time in milliseconds since 1970 UTC. Only stored leases and logs use it. */
export type WallTime = number;

/**
 * Converts DHCP's seconds to milliseconds. The field has 32 bits; all ones mean infinite (RFC 2131
 * §3.3).
 */
export function secondsToMs(seconds: number): Ms {
  return seconds === 0xffffffff ? Infinity : seconds * 1000;
}

/** Whole seconds from `now`, rounded up; undefined for never. A past instant is 0. */
export function secondsUntil(instant: Instant, now: Instant): number | undefined {
  if (instant === Infinity) return undefined;
  return Math.max(0, Math.ceil((instant - now) / 1000));
}

/** `3 h`, `12 min`, `40 s`: as coarse as a person reads it. */
export function durationText(ms: Ms): string {
  const seconds = Math.round(ms / 1000);
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.round(minutes / 60)} h`;
}
