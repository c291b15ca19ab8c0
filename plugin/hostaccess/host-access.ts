/**
 * The host's own access to the containers of a network (`-o host_access=true`): a macvlan link of
 * the host beside theirs, and a lease for it. The host is a holder of that lease as an endpoint is
 * of its own: it has a record, a DHCP client, and gives the lease back in the end.
 *
 * What the link is to be stands in the record. `ensureHostLink` brings the link to it, as often as
 * it is called. Calls for one network take turns.
 */
import type { Clock } from '../clock.ts';
import type { Host } from '../host.ts';
import { KeyedLock } from '../keyed-lock.ts';
import type { LeaseReturns } from '../leases/lease-returns.ts';
import type { TakeLeaseDeps } from '../leases/take-lease.ts';
import type { LeaseChange } from '../leasing/client-runner.ts';
import type { LeaseSubject } from '../leasing/lease-subject.ts';
import type { SocketPlace } from '../leasing/sockets/frame-socket.ts';
import type { Logger } from '../logger.ts';
import { speakerOf } from '../state/attachments/attachments.ts';
import { isOfHost, type HostRecord } from '../state/lease-records.ts';
import { scopeOfNetwork, subjectOf } from '../state/lease-scope.ts';
import { segmentOf, type NetworkRecord } from '../state/records.ts';
import type { Registry } from '../state/registry.ts';
import { restoreLease } from '../state/stored-lease.ts';
import { runEach, UndoList } from '../undo.ts';
import { PluginError } from '../vocabulary/errors.ts';
import type { Lease } from '../vocabulary/lease.ts';
import type { Ms } from '../vocabulary/time.ts';
import {
  hostLinkSpec,
  hostPlace,
  isAddressOf,
  newHostRecord,
  subnetTrouble,
  withLease,
  withoutLease,
} from './host-record.ts';
import { HostTries } from './host-tries.ts';

/**
 * How long the creation of a network waits for the lease. A server that probes first answers after
 * 3 s (dnsmasq). The address may come later: no container waits for it.
 */
const ASKED_FOR: Ms = 5_000;

const NO_SERVER_YET =
  'no DHCP server answers: the host gets its link now, and its address as soon as a server answers';

export interface HostAccessDeps {
  readonly registry: Registry;
  readonly host: Pick<
    Host,
    'ensureHostLink' | 'removeHostLink' | 'readHostSubnets' | 'linkExists' | 'linkMac'
  >;
  readonly leases: Pick<TakeLeaseDeps['leases'], 'acquire' | 'release' | 'forget'> & {
    resume(subject: LeaseSubject, lease: Lease | undefined, where: { stay: SocketPlace }): void;
    stay(key: string, place: SocketPlace): void;
    announce(key: string): void;
  };
  readonly returns: Pick<LeaseReturns, 'now'>;
  readonly clock: Clock;
  readonly log: Logger;
}

export class HostAccess {
  readonly #deps: HostAccessDeps;
  readonly #lock = new KeyedLock();
  readonly #tries: HostTries;

  constructor(deps: HostAccessDeps) {
    this.#deps = deps;
    this.#tries = new HostTries(deps.clock);
  }

  /**
   * Makes the host's link and asks for its lease, if the network has `host_access`. Idempotent. If
   * no server answers, the address comes later.
   * @throws PluginError LINK_CONFLICT if the host cannot have the link, or not use the subnet; as
   * `leases.acquire`; STATE_UNWRITABLE; CANCELLED. Then nothing is left behind.
   */
  create(networkId: string, signal: AbortSignal): Promise<void> {
    return this.#lock.run(networkId, async () => {
      const { registry } = this.#deps;
      const network = registry.requireNetwork(networkId);
      if (!network.options.hostAccess || registry.findHostLease(networkId) !== undefined) return;
      const undo = new UndoList();
      try {
        await this.#make(network, signal, undo);
      } catch (error) {
        throw await undo.run(error);
      }
    });
  }

  /** Gives the lease back and removes the link. It is no error if there is none. */
  remove(networkId: string): Promise<void> {
    return this.#lock.run(networkId, () => this.#remove(networkId));
  }

  /** Makes link and record match a lease that changed, or that came late. */
  leaseChanged(leaseId: string, change: LeaseChange): Promise<void> {
    const networkId = this.#deps.registry.findLease(leaseId)?.scopeId ?? '';
    return this.#lock.run(networkId, async () => {
      const { registry, clock, log, leases } = this.#deps;
      const record = registry.findHostLease(networkId);
      const network = registry.findNetwork(networkId);
      if (record === undefined || network === undefined || change.cause === 'released') return;
      const fields = { ...context(record, network), server: change.lease.serverId };
      if (change.change === 'lost') {
        const next = withoutLease(record, change, network, clock);
        log.error({ ...fields, cause: change.cause }, "the host's lease is lost");
        await this.#keep(next, network);
        return;
      }
      const { lease } = change;
      const isSame = isAddressOf(record, lease);
      const trouble = isSame ? undefined : await this.#troubleWith(record, network, lease);
      if (trouble !== undefined) log.error(fields, trouble);
      const next = withLease(record, lease, trouble === undefined, clock);
      log.info({ ...fields, address: lease.address }, `the host's lease ${change.change}`);
      await this.#keep(next, network);
      if (!isSame && trouble === undefined) leases.announce(leaseId);
    });
  }

  /**
   * The link is gone, or the MTU is another than before. While a try is due, that try does it: a
   * try that fails changes links, too, and would lead to the next one at once. Never throws.
   */
  async mend(networkId: string): Promise<void> {
    await this.#lock.run(networkId, async () => {
      if (!this.#tries.isDue(networkId)) await this.#mend(networkId);
    });
  }

  /** The link below is another than before. What failed on the former one may succeed now. */
  async linkBelowIsNew(networkId: string): Promise<void> {
    await this.#lock.run(networkId, () => this.#mend(networkId));
  }

  /** After a restart, before networks that are half made or half removed are removed. */
  async removeUnfinished(): Promise<void> {
    const unfinished = this.#deps.registry.networks().filter((one) => one.isUnfinished === true);
    await runEach(
      ...unfinished.map(
        ({ id }) =>
          () =>
            this.remove(id),
      ),
    );
  }

  /** After a restart: each network has its link of the host and a client for its lease again. */
  async recover({ isComplete }: { readonly isComplete: boolean }): Promise<void> {
    const { registry, log } = this.#deps;
    const lost = registry
      .leases()
      .filter(isOfHost)
      .filter(({ scopeId }) => registry.findNetwork(scopeId) === undefined);
    if (!isComplete && lost.length > 0) {
      log.error({ leases: lost.length }, "the host's lease on an unreadable network left alone");
    }
    const networks = registry
      .networks()
      .filter(({ options, isUnfinished }) => options.hostAccess && isUnfinished !== true);
    await runEach(
      ...(isComplete ? lost : []).map(
        ({ scopeId }) =>
          () =>
            this.remove(scopeId),
      ),
      ...networks.map(
        ({ id }) =>
          () =>
            this.#lock.run(id, () => this.#resume(id)),
      ),
    );
  }

  /** Stops the timers. Leases and links stay as they are. */
  close(): void {
    this.#tries.close();
  }

  async #make(network: NetworkRecord, signal: AbortSignal, undo: UndoList): Promise<void> {
    const { registry, host, leases, clock, log } = this.#deps;
    const startedAt = clock.now();
    const draft = newHostRecord(network, host.linkMac(speakerOf(network)), clock);
    const scope = scopeOfNetwork(network);
    const subject = subjectOf(draft, scope);
    undo.add(() => registry.removeHostLease(network.id)); // it may be on disk even if this failed
    await registry.addHostLease(draft);
    undo.add(() => host.removeHostLink(draft.holder.link));
    this.#warn(draft, network, await host.ensureHostLink(hostLinkSpec(draft, network)));
    const place = hostPlace(draft, network);
    const lease = await leases.acquire(subject, place, {
      by: clock.now() + Math.min(ASKED_FOR, network.options.leaseTimeoutMs),
      ...{ signal, late: true, previous: undefined, patience: Infinity },
    });
    undo.add(() => leases.release(subject, lease, scope.link));
    leases.stay(draft.id, place);
    const fields = { ...context(draft, network), ms: Math.round(clock.now() - startedAt) };
    if (lease === undefined) {
      log.warn(fields, NO_SERVER_YET);
    } else {
      const trouble = await this.#troubleWith(draft, network, lease);
      if (trouble !== undefined) throw new PluginError('LINK_CONFLICT', trouble);
      const record = withLease(draft, lease, true, clock);
      await registry.addHostLease(record);
      await host.ensureHostLink(hostLinkSpec(record, network));
      leases.announce(record.id);
      const { address, serverId: server } = lease;
      log.info({ ...fields, address, server }, 'the host has a link to its containers');
    }
    if (signal.aborted) throw new PluginError('CANCELLED', 'dockerd waits no longer');
  }

  async #remove(networkId: string): Promise<void> {
    const { registry, host, leases, returns, log } = this.#deps;
    this.#tries.cancel(networkId);
    const record = registry.findHostLease(networkId);
    if (record === undefined) return;
    const scope = registry.findScope(networkId);
    const isKept = scope === undefined || scope.options.releaseAfterMs === Infinity;
    await runEach(
      () => host.removeHostLink(record.holder.link),
      () => (isKept ? leases.forget(record.id) : returns.now(record, scope)),
      () => registry.removeHostLease(networkId),
    );
    const fields = { network: networkId.slice(0, 12), link: record.holder.link };
    log.info({ ...fields, address: record.lease?.address }, "the host's link removed");
  }

  async #mend(networkId: string): Promise<void> {
    const { registry } = this.#deps;
    const network = registry.findNetwork(networkId);
    const record = registry.findHostLease(networkId);
    if (network === undefined || network.isUnfinished === true) return;
    if (record !== undefined) await this.#bring(record, network);
  }

  async #resume(networkId: string): Promise<void> {
    const { registry, host, leases, clock } = this.#deps;
    const network = registry.findNetwork(networkId);
    if (network === undefined) return;
    let record = registry.findHostLease(networkId);
    if (record === undefined) {
      // The process was killed between the network and this link, or its file is lost.
      record = newHostRecord(network, host.linkMac(speakerOf(network)), clock);
      await registry.addHostLease(record);
    }
    await this.#bring(record, network);
    const lease = record.lease && restoreLease(record.lease, clock);
    const subject = subjectOf(record, scopeOfNetwork(network));
    leases.resume(subject, lease, { stay: hostPlace(record, network) });
  }

  async #keep(record: HostRecord, network: NetworkRecord): Promise<void> {
    const err = await this.#deps.registry.keepHostLease(record);
    if (err !== undefined) {
      this.#deps.log.error({ ...context(record, network), err }, "the host's lease not saved");
    }
    await this.#bring(record, network);
  }

  /** Brings the link to what the record says. It is tried again until it succeeds. */
  async #bring(record: HostRecord, network: NetworkRecord): Promise<void> {
    const { host, log } = this.#deps;
    this.#tries.cancel(network.id);
    // It is made with the link below, which calls `linkBelowIsNew`.
    if (this.#tries.isClosed || !host.linkExists(speakerOf(network))) return;
    try {
      this.#warn(record, network, await host.ensureHostLink(hostLinkSpec(record, network)));
    } catch (err) {
      log.error({ ...context(record, network), err }, NOT_MADE);
      this.#tries.later(network.id, () => void this.mend(network.id));
    }
  }

  async #troubleWith(
    record: HostRecord,
    network: NetworkRecord,
    lease: Lease,
  ): Promise<string | undefined> {
    return subnetTrouble(record, network, lease, await this.#deps.host.readHostSubnets());
  }

  #warn(record: HostRecord, network: NetworkRecord, warnings: readonly string[]): void {
    for (const warning of warnings) this.#deps.log.warn(context(record, network), warning);
  }
}

const NOT_MADE =
  "the host's link to its containers could not be made or changed; it is tried again; see: ip -d link show";

function context({ holder }: HostRecord, { id, options }: NetworkRecord): Record<string, string> {
  return { network: id.slice(0, 12), segment: segmentOf(options), link: holder.link };
}
