/**
 * Leases whose containers are gone (D9). A container that comes back with the same MAC finds its lease here
 * and asks for it in one round trip; one that does not come back within `release=hold=` gives it back.
 *
 * A held lease is a record in the store, so it outlives the plugin and the host; nobody renews it meanwhile,
 * so it also ends by itself. Random MACs never return: their leases are not held.
 */
import type { Clock } from '../clock.ts';
import type { LeaseSubject } from '../leasing/lease-subject.ts';
import type { Lease } from '../vocabulary/lease.ts';
import type { Logger } from '../logger.ts';
import type { Ms } from '../vocabulary/time.ts';
import type { Ipv4 } from '../wire/address.ts';
import { subjectOf, type LeaseScope } from '../state/lease-scope.ts';
import type { LeaseReturns } from './lease-returns.ts';
import type { Registry } from '../state/registry.ts';
import { elapsedSince, restoreLease, storeMoment } from '../state/stored-lease.ts';
import type { AwaitedRelease, HeldRecord, LeaseHolder } from '../state/lease-records.ts';

/**
 * What a crash or a reboot left is held at least this long: dockerd starts the containers of a network one
 * after the other, and needs its time before the first.
 */
const ORPHANS_HELD_FOR: Ms = 600_000;

/**
 * Without `release=`. Servers keep a lease to its end for a host that is switched off; so do we, for a day at most. There
 * are as many MACs and `id`s as a person typed. A name that Docker tells may be one that Docker made up and that never
 * returns: enough of them, each with an address, would empty the server's pool.
 */
const TYPED_HELD_FOR: Ms = 24 * 3_600_000;
const NAMED_HELD_FOR: Ms = 600_000;

/** Who comes back on a segment. It tells MACs apart, too: where no name is known it holds the MAC. */
type Identity = Pick<HeldRecord, 'clientId'>;

export interface HeldLease {
  readonly record: HeldRecord;
  readonly lease: Lease;
}

export interface HeldLeasesDeps {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly leases: {
    release(subject: LeaseSubject, lease: Lease | undefined, link: string): void;
  };
  readonly returns: Pick<LeaseReturns, 'isWorn' | 'settled'>;
}

export class HeldLeases {
  readonly #deps: HeldLeasesDeps;
  /** One timer per held lease that nobody is taking over right now. */
  readonly #cancels = new Map<string, () => void>();
  /** Held leases of which it is being asked whether somebody wears the address; who returns meanwhile has them back. */
  readonly #asking = new Set<string>();

  constructor(deps: HeldLeasesDeps) {
    this.#deps = deps;
  }

  /**
   * Keeps the lease of one that ends.
   * @param how.isOrphan nobody said that it ends: it was found after a crash or a reboot.
   * @param how.awaited Docker has not released the address yet.
   * @returns false if it is not to be held, or cannot be written down: then it is to be given back now.
   */
  async hold(
    holder: LeaseHolder,
    {
      isOrphan = false,
      awaited,
    }: { isOrphan?: boolean; awaited?: AwaitedRelease | undefined } = {},
  ): Promise<boolean> {
    const { registry, clock, log } = this.#deps;
    const { isStable, lease, ...identity } = holder;
    const scope = registry.findScope(holder.scopeId);
    if (scope === undefined || lease === undefined || !isStable) return false;
    if (scope.options.releaseAfterMs === 0) return false;
    if (restoreLease(lease, clock).expiresAt <= clock.now()) return false;
    const record = { ...identity, lease, heldAt: storeMoment(clock), isOrphan, awaited };
    try {
      for (const { id } of this.#of(scope, record)) if (id !== record.id) await this.drop(id);
      await registry.hold(record);
    } catch (err) {
      log.error({ ...context(record), err }, 'lease not held; it is given back');
      return false;
    }
    this.#arm(record);
    log.info({ ...context(record), address: lease.address }, 'lease held');
    return true;
  }

  /** The valid lease of this identity, which stays held until `drop`; its time stands still until `putBack`. */
  claim(scope: LeaseScope, identity: Identity): HeldLease | undefined {
    const { clock } = this.#deps;
    const record = this.#of(scope, identity)[0];
    if (record === undefined || !this.#isFree(record)) return undefined;
    const lease = restoreLease(record.lease, clock);
    if (lease.expiresAt <= clock.now()) return undefined;
    this.#disarm(record.id);
    return { record, lease };
  }

  /** The taking over failed. */
  putBack(id: string): void {
    const record = this.#find(id);
    if (record !== undefined) this.#arm(record);
  }

  /** Gives back what is held of an address for others: somebody is to have it now. One that is being claimed stays. */
  async yieldTo({ segment }: LeaseScope, address: Ipv4, { clientId }: Identity): Promise<void> {
    const { registry } = this.#deps;
    const others = registry
      .held()
      .filter(({ lease }) => lease.address === address)
      .filter((held) => held.clientId !== clientId && this.#isFree(held))
      .filter(({ scopeId }) => registry.findScope(scopeId)?.segment === segment);
    for (const record of others) await this.#end(record);
  }

  /** It is another's lease now. */
  async drop(id: string): Promise<void> {
    const { registry, log } = this.#deps;
    this.#disarm(id);
    try {
      await registry.removeHeld(id);
    } catch (err) {
      log.error({ endpoint: id.slice(0, 12), err }, 'file of a held lease not removed');
    }
  }

  /** Gives back what is held on a network, or of a pool, that is about to go, and waits for all that is on its way. */
  async endScope(scopeId: string): Promise<void> {
    const { registry, returns } = this.#deps;
    const all = registry.held().filter((record) => record.scopeId === scopeId);
    // At once: each asks the segment first.
    const ends = await Promise.allSettled(all.map((record) => this.#end(record)));
    await returns.settled();
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  /** After a restart: the times run on, and what ended meanwhile ends now. */
  async recover({ isComplete }: { isComplete: boolean }): Promise<void> {
    const { registry, returns } = this.#deps;
    await returns.settled();
    for (const record of registry.held()) {
      const scope = registry.findScope(record.scopeId);
      if (scope !== undefined) this.#arm(record);
      else if (isComplete) await this.drop(record.id); // else it may be what could not be read
    }
  }

  /** Stops the timers; the leases stay held in the store. */
  close(): void {
    for (const id of [...this.#cancels.keys(), ...this.#asking]) this.#disarm(id);
  }

  /** Nobody takes it over right now. */
  #isFree({ id }: HeldRecord): boolean {
    return this.#cancels.has(id) || this.#asking.has(id);
  }

  #find(id: string): HeldRecord | undefined {
    return this.#deps.registry.findHeld(id);
  }

  #of({ segment }: LeaseScope, { clientId }: Identity): HeldRecord[] {
    const { registry } = this.#deps;
    return registry
      .held()
      .filter((held) => held.clientId === clientId)
      .filter((held) => registry.findScope(held.scopeId)?.segment === segment);
  }

  #arm(record: HeldRecord): void {
    const { registry, clock, log } = this.#deps;
    const scope = registry.findScope(record.scopeId);
    const holdMs =
      scope === undefined ? 0 : (scope.options.releaseAfterMs ?? usualHold(scope, record));
    const heldFor = Math.max(holdMs, record.isOrphan ? ORPHANS_HELD_FOR : 0);
    const releaseAt = clock.now() + heldFor - elapsedSince(record.heldAt, clock);
    const endAt = Math.min(releaseAt, restoreLease(record.lease, clock).expiresAt);
    this.#disarm(record.id);
    const wait = (): void => void this.#cancels.set(record.id, clock.at(endAt, look));
    const look = (): void => {
      if (clock.now() < endAt) return wait();
      this.#end(record).catch((err: unknown) => {
        log.error({ ...context(record), err }, 'held lease not ended');
      });
    };
    wait();
  }

  #disarm(id: string): void {
    this.#asking.delete(id);
    this.#cancels.get(id)?.();
    this.#cancels.delete(id);
  }

  async #end(record: HeldRecord): Promise<void> {
    const { registry, clock, leases, log, returns } = this.#deps;
    if (this.#asking.has(record.id)) return; // its timer was first
    const scope = registry.findScope(record.scopeId);
    const lease = restoreLease(record.lease, clock);
    const isValid = () => lease.expiresAt > clock.now();
    const isDue = isValid() && scope !== undefined && scope.options.releaseAfterMs !== Infinity;
    this.#disarm(record.id);
    if (isDue) {
      this.#asking.add(record.id);
      const isWorn = await returns.isWorn(scope, lease.address);
      if (!this.#asking.delete(record.id)) return; // it was taken over meanwhile, or the plugin stops
      if (isWorn) return this.drop(record.id);
    }
    if (isDue && isValid()) {
      leases.release(subjectOf(record, scope), lease, scope.link);
      log.info({ ...context(record), address: lease.address }, 'held lease given back');
    } else {
      log.info({ ...context(record), address: lease.address }, 'held lease is over');
    }
    await this.drop(record.id);
  }
}

/** RFC 2132 §9.14: a client-id of type 0 is no MAC, and here a container's name. Another driver's MACs are Docker's, too. */
function usualHold({ isForeign }: LeaseScope, { clientId }: Identity): Ms {
  return isForeign || clientId.startsWith('00') ? NAMED_HELD_FOR : TYPED_HELD_FOR;
}

function context({ id, scopeId }: HeldRecord): Record<string, string> {
  return { network: scopeId.slice(0, 12), endpoint: id.slice(0, 12) };
}
