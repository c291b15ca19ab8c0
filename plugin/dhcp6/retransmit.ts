/**
 * When a message is sent again (RFC 9915 §15, with the numbers of §7.6), and how long a client
 * waits after a refusal. All results are milliseconds. Every `random` is uniform in [0, 1).
 */
import type { Ms } from '../vocabulary/time.ts';
import type { MessageType } from './message.ts';

export type RetransmitProfile = 'container-start' | 'rfc9915';

/** IRT, MRT and MRC of RFC 9915 §15. Infinity if there is no limit. */
export interface Timing {
  readonly initial: Ms;
  readonly longest: Ms;
  /** How often the message is sent in all. */
  readonly mostSends: number;
}

type ClientMessage = Exclude<MessageType, 'ADVERTISE' | 'REPLY' | 'RECONFIGURE'>;

export const TIMING: Readonly<Record<ClientMessage, Timing>> = {
  SOLICIT: { initial: 1_000, longest: 3_600_000, mostSends: Infinity },
  REQUEST: { initial: 1_000, longest: 30_000, mostSends: 10 },
  CONFIRM: { initial: 1_000, longest: 4_000, mostSends: Infinity },
  RENEW: { initial: 10_000, longest: 600_000, mostSends: Infinity },
  REBIND: { initial: 10_000, longest: 600_000, mostSends: Infinity },
  RELEASE: { initial: 1_000, longest: Infinity, mostSends: 4 },
  DECLINE: { initial: 1_000, longest: Infinity, mostSends: 4 },
  'INFORMATION-REQUEST': { initial: 1_000, longest: 3_600_000, mostSends: Infinity },
};

/** SOL_MAX_DELAY, CNF_MAX_DELAY and INF_MAX_DELAY: they spread clients that start together. */
const MOST_DELAY: Ms = 1_000;

/** RFC 9915 §21.24, §21.25: which seconds a client heeds as SOL_MAX_RT and INF_MAX_RT. */
const LEAST_MAX_RT = 60;
const MOST_MAX_RT = 86_400;

/**
 * Deviation: if an address is valid for less than 160 s, RENEW and REBIND are sent again sooner
 * than after 10 s. Otherwise two lost frames would take it from the container.
 */
const LEAST_RENEWAL_PART = 16;

/** The number of addresses in conflict from which on a client waits longest. */
export const MAX_CONFLICTS = 10;
const LONGEST_FAILURE_DELAY: Ms = 60_000;
const LONGEST_RESUME_DELAY: Ms = 10_000;

/**
 * The time from one sending to the next.
 * @param previous the time before; undefined after the first sending.
 * @param isLater true if the first time must be longer than `initial`, as for SOLICIT (§18.2.1).
 */
export function timeoutAfter(
  timing: Timing,
  previous: Ms | undefined,
  random: () => number,
  isLater = false,
): Ms {
  if (previous === undefined) {
    const factor = isLater ? 0.1 * (1 - random()) : rand(random);
    return Math.ceil(timing.initial * (1 + factor));
  }
  const doubled = previous * (2 + rand(random));
  if (doubled <= timing.longest) return Math.ceil(doubled);
  return Math.ceil(timing.longest * (1 + rand(random)));
}

/** RAND: between -0.1 and +0.1. */
function rand(random: () => number): number {
  return 0.2 * random() - 0.1;
}

/** @param shortest how long the address is valid that ends first. */
export function renewalTiming(type: 'RENEW' | 'REBIND', shortest: Ms): Timing {
  const timing = TIMING[type];
  const initial = Math.min(timing.initial, Math.max(shortest / LEAST_RENEWAL_PART, 1_000));
  return { ...timing, initial };
}

/** The longest time that option 82 or 83 sets; undefined if its value is out of range. */
export function maxRtOf(seconds: number): Ms | undefined {
  return seconds >= LEAST_MAX_RT && seconds <= MOST_MAX_RT ? seconds * 1_000 : undefined;
}

/** Delay before a first message. A starting container does not wait. */
export function firstDelay(profile: RetransmitProfile, random: () => number): Ms {
  return profile === 'container-start' ? 0 : spread(random);
}

/** 1 ms to 1 s. */
export function spread(random: () => number): Ms {
  return 1 + Math.floor(random() * (MOST_DELAY - 1));
}

/**
 * Delay before extending a lease that became due while the plugin was stopped, or that was only
 * confirmed. It is at most 10 s, and at most half of the time that is left.
 */
export function resumeDelay(left: Ms, random: () => number): Ms {
  return 1 + Math.floor(random() * Math.min(left / 2, LONGEST_RESUME_DELAY));
}

/** Delay before the next SOLICIT. It is doubled up to 60 s while failures follow each other. */
export function failureDelay(failuresBefore: number, hadLease: boolean): Ms {
  return Math.min((hadLease ? 1_000 : 100) * 2 ** failuresBefore, LONGEST_FAILURE_DELAY);
}

/** @param conflicts how many addresses were declined so far, with the last one. */
export function conflictDelay(conflicts: number): Ms {
  return conflicts >= MAX_CONFLICTS ? LONGEST_FAILURE_DELAY : failureDelay(conflicts - 1, false);
}
