/**
 * Endpoints: a veth between the bridge and the container, and the lease that goes with it.
 *
 * All that can fail happens in `create`. Join only reports it, because libnetwork removes a network
 * from a container whose Join failed. Calls for one endpoint take turns.
 */
import { makeEndpoint, tellCreated, type CreateEndpointRequest } from './endpoint-setup.ts';
import { isAbandoned, withoutHostEnd } from '../leases/containers-present.ts';
import { createAnswer, endpointUnknown, joinAnswer } from './answers.ts';
import type { CreateEndpointAnswer, JoinAnswer } from './answers.ts';
import { DnsChanges } from './dns/dns-changes.ts';
import { followTarget, netnsPathOf, placesToResume } from './endpoint-places.ts';
import { JoinTimers } from '../leases/join-timers.ts';
import { KeyedLock } from '../keyed-lock.ts';
import type { EndpointDeps } from './endpoint-deps.ts';
import { Ipv6Changes } from './ipv6-changes.ts';
import { LeaseChanges } from './lease-changes.ts';
import { removeUnjoined } from './unjoined.ts';
import { addressShown, restoreIpv6 } from '../state/stored-ipv6.ts';
import { scopeOfNetwork, subjectOf } from '../state/lease-scope.ts';
import type { LeaseChange } from '../leasing/client-runner.ts';
import { restoreLease, segmentOf, type NetworkRecord } from '../state/records.ts';
import { PortGuard } from '../networks/port-guard.ts';
import { nameContainer } from './setup/container-name.ts';
import { endpointInfo } from '../state/status/status.ts';
import { LEASED_WITHIN } from '../leases/take-lease.ts';
import { isLeaseOfAnother } from '../leases/lease-returns.ts';
import { awaitedRelease } from '../leases/awaited-releases.ts';
import { RemadeLinks } from './remade-links.ts';
import { MacTwins } from './mac-twins.ts';
import { runEach } from '../undo.ts';
import { ownEnd } from '../vocabulary/attachment.ts';
import { endpointContext, holderOf, type EndpointRecord } from '../state/lease-records.ts';

export class Endpoints {
  readonly #deps: EndpointDeps;
  readonly #lock = new KeyedLock();
  readonly #joinTimers: JoinTimers;
  /** The changes of running containers. */
  readonly changes: LeaseChanges;
  readonly ipv6: Ipv6Changes;
  readonly dns: DnsChanges;
  readonly ports: PortGuard;
  readonly remade: RemadeLinks;
  readonly twins: MacTwins;
  /** Docker's API has told the name of the container. */
  readonly named: (endpointId: string, name: string) => Promise<void>;
  /** Endpoints of before a restart whose lease has no client yet. */
  readonly #toTakeUp = new Set<string>();
  /**
   * By lease: endpoints that are being made. Its size is limited by the number of running calls.
   */
  readonly #making = new Map<string, string>();

  constructor(deps: EndpointDeps) {
    this.#deps = deps;
    this.#joinTimers = new JoinTimers(deps.clock, deps.joinTimeoutMs, (id) =>
      removeUnjoined(deps, this.#lock, id, () => this.#remove(id)),
    );
    const remember = (record: EndpointRecord) => this.#remember(record);
    const shared = { ...deps, lock: this.#lock, remember };
    this.named = (id, name) => nameContainer(shared, id, name);
    this.ports = new PortGuard(deps);
    this.changes = new LeaseChanges({ ...shared, ports: this.ports });
    this.ipv6 = new Ipv6Changes({ ...shared, ports: this.ports });
    this.dns = new DnsChanges({ ...deps, lock: this.#lock });
    const made = (id: string) => this.changes.entered(id);
    const macChanged = (record: EndpointRecord, network: NetworkRecord) =>
      this.#resume(record, network);
    this.remade = new RemadeLinks({ ...shared, made, macChanged });
    const isGone = async (record: EndpointRecord) => {
      // Without a client nobody looks for its link.
      const isFirstLook = await this.takeUp(record.id).catch((err: unknown) => {
        deps.log.error({ ...endpointContext(record), err }, 'endpoint not recovered');
        return true;
      });
      return isAbandoned(deps, { ...record, netnsPath: netnsPathOf(deps, record) }, isFirstLook);
    };
    this.twins = new MacTwins({ ...deps, isGone, clear: (record) => this.clear(record) });
  }

  /**
   * Makes the veth and leases an address. The same id gets the same answer again.
   * @throws PluginError. Then nothing is left behind.
   */
  create(request: CreateEndpointRequest, signal: AbortSignal): Promise<CreateEndpointAnswer> {
    const startedAt = this.#deps.clock.now();
    return this.#lock.run(request.endpointId, async () => {
      const known = this.#deps.registry.findEndpoint(request.endpointId);
      if (known !== undefined) return createAnswer(known);
      const network = await this.#deps.networks.restore(
        this.#deps.registry.requireNetwork(request.networkId),
      );
      const record = await makeEndpoint(this.#deps, network, request, {
        by: startedAt + LEASED_WITHIN,
        signal,
        takeMac: (mac) => this.twins.takeMac(request.endpointId, segmentOf(network.options), mac),
        takeClientId: (clientId) =>
          this.twins.takeClientId(request.endpointId, segmentOf(network.options), clientId),
        asking: (leaseId) => this.#making.set(leaseId, request.endpointId),
      }).finally(() => this.#made(request.endpointId));
      this.#joinTimers.arm(record.id);
      await tellCreated(this.#deps, record, network, this.#deps.clock.now() - startedAt);
      return createAnswer(record);
    });
  }

  /** @throws PluginError ENDPOINT_UNKNOWN or NETWORK_UNKNOWN. */
  join(endpointId: string, sandboxKey: string): Promise<JoinAnswer> {
    return this.#lock.run(endpointId, async () => {
      const record = this.#deps.registry.findEndpoint(endpointId);
      if (record === undefined) throw endpointUnknown(endpointId);
      const network = this.#deps.registry.requireNetwork(record.networkId);
      this.#joinTimers.disarm(endpointId);
      // libnetwork configures the answer to CreateEndpoint, also in a second Join.
      const terms = { ...record.terms, configured: record.terms.answered };
      const joinedAt = this.#deps.clock.wall();
      const ipv6 = record.ipv6 && { ...record.ipv6, configured: record.ipv6.answered };
      const dnsAsked = this.dns.asked.forNetwork(network);
      const facts = { sandboxKey, joinedAt, hasLeft: false, terms, ipv6, dnsAsked };
      await this.#remember({ ...record, ...facts });
      await this.dns.joined({ ...record, ...facts });
      this.changes.joined(endpointId);
      this.#deps.leases.follow(
        record.leaseId,
        followTarget(this.#deps, record, network, sandboxKey),
      );
      await this.ports.guard(endpointId);
      return joinAnswer(record, network.internal);
    });
  }

  /**
   * The link will leave the sandbox. The lease stays until `remove`. Docker may call this twice.
   */
  leave(endpointId: string): Promise<void> {
    return this.#lock.run(endpointId, async () => {
      const record = this.#deps.registry.findEndpoint(endpointId);
      if (record === undefined) return;
      this.changes.left(endpointId);
      this.ipv6.left(endpointId);
      this.#deps.leases.unfollow(record.leaseId);
      await this.dns.left(record);
      await this.#remember({ ...record, sandboxKey: undefined, hasLeft: true });
      this.#joinTimers.arm(endpointId);
    });
  }

  /**
   * Gives the lease back and removes the veth. Unknown ids are no error. @throws after all is
   * tried.
   */
  remove(endpointId: string): Promise<void> {
    return this.#lock.run(endpointId, () => this.#remove(endpointId, { isDeleted: true }));
  }

  /** Removes one that dockerd forgot. The segment is asked before the lease goes back. */
  removeForgotten(endpointId: string): Promise<void> {
    return this.#lock.run(endpointId, () => this.#remove(endpointId));
  }

  /** What `docker network inspect --verbose` shows. It is right where Docker's own view is old. */
  info(endpointId: string): Readonly<Record<string, string>> {
    const record = this.#deps.registry.findEndpoint(endpointId);
    return record === undefined ? {} : endpointInfo(record, this.#deps.clock);
  }

  /** Makes record and container match a lease that changed, or that came late. */
  async leaseChanged(leaseId: string, change: LeaseChange): Promise<void> {
    const holder = this.endpointWith(leaseId);
    if (holder === undefined) return;
    await this.changes.handle(holder, change);
    await this.dns.leaseChanged(holder);
  }

  /** The endpoint that has the lease, or that is being made with it. */
  endpointWith(leaseId: string): string | undefined {
    return this.#making.get(leaseId) ?? this.#deps.registry.findEndpointOf(leaseId)?.id;
  }

  /** The endpoint's link was found in its sandbox. Changes that wait for it are made now. */
  sandboxEntered(leaseId: string, interfaceName: string): void {
    const record = this.#deps.registry.findEndpointOf(leaseId);
    if (record === undefined) return;
    this.changes.entered(record.id);
    const network = this.#deps.registry.findNetwork(record.networkId);
    if (network?.options.ipv6 !== undefined) void this.ipv6.entered(record.id);
    void this.dns.entered(record);
    this.remade.nameSeen(record, interfaceName);
  }

  /** After a restart: the lease has no client until `takeUp`. */
  toTakeUp(endpointId: string): void {
    this.#toTakeUp.add(endpointId);
  }

  /**
   * Resumes an endpoint of before a restart, as it is now. Calls of Docker may have changed it.
   * @returns false if there is nothing to do.
   * @throws PluginError SOCKET_FAILED. The endpoint is resumed all the same.
   */
  takeUp(endpointId: string): Promise<boolean> {
    if (!this.#toTakeUp.has(endpointId)) return Promise.resolve(false);
    return this.#lock.run(endpointId, () => {
      const record = this.#deps.registry.findEndpoint(endpointId);
      const network = record && this.#deps.registry.findNetwork(record.networkId);
      // One whose network is being removed goes with it.
      const isDue = this.#toTakeUp.delete(endpointId) && network?.isUnfinished !== true;
      if (!isDue || record === undefined || network === undefined) return Promise.resolve(false);
      this.#resume(record, network);
      return Promise.resolve(true);
    });
  }

  #resume(record: EndpointRecord, network: NetworkRecord): void {
    const { leases, clock, host } = this.#deps;
    const containerEndHere = host.endpointPresence(record) === 'here';
    // The endpoint is joined, but its link is here: dockerd may be about to move it.
    if (containerEndHere) this.#joinTimers.arm(record.id);
    if (record.sandboxKey !== undefined) this.changes.joined(record.id);
    const subject = subjectOf(holderOf(record), scopeOfNetwork(network));
    const where = placesToResume(this.#deps, record, network, containerEndHere);
    const lease = record.lease && restoreLease(record.lease, clock);
    leases.resume(subject, lease, where, restoreIpv6(record.ipv6, clock));
  }

  /** Removes an endpoint whose container is gone. Its lease is held or given back. */
  clear({ id }: EndpointRecord): Promise<void> {
    return this.#lock.run(id, () => this.#remove(id, { isOrphan: true }));
  }

  /** Clears joined endpoints whose container vanished without Leave: their link is gone. */
  async clearAbandoned(): Promise<void> {
    const { registry, host, log } = this.#deps;
    for (const { id } of withoutHostEnd(registry.endpoints(), host)) {
      const record = registry.findEndpoint(id);
      if (record?.sandboxKey === undefined) continue;
      if (host.endpointPresence(record, netnsPathOf(this.#deps, record)) !== 'gone') continue;
      log.warn(endpointContext(record), 'endpoint whose container is gone removed');
      await this.clear(record);
    }
  }

  /** Stops the timers. Leases and links stay as they are. */
  close(): void {
    this.#toTakeUp.clear();
    this.#joinTimers.close();
    this.changes.close();
    this.ipv6.close();
    this.dns.close();
    this.remade.close();
    this.ports.close();
  }

  #made(endpointId: string): void {
    this.#deps.macClaims.made(endpointId);
    for (const [lease, id] of this.#making) if (id === endpointId) this.#making.delete(lease);
  }

  async #remove(endpointId: string, { isOrphan = false, isDeleted = false } = {}): Promise<void> {
    const { registry, host, leases, held, returns, clock, log } = this.#deps;
    this.#joinTimers.disarm(endpointId);
    this.changes.left(endpointId);
    this.ipv6.left(endpointId);
    const record = registry.findEndpoint(endpointId);
    if (record === undefined) return;
    await this.dns.left(record);
    const awaited = awaitedRelease(record, clock);
    const scope = registry.findScope(record.networkId);
    const isAnothers = scope === undefined || isLeaseOfAnother(record, registry);
    await runEach(
      // First: if we are killed after the lease is gone, nobody knows whose link it is.
      () => host.removeEndpointLink(ownEnd(record)),
      async () => {
        const holder = holderOf(record);
        const isKept = isAnothers || (await held.hold(holder, { isOrphan, awaited }));
        if (isKept) leases.forget(record.leaseId);
        else if (isDeleted) returns.now(holder, scope);
        // Runs while the record still makes a twin wait.
        else returns.unlessWorn(holder, scope);
      },
      () => registry.removeEndpoint(endpointId, awaited),
    );
    log.info({ ...endpointContext(record), address: addressShown(record) }, 'endpoint removed');
  }

  /** Stores a change that must not fail its call. A failure is logged for an operator. */
  async #remember(record: EndpointRecord): Promise<void> {
    const err = await this.#deps.registry.keepEndpoint(record);
    if (err === undefined) return;
    this.#deps.log.error({ ...endpointContext(record), err }, 'endpoint state not saved');
  }
}
