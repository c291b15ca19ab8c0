/** The next tries for links that failed, one at most for each network, endpoint or link. */
import type { Clock } from '../clock.ts';
import type { Ms } from '../vocabulary/time.ts';

const TRIED_AGAIN_AFTER: Ms = 10_000;

export class LinkTries {
  readonly #clock: Clock;
  /** Cancels the next try, by key. Bounded by what the caller has of them. */
  readonly #due = new Map<string, () => void>();
  /** Keys for which nothing may be tried until `cancel`. Bounded as `#due` is. */
  readonly #stopped = new Set<string>();
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True after `close`: nothing may be changed or tried any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  isStopped(key: string): boolean {
    return this.#isClosed || this.#stopped.has(key);
  }

  /** What is being tried has failed for good, and is taken back. */
  stop(key: string): void {
    this.cancel(key);
    this.#stopped.add(key);
  }

  isDue(key: string): boolean {
    return this.#due.has(key);
  }

  cancel(key: string): void {
    this.#due.get(key)?.();
    this.#due.delete(key);
    this.#stopped.delete(key);
  }

  /** Replaces the next try of that key. Does nothing after `close`. */
  later(key: string, again: () => void, wait: Ms = TRIED_AGAIN_AFTER): void {
    this.cancel(key);
    if (this.#isClosed) return;
    const due = (): void => {
      this.#due.delete(key);
      again();
    };
    this.#due.set(key, this.#clock.at(this.#clock.now() + wait, due));
  }

  close(): void {
    this.#isClosed = true;
    for (const key of [...this.#due.keys()]) this.cancel(key);
  }
}
