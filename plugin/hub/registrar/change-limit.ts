/**
 * How often a member may change what the rules of the hub say of it. Each change is a process of
 * `nft` and a write, and other changes wait for it. So a member must not do it all the time.
 */
import type { Ms, WallTime } from '../../vocabulary/time.ts';

export class ChangeLimit {
  readonly #most: number;
  readonly #within: Ms;
  /** By number of the member, so it is bounded by the addresses of the tunnel network. */
  readonly #changes = new Map<number, readonly WallTime[]>();

  constructor(most: number, within: Ms) {
    this.#most = most;
    this.#within = within;
  }

  /** Counts a change. @returns false if it is one too many, and must not be made. */
  allows(member: number, now: WallTime): boolean {
    // A clock that was set back must not shut a member out.
    const recent = (this.#changes.get(member) ?? []).filter(
      (at) => Math.abs(now - at) < this.#within,
    );
    const isAllowed = recent.length < this.#most;
    this.#changes.set(member, isAllowed ? [...recent, now] : recent);
    return isAllowed;
  }
}
