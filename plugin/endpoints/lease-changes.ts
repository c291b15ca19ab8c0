/**
 * Changes a running container when its lease changes (RFC 2131 §4.4.5). First the record is
 * written. Then the link in the sandbox is changed to what the record says.
 *
 * After Join, libnetwork configures the link itself, with the answer to CreateEndpoint. Before it
 * has finished, nothing is changed. Until then, and while a sandbox cannot be entered, the record
 * keeps the difference between lease and configuration. The next opportunity removes the
 * difference.
 */
import type { Clock } from '../clock.ts';
import type { LeaseChange } from '../leasing/client-runner.ts';
import type { LinkTerms } from '../vocabulary/lease.ts';
import type { Ipv4 } from '../wire/address.ts';
import type { Logger } from '../logger.ts';
import type { Ms } from '../vocabulary/time.ts';
import type { Host } from '../host.ts';
import type { KeyedLock } from '../keyed-lock.ts';
import { storeLease, termsOf, type NetworkRecord } from '../state/records.ts';
import type { PortGuard } from '../networks/port-guard.ts';
import type { Registry } from '../state/registry.ts';
import { KeptChanges } from './setup/kept-changes.ts';
import { sandboxChanges, usableMtu, type LinkConfig } from './sandbox-changes.ts';
import { endpointContext, type EndpointRecord } from '../state/lease-records.ts';

/** We find the link when it is up. Right afterwards libnetwork sets routes and gateway. */
const SETTLED_AFTER: Ms = 1_000;
/**
 * If the link is not in the sandbox by then, a change that waits for it is reported as an error.
 */
const FOUND_WITHIN: Ms = 10_000;
/** A failed `ip` must not leave an address that may no longer be used. */
const TRIED_AGAIN_AFTER: Ms = 10_000;

/**
 * One change of address is a server's decision. Two may be a correction. Each time the container
 * loses its connections.
 */
const MOVES_TOLD_AT = 3;
const MOVES_EACH_TIME =
  'the server changes the address of this container at each renewal; see to the DHCP server';

export interface LeaseChangesDeps {
  readonly registry: Registry;
  readonly host: Host;
  readonly clock: Clock;
  readonly log: Logger;
  readonly lock: KeyedLock;
  readonly ports: Pick<PortGuard, 'follow'>;
  readonly leases: { announce(key: string, isBack: boolean): void };
  /** Restarts the container of the endpoint, if Docker's API can be asked. */
  readonly restart: (record: Pick<EndpointRecord, 'id' | 'networkId'>) => void;
  readonly sandboxPath: (sandboxKey: string) => string;
  readonly remember: (record: EndpointRecord) => Promise<void>;
}

export class LeaseChanges {
  readonly #deps: LeaseChangesDeps;
  /**
   * For each joined endpoint: the function that stops its wait. Undefined once the link may be
   * changed.
   */
  readonly #joined = new Map<string, (() => void) | undefined>();
  /** For each joined endpoint: how many renewals in a row have brought another address. */
  readonly #moves = new Map<string, number>();
  /** Joined endpoints whose MTU may be another than their record says. */
  readonly #doubted = new Set<string>();
  readonly #kept: KeptChanges;
  /** Endpoints whose failure was logged. */
  readonly #told = new Set<string>();

  constructor(deps: LeaseChangesDeps) {
    this.#deps = deps;
    this.#kept = new KeptChanges(deps);
  }

  /** libnetwork will move the link into the sandbox. */
  joined(endpointId: string): void {
    this.#wait(endpointId, FOUND_WITHIN);
  }

  /**
   * The link was found up in the sandbox. Also called after a failure, so that the change is tried
   * again.
   */
  entered(endpointId: string): void {
    this.#wait(endpointId, SETTLED_AFTER);
  }

  left(endpointId: string): void {
    this.#joined.get(endpointId)?.();
    this.#joined.delete(endpointId);
    this.#told.delete(endpointId);
    this.#moves.delete(endpointId);
    this.#doubted.delete(endpointId);
    this.#kept.left(endpointId);
  }

  close(): void {
    for (const id of [...this.#joined.keys()]) this.left(id);
  }

  /**
   * The network's MTU has changed, so the containers' MTU must change. Containers that still wait
   * read the MTU after their wait.
   */
  networkChanged(networkId: string): void {
    const { registry } = this.#deps;
    for (const { id, networkId: own } of registry.endpoints()) {
      if (own === networkId && this.#mayBeChanged(id)) this.#wait(id, 0);
    }
  }

  /**
   * The link below macvlan or ipvlan links has another MTU. The kernel may have given the
   * containers another one, too, whatever their records say.
   */
  mtuBelowChanged(networkId: string): void {
    for (const { id, networkId: own, hostEnd } of this.#deps.registry.endpoints()) {
      if (own === networkId && hostEnd === undefined && this.#joined.has(id)) this.#doubted.add(id);
    }
    this.networkChanged(networkId);
  }

  /** Makes the record and the container match the lease of the DHCP client. */
  handle(endpointId: string, change: LeaseChange): Promise<void> {
    const { registry, clock, lock, remember } = this.#deps;
    return lock.run(endpointId, async () => {
      const record = registry.findEndpoint(endpointId);
      const network = record && registry.findNetwork(record.networkId);
      if (record === undefined || network === undefined || change.cause === 'released') return;
      const next = recordAfter(record, change, network, clock);
      this.#tell(record, next, change, network);
      this.#countMoves(record, change);
      await remember(next);
      await this.#apply(endpointId);
    });
  }

  /** The container has no lease. The address stands in for it. */
  handleLinkLocal(endpointId: string, address: Ipv4 | undefined): Promise<void> {
    const { registry, lock, log, remember } = this.#deps;
    return lock.run(endpointId, async () => {
      const record = registry.findEndpoint(endpointId);
      if (record?.lost === undefined || record.lease !== undefined) return;
      log.info({ ...endpointContext(record), address }, 'link-local address stands in for a lease');
      await remember({ ...record, lost: { ...record.lost, linkLocal: address } });
      await this.#apply(endpointId);
    });
  }

  #wait(endpointId: string, ms: Ms): void {
    const { clock, lock, log } = this.#deps;
    this.#joined.get(endpointId)?.();
    const dueAt = clock.now() + ms;
    const due = () => {
      this.#joined.set(endpointId, undefined);
      lock
        .run(endpointId, () => this.#apply(endpointId))
        .catch((err: unknown) => log.error({ endpoint: endpointId.slice(0, 12), err }, TROUBLE));
    };
    this.#joined.set(endpointId, clock.at(dueAt, due));
  }

  /** True if the endpoint is joined and its wait is over: libnetwork has finished with its link. */
  #mayBeChanged(endpointId: string): boolean {
    return this.#joined.has(endpointId) && this.#joined.get(endpointId) === undefined;
  }

  /** Changes the container to what the record says, if it can be reached now. */
  async #apply(endpointId: string): Promise<void> {
    const { registry, host, leases, log, sandboxPath, remember } = this.#deps;
    const record = registry.findEndpoint(endpointId);
    const network = record && registry.findNetwork(record.networkId);
    if (record?.sandboxKey === undefined || network === undefined) return;
    if (!this.#mayBeChanged(endpointId)) return;
    const present = { terms: record.terms.configured, mtu: record.mtu };
    const wanted = this.#kept.allowed(record, network, configOf(record, network));
    const isChange = sandboxChanges(present, wanted, network.internal).length > 0;
    const isDoubted = this.#doubted.has(endpointId);
    if (!isChange && !isDoubted) return;
    const seen = isDoubted ? { ...present, mtu: undefined } : present;
    const changes = sandboxChanges(seen, wanted, network.internal);
    const { hostEnd, containerEnd } = record;
    const place = { netnsPath: sandboxPath(record.sandboxKey), hostEnd, containerEnd };
    const fields = { ...endpointContext(record), address: wanted.terms?.address ?? 'none' };
    try {
      await this.#deps.ports.follow(network, record);
      if (!(await host.changeSandbox(place, changes))) {
        throw new Error('its link was not found up in the sandbox');
      }
    } catch (err) {
      this.#wait(endpointId, TRIED_AGAIN_AFTER);
      if (this.#told.has(endpointId)) return;
      this.#told.add(endpointId);
      return log.error({ ...fields, configured: present.terms?.address ?? 'none', err }, TROUBLE);
    }
    this.#told.delete(endpointId);
    this.#doubted.delete(endpointId);
    if (!isChange) return;
    const terms = { ...record.terms, configured: wanted.terms };
    const changed = { ...record, mtu: wanted.mtu, terms };
    await remember(changed);
    await this.#deps.ports.follow(network, changed);
    log.info({ ...fields, gateway: wanted.terms?.gateway, mtu: wanted.mtu }, 'container changed');
    leases.announce(record.leaseId, present.terms === undefined);
  }

  /** Counts changes of address. Each of them is applied, because the server decides. */
  #countMoves(record: EndpointRecord, { change, lease }: LeaseChange): void {
    if (change === 'lost' || !this.#joined.has(record.id)) return;
    const isMove = change === 'changed' && record.lease?.address !== lease.address;
    const moves = isMove ? (this.#moves.get(record.id) ?? 0) + 1 : 0;
    this.#moves.set(record.id, moves);
    if (moves !== MOVES_TOLD_AT) return;
    this.#deps.log.warn({ ...endpointContext(record), server: lease.serverId }, MOVES_EACH_TIME);
  }

  #tell(
    record: EndpointRecord,
    next: EndpointRecord,
    { change, lease, cause }: LeaseChange,
    network: NetworkRecord,
  ): void {
    const { log } = this.#deps;
    const fields = { ...endpointContext(record), address: lease.address, server: lease.serverId };
    switch (change) {
      case 'acquired':
        return log.info(fields, 'lease acquired');
      case 'renewed':
        return log.info(fields, 'lease renewed');
      case 'changed':
        // A larger MTU than the link's, or a router under `--internal`, changes nothing for the
        // container.
        return isSameLink(record, next, network)
          ? log.info(fields, 'lease renewed')
          : log.info({ ...fields, before: record.lease?.address }, 'lease changed');
      case 'lost':
        if (next.lost?.isAddressKept === true) {
          return log.error({ ...fields, cause }, 'lease lost; the container keeps its address');
        }
        // An expired lease means that no server answers. An operator has to repair that.
        return log[cause === 'expired' ? 'error' : 'warn'](
          { ...fields, cause },
          'lease lost; the container gives up its address',
        );
    }
  }
}

const TROUBLE =
  'the container could not be changed to its lease; restart it, and see that the plugin can enter its sandbox (mount --make-rshared /)';

function recordAfter(
  record: EndpointRecord,
  { change, lease, cause }: LeaseChange,
  { options }: NetworkRecord,
  clock: Clock,
): EndpointRecord {
  if (change !== 'lost') return { ...record, lease: storeLease(lease, clock), lost: undefined };
  // Deviation: RFC 2131 §4.4.5 lets nobody use an address whose lease is over. An operator may.
  const isAddressKept = cause === 'expired' && options.onExpiry === 'keep';
  const lost = { at: clock.wall(), cause: cause ?? 'expired', isAddressKept };
  return { ...record, lease: undefined, lost };
}

function configOf(record: EndpointRecord, { mtu }: NetworkRecord): LinkConfig {
  const { lease, lost, terms, ipv6 } = record;
  const kept = lost?.isAddressKept === true ? terms.configured : linkLocalTerms(lost?.linkLocal);
  const wanted: LinkTerms | undefined = lease === undefined ? kept : termsOf(lease);
  return { terms: wanted, mtu: usableMtu(wanted?.mtu, mtu, ipv6?.configured !== undefined) };
}

/** RFC 3927 §2.6.2: all of 169.254.0.0/16 is on the link. There is no router. */
function linkLocalTerms(address: Ipv4 | undefined): LinkTerms | undefined {
  if (address === undefined) return undefined;
  return { address, prefixLength: 16, gateway: undefined, routes: [], mtu: undefined };
}

function isSameLink(one: EndpointRecord, other: EndpointRecord, network: NetworkRecord): boolean {
  const [from, to] = [configOf(one, network), configOf(other, network)];
  return sandboxChanges(from, to, network.internal).length === 0;
}
