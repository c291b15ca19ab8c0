/**
 * Waiting times before sending again (RFC 2131 §4.1, §4.4.5), after a refusal and after a conflict.
 * All results are milliseconds. Every `random` is uniform in [0, 1).
 */
import type { Instant, Ms } from '../vocabulary/time.ts';

export type RetransmitProfile = 'container-start' | 'rfc2131';

/** RFC 2131 §4.1: 4 s at first, doubled up to 64 s, each ±1 s. */
const FIRST_DELAY: Ms = 4_000;
const LONGEST_DELAY: Ms = 64_000;
const JITTER: Ms = 1_000;
/**
 * Deviation: 1, 2, 4, 8 s… while a container waits for its start. Otherwise a lost first DISCOVER
 * would cost 4 s of about 20 s. The variation is a quarter, because ±1 s is too much for short
 * delays.
 */
const CONTAINER_START_FIRST_DELAY: Ms = 1_000;

/** RFC 2131 §4.4.5: the shortest time between two requests in RENEWING or REBINDING. */
const LEAST_RENEWAL_DELAY: Ms = 60_000;
/**
 * Deviation: in a lease under 16 minutes it is a 16th of the lease, at least 1 s. With 60 s a short
 * lease would have one REQUEST in RENEWING and one in REBINDING. Then two lost frames would take
 * the address from the container.
 */
const LEAST_RENEWAL_PART = 16;
const SHORTEST_RENEWAL_DELAY: Ms = 1_000;

/** RFC 2131 §3.1 step 5: the shortest time between a DECLINE and the next DISCOVER. */
const DECLINE_HOLD: Ms = 10_000;
/** RFC 5227 §2.1.1: after MAX_CONFLICTS conflicts, one new try for each RATE_LIMIT_INTERVAL. */
export const MAX_CONFLICTS = 10;
const RATE_LIMIT_INTERVAL: Ms = 60_000;

const LONGEST_FAILURE_DELAY: Ms = 60_000;
const LONGEST_RESUME_DELAY: Ms = 10_000;

/** Delay before resending in SELECTING, REQUESTING or REBOOTING. @param attempt resends so far. */
export function retransmitDelay(
  attempt: number,
  profile: RetransmitProfile,
  random: () => number,
): Ms {
  const first = profile === 'container-start' ? CONTAINER_START_FIRST_DELAY : FIRST_DELAY;
  const delay = Math.min(first * 2 ** attempt, LONGEST_DELAY);
  const jitter = Math.min(JITTER, delay / 4);
  return Math.round(delay + jitter * (2 * random() - 1));
}

/**
 * When to send again in RENEWING (`until` is T2) or REBINDING (`until` is expiry): after half of
 * what is left, at least 60 s. The result may lie after `until`. Then the message already sent was
 * the last.
 * @param lease the duration of the whole lease.
 */
export function renewalResendAt(now: Instant, until: Instant, lease: Ms): Instant {
  const part = Math.max(Math.round(lease / LEAST_RENEWAL_PART), SHORTEST_RENEWAL_DELAY);
  return now + Math.max(Math.round((until - now) / 2), Math.min(part, LEAST_RENEWAL_DELAY));
}

/** The longest time between two REQUESTs that were wanted before T1. */
const LONGEST_EARLY_DELAY: Ms = 3_600_000;

/**
 * When to send a REQUEST again that was wanted before T1, because it tells the server a name: 4 s
 * after the first, and twice as long after each further one. RFC 2131 §4.4.5 has no times for it.
 * Half of what is left would be hours in a long lease, and for ever in a lease without end.
 * @param attempt resends so far.
 */
export function earlyResendAt(now: Instant, attempt: number, random: () => number): Instant {
  const delay = Math.min(FIRST_DELAY * 2 ** attempt, LONGEST_EARLY_DELAY);
  return now + Math.round(delay + JITTER * (2 * random() - 1));
}

/**
 * Delay before extending a lease that became due while the plugin was stopped. It is up to 10 s, as
 * RFC 2131 §4.4.1 asks of clients that start together, and at most half of the time that is left.
 */
export function resumeDelay(left: Ms, random: () => number): Ms {
  return 1 + Math.floor(random() * Math.min(left / 2, LONGEST_RESUME_DELAY));
}

/**
 * Delay before the next DISCOVER after a NAK, or after REQUESTs without answer. It is doubled up to
 * 60 s while such failures follow each other. Before a first address it starts at 100 ms, because
 * servers that gave one address to two clients refuse the second. After a lease that was in use it
 * starts at 1 s.
 */
export function failureDelay(failuresBefore: number, hadLease: boolean): Ms {
  return Math.min((hadLease ? 1_000 : 100) * 2 ** failuresBefore, LONGEST_FAILURE_DELAY);
}

/** @param conflicts how many addresses were declined so far, with the last one. */
export function declineDelay(conflicts: number): Ms {
  return conflicts >= MAX_CONFLICTS ? RATE_LIMIT_INTERVAL : DECLINE_HOLD;
}
