/** The next tries of what failed, one for each network at most. */
import type { Clock } from '../clock.ts';
import type { Ms } from '../vocabulary/time.ts';

const TRIED_AGAIN_AFTER: Ms = 10_000;

export class HostTries {
  readonly #clock: Clock;
  /** Cancels the next try, by network. Bounded by the networks. */
  readonly #due = new Map<string, () => void>();
  #isClosed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** True after `close`: nothing may be changed or tried any more. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  isDue(networkId: string): boolean {
    return this.#due.has(networkId);
  }

  cancel(networkId: string): void {
    this.#due.get(networkId)?.();
    this.#due.delete(networkId);
  }

  /** Replaces the next try of that network. Does nothing after `close`. */
  later(networkId: string, again: () => void): void {
    this.cancel(networkId);
    if (this.#isClosed) return;
    const due = (): void => {
      this.#due.delete(networkId);
      again();
    };
    this.#due.set(networkId, this.#clock.at(this.#clock.now() + TRIED_AGAIN_AFTER, due));
  }

  close(): void {
    this.#isClosed = true;
    for (const networkId of [...this.#due.keys()]) this.cancel(networkId);
  }
}
