/**
 * Addresses that our IPAM driver leased. With our own network driver, an address soon becomes part
 * of an endpoint. With another driver it stays here while Docker has it. Its DHCP client then uses
 * the link that carries the VLAN, because the container is out of reach.
 */
import { PluginError } from '../vocabulary/errors.ts';
import type { Lease } from '../vocabulary/lease.ts';
import type { LeaseChange } from '../leasing/client-runner.ts';
import type { SocketPlace } from '../leasing/sockets/frame-socket.ts';
import type { LeaseService } from '../leasing/lease-service.ts';
import type { Logger } from '../logger.ts';
import type { Ms } from '../vocabulary/time.ts';
import type { Ipv4 } from '../wire/address.ts';
import { releaseCame } from './awaited-releases.ts';
import { ContainersSeen } from './containers-present.ts';
import { adopt, type GivenInterface } from './adoption.ts';
import {
  makeAddress,
  type AddressSetupDeps,
  type AddressWish,
  type CallLimits,
} from './address-setup.ts';
import { changedTerms, LOSS_NOTICES } from '../pools/foreign-terms.ts';
import type { HeldLeases } from './held-leases.ts';
import { JoinTimers } from './join-timers.ts';
import { KeyedLock } from '../keyed-lock.ts';
import type { LeaseReturns } from './lease-returns.ts';
import { subjectOf, type LeaseScope } from '../state/lease-scope.ts';
import { addressContext as contextOf, isForeign, type PoolRecord } from '../state/pool-records.ts';
import type { NetworkRecord } from '../state/records.ts';
import { restoreIpv6 } from '../state/stored-ipv6.ts';
import { elapsedSince, restoreLease, storeLease } from '../state/stored-lease.ts';
import { runEach } from '../undo.ts';
import type { AddressRecord } from '../state/lease-records.ts';

export interface AddressesDeps extends AddressSetupDeps {
  /** The folder with the files of all sandboxes. */
  readonly sandboxFolder: string;
  readonly leases: AddressSetupDeps['leases'] & {
    readonly resume: LeaseService['resume'];
    stay(key: string, place: SocketPlace): void;
    pin(key: string): void;
    announce(key: string): void;
  };
  readonly held: AddressSetupDeps['held'] & Pick<HeldLeases, 'hold'>;
  readonly returns: LeaseReturns;
  readonly joinTimeoutMs: Ms;
  readonly log: Logger;
}

/**
 * How it ended: found without a container, or by Docker. `was`: its scope, if the registry lost it.
 */
type How = { isOrphan?: boolean; isDeleted?: boolean; was?: LeaseScope | undefined };

export class Addresses {
  readonly #deps: AddressesDeps;
  /** Work on one address takes turns. */
  readonly lock = new KeyedLock();
  /** For addresses that wait for an endpoint of ours. */
  readonly #timers: JoinTimers;
  /** Stops the next look for other drivers' containers that were not seen yet. */
  #cancelLook: (() => void) | undefined;
  readonly #containers: ContainersSeen;

  constructor(deps: AddressesDeps) {
    this.#deps = deps;
    this.#containers = new ContainersSeen(deps);
    const { clock, joinTimeoutMs, log } = deps;
    this.#timers = new JoinTimers(clock, joinTimeoutMs, (id) => {
      log.warn({ endpoint: id.slice(0, 12) }, 'address that no endpoint took over ended');
      this.end(id).catch((err: unknown) => log.error({ err }, 'address not ended'));
    });
  }

  /** @returns the new address with its prefix length. @throws PluginError; then nothing is left. */
  async lease(pool: PoolRecord, wish: AddressWish, limits: CallLimits): Promise<string> {
    const startedAt = this.#deps.clock.now();
    const supersede = (other: AddressRecord, isNamed: boolean) => this.#supersede(other, isNamed);
    const { record, scope } = await makeAddress(this.#deps, pool, wish, { ...limits, supersede });
    if (isForeign(record)) {
      this.#keepOnLink(record, scope);
      this.#lookSoon();
      // Neighbours may know the address with another MAC, and no engine before 28 announces it.
      if (record.isMacShared !== true) this.#deps.leases.announce(record.id);
    } else {
      this.#timers.arm(record.id);
    }
    const ms = Math.round(this.#deps.clock.now() - startedAt);
    const facts = { segment: scope.segment, server: record.lease?.serverId, ms };
    this.#deps.log.info({ ...contextOf(record), ...facts }, 'address leased');
    return `${record.address}/${pool.subnet.prefixLength}`;
  }

  /** Docker no longer uses the address. Unknown ones are no error: most are an endpoint's now. */
  async release(poolId: string, address: string): Promise<void> {
    const { registry, clock } = this.#deps;
    const scopeId = registry.findPool(poolId)?.networkId ?? poolId;
    if (await releaseCame(registry, clock, scopeId, address)) return;
    const record = registry
      .addresses()
      .find((known) => known.poolId === poolId && known.address === address);
    if (record !== undefined) await this.end(record.id, { isDeleted: true });
  }

  /**
   * Ends all addresses of a pool that is removed. @param was its scope, if the registry lost it.
   */
  async endPool(poolId: string, was: LeaseScope | undefined): Promise<void> {
    const left = this.#deps.registry.addresses().filter((record) => record.poolId === poolId);
    const ends = left.map(
      ({ id }) =>
        () =>
          this.end(id, { was }),
    );
    await runEach(...ends);
  }

  /** Makes an endpoint of an address. @throws PluginError as `adopt` of adoption.ts. */
  adopt<Result>(
    network: NetworkRecord,
    given: GivenInterface,
    work: (record: AddressRecord) => Promise<Result>,
  ): Promise<Result> {
    const { registry } = this.#deps;
    return adopt({ registry, lock: this.lock, timers: this.#timers }, network, given, work);
  }

  /**
   * Keeps the record right. @returns false if the lease belongs to no address, or no longer does.
   */
  leaseChanged(id: string, { change, lease, cause }: LeaseChange): Promise<boolean> {
    const { registry, clock, log, leases } = this.#deps;
    return this.lock.run(id, async () => {
      const record = registry.findAddress(id);
      if (record === undefined) return false;
      if (cause === 'released') return true;
      const fields = { ...contextOf(record), server: lease.serverId };
      if (change === 'lost') {
        const lost = { at: clock.wall(), cause: cause ?? 'expired', isAddressKept: true };
        log.error({ ...fields, cause }, LOSS_NOTICES[lost.cause]);
        // A container that waits will not get it. One that has it keeps it, and is asked for again.
        const scope = isForeign(record) ? undefined : registry.findScope(record.scopeId);
        const isUseless = cause === 'declined' && scope !== undefined;
        // What its client has of IPv6 goes back with it.
        if (isUseless) leases.release(subjectOf(record, scope), undefined, scope.link);
        const six = isUseless && record.ipv6 ? { ipv6: { ...record.ipv6, lease: undefined } } : {};
        await this.#keep({ ...record, ...six, lease: undefined, lost });
        return true;
      }
      await this.#keep({ ...record, lease: storeLease(lease, clock), lost: undefined });
      log.info(fields, change === 'acquired' ? 'lease acquired' : 'lease renewed');
      const pool = registry.findPool(record.poolId);
      if (pool === undefined) return true;
      for (const { level, message, ...more } of changedTerms(record.lease, lease, pool)) {
        log[level]({ ...fields, ...more.fields }, message);
      }
      return true;
    });
  }

  /** After a restart: resumes the addresses that containers still have, and ends the others. */
  async recover({ isComplete }: { isComplete: boolean }): Promise<void> {
    const { registry, clock, log, joinTimeoutMs } = this.#deps;
    const inUse = this.#addressesInUse();
    for (const record of registry.addresses()) {
      const scope = registry.findScope(record.scopeId);
      const isWorn = isForeign(record) && inUse?.has(record.address) === true;
      if (scope === undefined && (!isComplete || isWorn)) {
        log.error(contextOf(record), 'address of a missing or unreadable pool left alone');
        continue;
      }
      try {
        if (scope === undefined) {
          await registry.removeAddress(record.id);
          continue;
        }
        const lease = record.lease && restoreLease(record.lease, clock);
        const isYoung = elapsedSince(record.createdAt, clock) < joinTimeoutMs;
        const isUnseen = record.wasSeen && !isYoung && inUse?.has(record.address) === false;
        // No container is older than the boot of its host.
        const { boot } = record.createdAt;
        const isOlder = boot !== undefined && boot.id !== clock.bootId;
        const isGone = isForeign(record) && (isUnseen || isOlder);
        if (isGone) {
          await this.end(record.id, { isOrphan: true });
          continue;
        }
        this.#resume(record, scope, lease);
        if (isForeign(record)) this.#lookSoon();
        else this.#timers.arm(record.id);
      } catch (err) {
        log.error({ ...contextOf(record), err }, 'address not recovered');
      }
    }
  }

  /** Looks at all containers of other drivers, and ends addresses whose container vanished. */
  async clearAbandoned(): Promise<void> {
    const { registry, clock, log, joinTimeoutMs } = this.#deps;
    const isOld = ({ createdAt }: AddressRecord) => elapsedSince(createdAt, clock) >= joinTimeoutMs;
    const look = this.#containers.look(registry.addresses().filter(isForeign), isOld);
    for (const { id } of look.seen) await this.#saw(id);
    for (const record of look.gone) {
      log.warn(contextOf(record), 'address without a container ended');
      await this.end(record.id, { isOrphan: record.wasSeen });
    }
  }

  close(): void {
    this.#timers.close();
    this.#stopLooking();
  }

  #stopLooking(): void {
    this.#cancelLook?.();
    this.#cancelLook = undefined;
  }

  /** Looks when the youngest has had its time. One look serves all that come until then. */
  #lookSoon(): void {
    const { clock, joinTimeoutMs, log } = this.#deps;
    if (this.#cancelLook !== undefined) return;
    this.#cancelLook = clock.at(clock.now() + joinTimeoutMs, () => {
      this.#cancelLook = undefined;
      this.clearAbandoned().catch((err: unknown) => log.error({ err }, 'address not ended'));
    });
  }

  #saw(id: string): Promise<void> {
    return this.lock.run(id, async () => {
      const record = this.#deps.registry.findAddress(id);
      if (record?.wasSeen === false) await this.#keep({ ...record, wasSeen: true });
    });
  }

  #addressesInUse(): ReadonlySet<Ipv4> | undefined {
    return this.#containers.addresses(this.#deps.registry.addresses().some(isForeign));
  }

  end(id: string, { isOrphan = false, isDeleted = false, was }: How = {}): Promise<void> {
    const { registry, leases, held, returns, host, log } = this.#deps;
    return this.lock.run(id, async () => {
      const record = registry.findAddress(id);
      this.#timers.disarm(id);
      if (record === undefined) return;
      const scope = registry.findScope(record.scopeId) ?? was;
      // The link comes back with Docker's network. Until then the server cannot be told.
      const isMute = isOrphan && scope !== undefined && !host.linkExists(scope.link);
      const holder = { ...record, isStable: record.isStable || isMute };
      if (scope === undefined || (await held.hold(holder, { isOrphan }))) leases.forget(id);
      else if (isDeleted) returns.now(record, scope);
      else returns.unlessWorn(record, scope);
      await registry.removeAddress(id).finally(() => {
        if (!registry.addresses().some(isForeign)) this.#stopLooking();
      });
      log.info(contextOf(record), 'address released');
    });
  }

  /**
   * Docker asks for a MAC that has an address, because the earlier answer or release was lost.
   * @throws PluginError INVALID_OPTION if a container uses it.
   */
  async #supersede(record: AddressRecord, isNamed: boolean): Promise<void> {
    const isUsed = this.#addressesInUse()?.has(record.address);
    // A name may be on two networks of one VLAN. Two containers with one MAC are an error.
    if (isForeign(record) && (isUsed ?? isNamed)) {
      throw new PluginError(
        'INVALID_OPTION',
        `MAC ${record.mac} is worn by another container on this segment (${record.address}); give each its own --mac-address`,
      );
    }
    await this.end(record.id, { isOrphan: true });
  }

  #resume(record: AddressRecord, scope: LeaseScope, lease: Lease | undefined): void {
    const { leases, clock } = this.#deps;
    const ipv6 = restoreIpv6(record.ipv6, clock);
    if (!isForeign(record)) return leases.resume(subjectOf(record, scope), lease, {}, ipv6);
    const only = { ...record, requestedAddress: record.address };
    leases.resume(subjectOf(only, scope), lease, { stay: scope.place });
  }

  #keepOnLink({ id }: AddressRecord, scope: LeaseScope): void {
    this.#deps.leases.stay(id, scope.place);
    this.#deps.leases.pin(id);
  }

  /** Stores a change for which no call waits. A failure is logged for an operator. */
  async #keep(record: AddressRecord): Promise<void> {
    const err = await this.#deps.registry.keepAddress(record);
    if (err === undefined) return;
    this.#deps.log.error({ ...contextOf(record), err }, 'address state not saved');
  }
}
