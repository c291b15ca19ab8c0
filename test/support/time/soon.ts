/** Waits for what a program, a socket or a promise does soon. */
import { vi } from 'vitest';

/**
 * Repeats `check` until it does not throw, and returns its result. It fails after 30 s, because a
 * busy machine may compute for long. vi.waitFor by itself looks every 50 ms, for 1 s.
 */
export function soon<Result>(check: () => Result | Promise<Result>): Promise<Result> {
  return vi.waitFor(check, { interval: 2, timeout: 30_000 });
}
