/** The next tries for links that failed, one at most for each network, endpoint or link. */
import type { Clock } from '../clock.ts';
import type { Ms } from '../vocabulary/time.ts';

const TRIED_AGAIN_AFTER: Ms = 10_000;

export class LinkTries {
  readonly #clock: Clock;
  /** Cancels the next try, by key. Bounded by what the caller has of them. */
  readonly #due = new Map<string, () => void>();
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True after `close`: nothing may be changed or tried any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  isDue(key: string): boolean {
    return this.#due.has(key);
  }

  cancel(key: string): void {
    this.#due.get(key)?.();
    this.#due.delete(key);
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
