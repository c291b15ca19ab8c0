/**
 * Keeps leases whose containers are gone (D9). A container that comes back with the same MAC gets
 * its lease from here, and requests it in one round trip. If it does not come back within
 * `release=hold=`, the lease is given back.
 *
 * A held lease is a stored record. So it outlives the plugin and the host. Nobody renews it
 * meanwhile, so it can also expire. Random MACs never return. Their leases are not held.
 */
import { hasAddress, hasAddress6 } from './ipv6/held-in-the-way.ts';
import type { LeaseService } from '../leasing/lease-service.ts';
import type { Clock } from '../clock.ts';
import type { Emit } from '../events/events.ts';
import { heldEvent } from '../events/lease-events.ts';
import type { Lease } from '../vocabulary/lease.ts';
import type { Logger } from '../logger.ts';
import type { Ms } from '../vocabulary/time.ts';
import type { Ipv4 } from '../wire/address.ts';
import type { Ipv6 } from '../wire/address6.ts';
import { endOf6 } from '../vocabulary/ipv6/lease6.ts';
import { forgetOfScope } from './awaited-releases.ts';
import { subjectOf, type LeaseScope } from '../state/lease-scope.ts';
import type { LeaseReturns } from './lease-returns.ts';
import type { Registry } from '../state/registry.ts';
import { addressShown, leasedUntil, restoreIpv6 } from '../state/stored-ipv6.ts';
import { elapsedSince, restoreLease, storeMoment } from '../state/stored-lease.ts';
import type { AwaitedRelease, HeldRecord, LeaseHolder } from '../state/lease-records.ts';

/**
 * A lease left by a crash or a reboot is held at least this long. dockerd needs time before it
 * starts the first container, and starts the containers of a network one after the other.
 */
const ORPHANS_HELD_FOR: Ms = 600_000;

/**
 * The times without `release=`. Servers keep the lease of a host that is switched off until it
 * expires. We do the same, but for a day at most. People type only some MACs and `id`s. But Docker
 * may make up a name that never returns. Many such names, each with an address, would empty the
 * server's pool.
 */
const TYPED_HELD_FOR: Ms = 24 * 3_600_000;
const NAMED_HELD_FOR: Ms = 600_000;

/**
 * The identity of a container on a segment. It also distinguishes MACs. Where no name is known it
 * contains the MAC.
 */
type Identity = Pick<HeldRecord, 'clientId'>;

export interface HeldLease {
  readonly record: HeldRecord;
  /** Undefined without IPv4. */
  readonly lease: Lease | undefined;
}

export interface HeldLeasesDeps {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly log: Logger;
  readonly emit?: Emit | undefined;
  readonly leases: {
    readonly release: LeaseService['release'];
  };
  readonly returns: Pick<LeaseReturns, 'isTaken' | 'settled'>;
}

export class HeldLeases {
  readonly #deps: HeldLeasesDeps;
  /** One timer for each held lease that nobody is taking over now. */
  readonly #cancels = new Map<string, () => void>();
  /**
   * Held leases whose segment is asked now. If the container returns meanwhile, it gets its lease
   * back.
   */
  readonly #asking = new Set<string>();

  constructor(deps: HeldLeasesDeps) {
    this.#deps = deps;
  }

  /**
   * Keeps the lease of an endpoint or address that ends.
   * @param how.isOrphan its end was not announced. It was found after a crash or a reboot.
   * @param how.awaited Docker has not released the address yet.
   * @returns false if it must be given back now: it is not to be held, or cannot be stored.
   */
  async hold(
    holder: LeaseHolder,
    {
      isOrphan = false,
      awaited,
    }: { isOrphan?: boolean; awaited?: AwaitedRelease | undefined } = {},
  ): Promise<boolean> {
    const { registry, clock, log } = this.#deps;
    const { isStable, ...identity } = holder;
    const scope = registry.findScope(holder.scopeId);
    const endsAt = leasedUntil(holder, clock);
    if (scope === undefined || endsAt === undefined || !isStable) return false;
    if (scope.options.releaseAfterMs === 0) return false;
    if (endsAt <= clock.now()) return false;
    const record = { ...identity, heldAt: storeMoment(clock), isOrphan };
    try {
      for (const { id } of this.#of(scope, record)) if (id !== record.id) await this.drop(id);
      await registry.hold(record, awaited);
    } catch (err) {
      log.error({ ...context(record), err }, 'lease not held; it is given back');
      return false;
    }
    this.#arm(record);
    const address = addressShown(record);
    log.info({ ...context(record), address }, 'lease held');
    this.#deps.emit?.(heldEvent(subjectOf(record, scope), address, record.lease?.serverId));
    return true;
  }

  /**
   * Returns the valid lease of this identity. It stays held until `drop`. Its timer stops until
   * `putBack`.
   */
  claim(scope: LeaseScope, identity: Identity): HeldLease | undefined {
    const { clock } = this.#deps;
    const record = this.#of(scope, identity)[0];
    if (record === undefined || !this.#isFree(record)) return undefined;
    if ((leasedUntil(record, clock) ?? -Infinity) <= clock.now()) return undefined;
    this.#disarm(record.id);
    return { record, lease: record.lease && restoreLease(record.lease, clock) };
  }

  /** Taking over the lease failed. */
  putBack(id: string): void {
    const record = this.#deps.registry.findHeld(id);
    if (record !== undefined) this.#arm(record);
  }

  /**
   * Gives back a held lease of the address, because somebody else needs the address now. Keeps a
   * lease that is being claimed.
   */
  async yieldTo(scope: LeaseScope, address: Ipv4, identity: Identity): Promise<void> {
    const leases = this.#deps.registry.leasesFound.byAddress.find(address);
    for (const held of this.#heldOn(scope, leases)) {
      if (this.#isFree(held) && hasAddress(held, address, identity)) await this.#end(held);
    }
  }

  /** The same for an address of a DHCPv6 server. An IPv4 lease beside it stays held. */
  async yieldTo6(scope: LeaseScope, address: Ipv6, identity: Identity): Promise<void> {
    for (const held of this.#heldOn(scope, this.#deps.registry.held())) {
      if (this.#isFree(held) && hasAddress6(held, address, identity)) await this.#endIpv6(held);
    }
  }

  /** Gives the lease back now. @returns false if nobody holds it, or if it is being claimed. */
  async giveBack(id: string): Promise<boolean> {
    const record = this.#deps.registry.findHeld(id);
    if (record === undefined || !this.#isFree(record)) return false;
    await this.#end(record);
    return true;
  }

  /** Forgets the held lease and sends no RELEASE. */
  async drop(id: string): Promise<void> {
    const { registry, log } = this.#deps;
    this.#disarm(id);
    try {
      await registry.removeHeld(id);
    } catch (err) {
      log.error({ endpoint: id.slice(0, 12), err }, 'file of a held lease not removed');
    }
  }

  /**
   * Gives back the leases that are held on a network, or of a pool, that will be removed. Waits for
   * all returns.
   */
  async endScope(scopeId: string): Promise<void> {
    const { registry, returns } = this.#deps;
    const all = registry.held().filter((record) => record.scopeId === scopeId);
    // All at the same time, because each asks the segment first.
    const ends = await Promise.allSettled(all.map((record) => this.#end(record)));
    await returns.settled();
    await forgetOfScope(registry, scopeId);
    for (const end of ends) if (end.status === 'rejected') throw end.reason;
  }

  /** After a restart: times go on, and leases that ended meanwhile end now. */
  async recover({ isComplete }: { isComplete: boolean }): Promise<void> {
    const { registry, returns } = this.#deps;
    await returns.settled();
    for (const record of registry.held()) {
      const scope = registry.findScope(record.scopeId);
      if (scope !== undefined) this.#arm(record);
      // Else its scope may be what could not be read.
      else if (isComplete) await this.drop(record.id);
    }
  }

  /** Stops the timers. The leases stay held in the store. */
  close(): void {
    for (const id of [...this.#cancels.keys(), ...this.#asking]) this.#disarm(id);
  }

  /** True if nobody is taking it over now. */
  #isFree({ id }: HeldRecord): boolean {
    return this.#cancels.has(id) || this.#asking.has(id);
  }

  #of(scope: LeaseScope, { clientId }: Identity): HeldRecord[] {
    const leases = this.#deps.registry.leasesFound.byClientId.find(clientId);
    const isSameFamily = (held: HeldRecord) => (held.family !== 6) === scope.options.ipv4;
    return this.#heldOn(scope, leases).filter(isSameFamily);
  }

  /** Those of the leases that are held on the segment. */
  #heldOn({ segment }: LeaseScope, leases: readonly { id: string }[]): HeldRecord[] {
    const { registry } = this.#deps;
    return leases
      .flatMap(({ id }) => registry.findHeld(id) ?? [])
      .filter(({ scopeId }) => registry.findScope(scopeId)?.segment === segment);
  }

  #arm(record: HeldRecord): void {
    const { registry, clock, log } = this.#deps;
    const scope = registry.findScope(record.scopeId);
    const holdMs = scope ? (scope.options.releaseAfterMs ?? usualHold(scope, record)) : 0;
    const heldFor = Math.max(holdMs, record.isOrphan ? ORPHANS_HELD_FOR : 0);
    const releaseAt = clock.now() + heldFor - elapsedSince(record.heldAt, clock);
    const endAt = Math.min(releaseAt, leasedUntil(record, clock) ?? -Infinity);
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

  /** Gives back what a DHCPv6 server has leased, and keeps the rest. */
  async #endIpv6(record: HeldRecord): Promise<void> {
    const { registry, clock, leases, log } = this.#deps;
    const [scope, { ipv6 }] = [registry.findScope(record.scopeId), record];
    if (record.family === 6 || ipv6 === undefined || !scope) return this.#end(record);
    const rest = { ...record, ipv6: { ...ipv6, address: undefined, lease: undefined } };
    await registry.hold(rest);
    this.#arm(rest);
    const { lease: lease6 } = restoreIpv6(ipv6, clock);
    leases.release(subjectOf(record, scope), undefined, scope.link, lease6);
    log.info({ ...context(record), address: ipv6.address?.address }, 'held IPv6 lease given back');
  }

  async #end(record: HeldRecord): Promise<void> {
    const { registry, clock, leases, log, returns } = this.#deps;
    if (this.#asking.has(record.id)) return; // its timer was first
    const scope = registry.findScope(record.scopeId);
    const had = record.lease && restoreLease(record.lease, clock);
    // A lease of IPv6 may outlive that of IPv4.
    const lease = had && had.expiresAt > clock.now() ? had : undefined;
    const { lease: lease6 } = restoreIpv6(record.ipv6, clock);
    const endsAt = lease?.expiresAt ?? (lease6 && endOf6(lease6)) ?? -Infinity;
    const isValid = () => endsAt > clock.now();
    const address = addressShown(record);
    const isDue = isValid() && scope !== undefined && scope.options.releaseAfterMs !== Infinity;
    this.#disarm(record.id);
    if (isDue) {
      this.#asking.add(record.id);
      const isTaken = await returns.isTaken(scope, record, { lease, lease6 });
      if (!this.#asking.delete(record.id)) return; // it was taken over meanwhile, or the plugin stops
      if (isTaken) return this.drop(record.id);
    }
    if (isDue && isValid()) {
      leases.release(subjectOf(record, scope), lease, scope.link, lease6);
      log.info({ ...context(record), address }, 'held lease given back');
    } else {
      log.info({ ...context(record), address }, 'held lease is over');
    }
    await this.drop(record.id);
  }
}

/**
 * RFC 2132 §9.14: a client-id of type 0 is not a MAC. Here it is a container's name. MACs of
 * another driver come from Docker, too.
 */
function usualHold({ isForeign, bounds, options }: LeaseScope, { clientId }: Identity): Ms {
  // With `client_id` and without our IPAM a person typed the name.
  const isTyped = options.clientId !== undefined && bounds === undefined;
  const isNamed = clientId.startsWith('00') && !isTyped;
  return isForeign || isNamed ? NAMED_HELD_FOR : TYPED_HELD_FOR;
}

function context({ id, scopeId }: HeldRecord): Record<string, string> {
  return { network: scopeId.slice(0, 12), endpoint: id.slice(0, 12) };
}
