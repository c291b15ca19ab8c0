/**
 * The clock of the process: monotonic for decisions, wall time for what people read, the boot's id for what
 * is stored, and one kind of timer. Where the time comes from is `main.ts`'s choice.
 */
import type { Instant, Ms, WallTime } from './vocabulary/time.ts';

export interface Clock {
  /** Goes on while the host is suspended, and never jumps. Comparable between processes of one boot. */
  now(): Instant;
  wall(): WallTime;
  /** Names the boot that `now()` counts from. */
  readonly bootId: string;
  /**
   * Calls `fn` once `instant` has come, at most 30 s late after a suspend; returns how to cancel.
   * @throws RangeError for NaN: as a delay it would mean "at once", again and again.
   */
  at(instant: Instant, fn: () => void): () => void;
}

/** Where a clock reads the time that goes on during suspend. */
export interface TimeSource {
  now(): Instant;
  readonly bootId: string;
}

/**
 * Node's timers stand still while the host is suspended. After this long the time is looked at again, so a
 * host that wakes up notices a lease that ended in its sleep. (It also keeps clear of Node's longest delay.)
 */
const LONGEST_DELAY: Ms = 30_000;

/** @param onFailure told what a timer's `fn` throws; the next timer comes all the same. */
export function createClock(
  source: TimeSource,
  onFailure: (error: unknown) => void = rethrow,
): Clock {
  return {
    now: () => source.now(),
    wall: () => Date.now(),
    bootId: source.bootId,
    at(instant, fn) {
      if (Number.isNaN(instant)) throw new RangeError('a timer cannot be due at NaN');
      if (instant === Infinity) return () => undefined;
      let timer: NodeJS.Timeout;
      const wait = (): void => {
        const left = Math.max(0, Math.ceil(instant - source.now()));
        timer = setTimeout(look, Math.min(left, LONGEST_DELAY));
      };
      const look = (): void => {
        if (source.now() < instant) return wait();
        try {
          fn();
        } catch (error) {
          onFailure(error);
        }
      };
      wait();
      return () => clearTimeout(timer);
    },
  };
}

function rethrow(error: unknown): never {
  throw error;
}
