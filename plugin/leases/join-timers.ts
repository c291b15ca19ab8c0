/**
 * One timer for each endpoint without a container. dockerd died between CreateEndpoint and Join, or
 * never sent DeleteEndpoint. The number of timers is limited by the number of endpoints.
 */
import type { Clock } from '../clock.ts';
import type { Ms } from '../vocabulary/time.ts';

export class JoinTimers {
  readonly #cancels = new Map<string, () => void>();
  readonly #clock: Clock;
  readonly #timeoutMs: Ms;
  readonly #expired: (endpointId: string) => void;

  constructor(clock: Clock, timeoutMs: Ms, expired: (endpointId: string) => void) {
    this.#clock = clock;
    this.#timeoutMs = timeoutMs;
    this.#expired = expired;
  }

  /** Starts the wait again. */
  arm(endpointId: string): void {
    this.disarm(endpointId);
    const dueAt = this.#clock.now() + this.#timeoutMs;
    const wait = () => void this.#cancels.set(endpointId, this.#clock.at(dueAt, look));
    const look = () => {
      if (this.#clock.now() < dueAt) return wait();
      this.#cancels.delete(endpointId);
      this.#expired(endpointId);
    };
    wait();
  }

  disarm(endpointId: string): void {
    this.#cancels.get(endpointId)?.();
    this.#cancels.delete(endpointId);
  }

  close(): void {
    for (const id of [...this.#cancels.keys()]) this.disarm(id);
  }
}
