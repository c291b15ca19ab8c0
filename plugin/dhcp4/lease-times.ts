/** T1, T2 and expiry from an ACK (RFC 2131 §4.4.5). */
import type { Instant, Ms } from '../vocabulary/time.ts';
import type { Lease } from '../vocabulary/lease.ts';
import { durationOf, OPTION } from './options.ts';
import type { Options } from './options.ts';

export type LeaseTimes = Pick<Lease, 'requestedAt' | 't1At' | 't2At' | 'expiresAt'>;

/**
 * Shorter leases are refused. A lease of 5 s has its T1 at 2.5 s. That leaves time for a REQUEST, a
 * second REQUEST a second later, and one at T2. In a shorter lease a single lost frame takes the
 * address from the container.
 */
export const LEAST_LEASE: Ms = 5_000;

/**
 * A server that sends an earlier T1 would have each of its clients write a record and a line of the
 * log all the time. Leases of LEAST_LEASE are not renewed earlier, either.
 */
const LEAST_T1: Ms = LEAST_LEASE / 2;

/** RFC 2131 §4.4.5: T1 defaults to 0.5 and T2 to 0.875 of the lease, with some random variation. */
const T1_FRACTION = 0.5;
const T2_FRACTION = 0.875;
/** ±5 %. Both defaults stay apart from each other and from the end of the lease. */
const FUZZ = 0.05;

/**
 * The times of a lease count from the sending of its REQUEST, so that the client never uses it
 * longer than the server grants it. Options 58 and 59 are used if LEAST_T1 <= T1 < T2 < lease, and
 * T1 varies a little. Otherwise both defaults are used. In an infinite lease all three times are
 * Infinity.
 * @param random uniform in [0, 1).
 * @param lease option 51; not 0.
 */
export function leaseTimesOf(
  options: Options,
  lease: Ms,
  requestedAt: Instant,
  random: () => number,
): LeaseTimes {
  if (lease === Infinity) {
    return { requestedAt, t1At: Infinity, t2At: Infinity, expiresAt: Infinity };
  }
  const defaultT1 = fuzzed(lease * T1_FRACTION, random);
  const defaultT2 = fuzzed(lease * T2_FRACTION, random);
  const toldT1 = durationOf(options, OPTION.RENEWAL_TIME);
  const t1 = toldT1 ?? defaultT1;
  const t2 = durationOf(options, OPTION.REBINDING_TIME) ?? defaultT2;
  const inOrder = t1 >= Math.min(LEAST_T1, defaultT1) && t1 < t2 && t2 < lease;
  return {
    requestedAt,
    t1At: requestedAt + (inOrder && toldT1 !== undefined ? earlier(toldT1, random) : defaultT1),
    t2At: requestedAt + (inOrder ? t2 : defaultT2),
    expiresAt: requestedAt + lease,
  };
}

/** A server sends all its clients the same T1. So each client uses a time up to 5 % before it. */
function earlier(t1: Ms, random: () => number): Ms {
  return Math.round(t1 * (1 - FUZZ * random()));
}

function fuzzed(duration: Ms, random: () => number): Ms {
  return Math.round(duration * (1 + FUZZ * (2 * random() - 1)));
}
