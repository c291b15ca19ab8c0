/**
 * The host's own access to the containers of a network (`-o host_access=true`): a macvlan link of
 * the host beside theirs, and a lease for it. The host is a holder of that lease as an endpoint is
 * of its own: it has a record, a DHCP client, and gives the lease back in the end.
 *
 * What the link is to be stands in the record. `ensureHostLink` brings the link to it, as often as
 * it is called. Calls for one network take turns.
 */
import { KeyedLock } from '../keyed-lock.ts';
import type { LeaseChange } from '../leasing/client-runner.ts';
import { LinkTries } from '../networks/link-tries.ts';
import { speakerOf } from '../state/attachments/attachments.ts';
import type { HostRecord } from '../state/lease-records.ts';
import { subjectOf } from '../state/lease-scope.ts';
import { segmentOf, type NetworkRecord } from '../state/records.ts';
import { restoreLease } from '../state/stored-lease.ts';
import { runEach, UndoList } from '../undo.ts';
import { PluginError } from '../vocabulary/errors.ts';
import type { Lease } from '../vocabulary/lease.ts';
import type { Ms } from '../vocabulary/time.ts';
import type { HostAccessDeps } from './host-access-deps.ts';
import {
  hostLinkSpec,
  hostPlace,
  isAddressOf,
  newHostRecord,
  subnetTrouble,
  withLease,
  withoutLease,
  scopeOfHost,
} from './host-record.ts';

/**
 * How long the creation of a network waits for the lease. A server that probes first answers after
 * 3 s (dnsmasq). The address may come later: no container waits for it.
 */
const ASKED_FOR: Ms = 5_000;

const NO_SERVER_YET =
  'no DHCP server answers: the host gets its link now, and its address as soon as a server answers';

export class HostAccess {
  readonly #deps: HostAccessDeps;
  readonly #lock = new KeyedLock();
  readonly #tries: LinkTries;

  constructor(deps: HostAccessDeps) {
    this.#deps = deps;
    this.#tries = new LinkTries(deps.clock);
  }

  /**
   * Makes the host's link and asks for its lease, if the network has `host_access`. Idempotent. If
   * no server answers, the address comes later.
   * @throws PluginError LINK_CONFLICT if the host cannot have the link, or not use the subnet; as
   * `leases.acquire`; STATE_UNWRITABLE; CANCELLED. Then nothing is left behind.
   */
  create(networkId: string, signal: AbortSignal): Promise<void> {
    return this.#lock.run(networkId, async () => {
      const { registry, host, returns, clock } = this.#deps;
      const network = registry.requireNetwork(networkId);
      if (!network.options.hostAccess) return;
      if (registry.findHostLease(networkId) !== undefined) {
        if (this.#tries.isDue(networkId)) await this.#mend(networkId); // not to be removed any more
        return;
      }
      const draft = newHostRecord(network, host.linkMac(speakerOf(network)), clock);
      try {
        await this.#make(draft, network, signal);
      } catch (error) {
        this.#tries.stop(networkId); // a look at the links may wait to mend what is taken back
        const undo = new UndoList();
        undo.add(() => this.#takeBack(draft, () => returns.now(draft, scopeOfHost(network))));
        throw await undo.run(error);
      }
    });
  }

  /**
   * Removes the link and gives the lease back. It is no error if there is none.
   * @param whenGone goes on with the removal of the network.
   * @throws if the link cannot be removed. Then lease and record stay, and it is tried again.
   */
  remove(networkId: string, whenGone: () => Promise<void>): Promise<void> {
    return this.#lock.run(networkId, async () => {
      try {
        await this.#remove(networkId);
      } catch (error) {
        this.#tries.later(networkId, () => {
          this.remove(networkId, whenGone).catch((err: unknown) => {
            this.#deps.log.error({ network: networkId.slice(0, 12), err }, NOT_REMOVED);
          });
        });
        throw error;
      }
      await whenGone();
    });
  }

  /** Makes link and record match a lease that changed, or that came late. */
  leaseChanged(leaseId: string, change: LeaseChange): Promise<void> {
    const networkId = this.#deps.registry.findLease(leaseId)?.scopeId ?? '';
    return this.#lock.run(networkId, async () => {
      const { registry, clock, log } = this.#deps;
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
      log.info({ ...fields, address: lease.address }, `the host's lease ${change.change}`);
      if (!isAddressOf(record, lease)) return this.#use(record, network, lease);
      await this.#keep(withLease(record, lease, true, clock), network);
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

  /** After a restart: the network has its link of the host and a client for its lease again. */
  resume(networkId: string): Promise<void> {
    return this.#lock.run(networkId, () => this.#resume(networkId));
  }

  /** Stops the timers. Leases and links stay as they are. */
  close(): void {
    this.#tries.close();
  }

  async #make(draft: HostRecord, network: NetworkRecord, signal: AbortSignal): Promise<void> {
    const { registry, host, leases, clock, log } = this.#deps;
    const startedAt = clock.now();
    const subject = subjectOf(draft, scopeOfHost(network));
    await registry.addHostLease(draft);
    this.#warn(draft, network, await host.ensureHostLink(hostLinkSpec(draft, network)));
    const place = hostPlace(draft, network);
    const lease = await leases.acquire(subject, place, {
      by: clock.now() + Math.min(ASKED_FOR, network.options.leaseTimeoutMs),
      ...{ signal, late: true, previous: undefined, patience: Infinity },
    });
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
    const { registry, leases, returns, log } = this.#deps;
    this.#tries.cancel(networkId);
    const record = registry.findHostLease(networkId);
    if (record === undefined) return;
    const scope = registry.findScope(networkId);
    const isKept = scope === undefined || scope.options.releaseAfterMs === Infinity;
    await this.#takeBack(record, () =>
      isKept ? leases.forget(record.id) : returns.now(record, scope),
    );
    const fields = { network: networkId.slice(0, 12), link: record.holder.link };
    log.info({ ...fields, address: record.lease?.address }, "the host's link removed");
  }

  /** While the link is there, the host uses the address. So the link goes first. */
  async #takeBack(record: HostRecord, giveBack: () => void): Promise<void> {
    await this.#deps.host.removeHostLink(record.holder.link);
    // The record may be on disk even if it could not be written.
    await runEach(giveBack, () => this.#deps.registry.removeHostLease(record.scopeId));
  }

  async #mend(networkId: string): Promise<void> {
    const { registry, clock, log } = this.#deps;
    const network = registry.findNetwork(networkId);
    const record = registry.findHostLease(networkId);
    if (this.#tries.isStopped(networkId) || network === undefined || network.isUnfinished) return;
    if (record !== undefined) {
      const { lease, holder } = record;
      if (lease === undefined || holder.address !== undefined) {
        return this.#bring(record, network);
      }
      return this.#use(record, network, restoreLease(lease, clock));
    }
    if (!network.options.hostAccess) return;
    try {
      await this.#resume(networkId);
    } catch (err) {
      log.error({ network: networkId.slice(0, 12), err }, NOT_MADE);
      this.#tryLater(networkId);
    }
  }

  /** Keeps the lease. Its address goes to the link if the host can use the subnet. */
  async #use(record: HostRecord, network: NetworkRecord, lease: Lease): Promise<void> {
    const { log, leases, clock } = this.#deps;
    const fields = { ...context(record, network), server: lease.serverId };
    let isRead = true;
    const trouble = await this.#troubleWith(record, network, lease).catch((err: unknown) => {
      isRead = false;
      log.error({ ...fields, err }, NOT_READ);
      return undefined;
    });
    if (trouble !== undefined) log.error(fields, trouble);
    const isUsable = isRead && trouble === undefined;
    await this.#keep(withLease(record, lease, isUsable, clock), network);
    if (isUsable) leases.announce(record.id);
    if (!isRead) this.#tryLater(network.id);
  }

  #tryLater(networkId: string): void {
    this.#tries.later(networkId, () => void this.mend(networkId));
  }

  async #resume(networkId: string): Promise<void> {
    const { registry, host, leases, clock } = this.#deps;
    const network = registry.findNetwork(networkId);
    if (network === undefined || this.#tries.isClosed) return;
    let record = registry.findHostLease(networkId);
    if (record === undefined) {
      // The process was killed between the network and this link, or its file is lost.
      record = newHostRecord(network, host.linkMac(speakerOf(network)), clock);
      await registry.addHostLease(record);
    }
    await this.#bring(record, network);
    if (this.#tries.isClosed) return; // nobody would stop the client
    const lease = record.lease && restoreLease(record.lease, clock);
    const subject = subjectOf(record, scopeOfHost(network));
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
      this.#tryLater(network.id);
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

const NOT_REMOVED =
  "the host's link to its containers could not be removed; it is tried again; see: ip -d link show";
const NOT_READ =
  "the host's routes could not be read, so the host does not use its lease yet; it is tried again";

function context({ holder }: HostRecord, { id, options }: NetworkRecord): Record<string, string> {
  return { network: id.slice(0, 12), segment: segmentOf(options), link: holder.link };
}
