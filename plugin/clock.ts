/**
 * The clock of the process: monotonic time for decisions, wall time for people, the boot's id for
 * stored times, and one kind of timer. `main.ts` chooses where the time comes from.
 */
import type { Instant, Ms, WallTime } from './vocabulary/time.ts';

export interface Clock {
  /**
   * Goes on while the host is suspended, and never jumps. All processes of one boot can compare it.
   */
  now(): Instant;
  wall(): WallTime;
  /** The id of the boot that `now()` counts from. */
  readonly bootId: string;
  /**
   * Calls `fn` when `instant` has come, at most 30 s late after a suspend. Returns a function that
   * cancels.
   * @throws RangeError for NaN: as a delay NaN would mean "at once", again and again.
   */
  at(instant: Instant, fn: () => void): () => void;
}

/** What time it is, without timers. */
export type Times = Pick<Clock, 'now' | 'wall' | 'bootId'>;

/**
 * The time of this moment. Whoever looks at thousands of leases at once asks the kernel once, and
 * judges all of them by the same time.
 */
export function momentOf(clock: Times): Times {
  const [now, wall] = [clock.now(), clock.wall()];
  return { now: () => now, wall: () => wall, bootId: clock.bootId };
}

/** Where a clock reads the time that goes on during suspend. */
export interface TimeSource {
  now(): Instant;
  readonly bootId: string;
}

/**
 * Node's timers stand still while the host is suspended. So the time is read again after at most
 * this delay, and a host that wakes up notices a lease that ended meanwhile. The delay is also far
 * below Node's longest delay.
 */
const LONGEST_DELAY: Ms = 30_000;

interface Wait {
  readonly instant: Instant;
  readonly fn: () => void;
  /** Node's timer. Undefined while the wait is a far one. */
  timer: NodeJS.Timeout | undefined;
}

/** @param onFailure called with what the `fn` of a timer throws. Later timers still fire. */
export function createClock(
  source: TimeSource,
  onFailure: (error: unknown) => void = rethrow,
): Clock {
  /**
   * Waits that last longer than LONGEST_DELAY. They share one timer of Node: with one each, 4,000
   * leases would wake the process up 133 times a second. Bounded by what callers wait for.
   */
  const far = new Set<Wait>();
  let farTimer: NodeJS.Timeout | undefined;

  const arm = (wait: Wait): void => {
    const left = Math.max(0, Math.ceil(wait.instant - source.now()));
    if (left > LONGEST_DELAY) {
      far.add(wait);
      farTimer ??= setTimeout(lookAtFar, LONGEST_DELAY);
    } else {
      far.delete(wait);
      wait.timer = setTimeout(() => fire(wait), left);
    }
  };
  const lookAtFar = (): void => {
    farTimer = undefined;
    const now = source.now();
    for (const wait of far) if (wait.instant - now <= LONGEST_DELAY) arm(wait);
    if (far.size > 0) farTimer ??= setTimeout(lookAtFar, LONGEST_DELAY);
  };
  const fire = (wait: Wait): void => {
    if (source.now() < wait.instant) return arm(wait);
    try {
      wait.fn();
    } catch (error) {
      onFailure(error);
    }
  };
  const cancel = (wait: Wait): void => {
    clearTimeout(wait.timer);
    if (!far.delete(wait) || far.size > 0) return;
    clearTimeout(farTimer);
    farTimer = undefined;
  };

  return {
    now: () => source.now(),
    wall: () => Date.now(),
    bootId: source.bootId,
    at(instant, fn) {
      if (Number.isNaN(instant)) throw new RangeError('a timer cannot be due at NaN');
      if (instant === Infinity) return () => undefined;
      const wait: Wait = { instant, fn, timer: undefined };
      arm(wait);
      return () => cancel(wait);
    },
  };
}

function rethrow(error: unknown): never {
  throw error;
}
