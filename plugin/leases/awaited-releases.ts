/**
 * ReleaseAddress still to come for endpoints of ours that are gone. Their leases went with them, so it must not end
 * another container's, which a server may have given the same address meanwhile.
 */
import type { Clock } from '../clock.ts';
import type { Instant, Ms } from '../vocabulary/time.ts';
import type { Ipv4 } from '../wire/address.ts';

/** It comes right after DeleteEndpoint; an engine under load may take its time. */
const RELEASED_WITHIN: Ms = 30_000;

export class AwaitedReleases {
  readonly #clock: Clock;
  /** By scope and address. Bounded by the endpoints removed within that time. */
  readonly #until = new Map<string, Instant>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(scopeId: string, address: Ipv4): void {
    const now = this.#clock.now();
    for (const [key, until] of this.#until) if (until <= now) this.#until.delete(key);
    this.#until.set(`${scopeId} ${address}`, now + RELEASED_WITHIN);
  }

  /** True if that is the one; it is awaited no longer. */
  take(scopeId: string, address: string): boolean {
    const key = `${scopeId} ${address}`;
    const until = this.#until.get(key) ?? -Infinity;
    this.#until.delete(key);
    return this.#clock.now() < until;
  }
}
