/**
 * What the plugin promises to operators: networks and leases as they are now, and what may be done
 * to a lease. Nothing here waits for a call of Docker, and no call of Docker waits for it (D16).
 */
import { momentOf, type Clock } from '../clock.ts';
import type { Doctor } from '../doctor/doctor.ts';
import type { Finding } from '../doctor/finding.ts';
import type { ContainerNames } from '../dockerapi/container-names.ts';
import type { TrunkQuestion, VlanAnswer } from '../leasing/segment/trunk-probe.ts';
import type { FrameListener, FrameWatch } from '../leasing/frames/frame-watch.ts';
import type { LeaseService } from '../leasing/lease-service.ts';
import type { HeldLeases } from '../leases/held-leases.ts';
import { hostLeaseId } from '../state/lease-records.ts';
import type { Registry } from '../state/registry.ts';
import { leaseIdentity } from '../state/status/lease-identity.ts';
import {
  leaseList,
  type LeaseEntry,
  type LeaseKeys,
  type LeaseUser,
} from '../state/status/lease-list.ts';
import { allStatus, networkList, type NetworkEntry } from '../state/status/network-list.ts';
import type { SegmentsSeen } from '../state/status/status.ts';
import { PluginError } from '../vocabulary/errors.ts';

export interface OperatorDeps {
  readonly registry: Registry;
  readonly clock: Clock;
  /** What Docker's API has told. Undefined if its socket was not given. */
  readonly names: Pick<ContainerNames, 'nameOf' | 'serviceOf' | 'networkName'> | undefined;
  readonly frames: Pick<FrameWatch, 'watch'>;
  readonly leases: Pick<LeaseService, 'renew'> & SegmentsSeen;
  readonly held: Pick<HeldLeases, 'giveBack'>;
  readonly probe: (question: TrunkQuestion) => Promise<readonly VlanAnswer[]>;
  readonly doctor: Pick<Doctor, 'look'>;
}

/** Whose frames are wanted. */
export interface Watched {
  /** The beginning of a NetworkID: all clients of its segment, also those that come. */
  readonly network: string | undefined;
  readonly macs: readonly string[];
}

export class Operator {
  readonly #deps: OperatorDeps;
  #isProbing = false;

  constructor(deps: OperatorDeps) {
    this.#deps = deps;
  }

  networks(): readonly NetworkEntry[] {
    const { registry, clock, leases, names } = this.#deps;
    return networkList(registry, clock, leases).map((network) => {
      const name = names?.networkName(network.network);
      return name === undefined ? network : { ...network, name };
    });
  }

  leases(): readonly LeaseEntry[] {
    const { registry, clock, leases } = this.#deps;
    return leaseList(
      allStatus(registry, clock, leases),
      registry.held(),
      (id) => registry.findScope(id),
      (keys) => this.#userOf(keys),
      momentOf(clock),
    );
  }

  /**
   * Asks the server now to extend the lease. The answer comes as an event.
   * @throws PluginError LEASE_BUSY if no lease is in use.
   */
  renew(entry: LeaseEntry): void {
    const id = this.#leaseId(entry);
    if (entry.holder !== 'nobody' && this.#deps.leases.renew(id)) return;
    const why = reasonNotToRenew(entry);
    throw new PluginError('LEASE_BUSY', `${nameOf(entry)} was not renewed: ${why}`);
  }

  /**
   * Gives a held lease back to its server.
   * @throws PluginError LEASE_BUSY if somebody uses it.
   */
  async release(entry: LeaseEntry): Promise<void> {
    if (entry.holder === 'nobody' && (await this.#deps.held.giveBack(entry.endpoint))) return;
    const user = entry.holder === 'host' ? 'the host' : 'a container';
    throw new PluginError(
      'LEASE_BUSY',
      `${nameOf(entry)} was not given back: ${user} uses it; remove that container, or disconnect it from its network, first`,
    );
  }

  /**
   * Asks which VLANs of a trunk have a DHCP server. Takes up to 40 s.
   * @throws PluginError SOCKET_FAILED, CANCELLED, LEASE_BUSY if another one runs.
   */
  async probe(question: TrunkQuestion): Promise<readonly VlanAnswer[]> {
    if (this.#isProbing) {
      throw new PluginError('LEASE_BUSY', 'a probe runs already; wait until it has ended');
    }
    this.#isProbing = true;
    try {
      return await this.#deps.probe(question);
    } finally {
      this.#isProbing = false;
    }
  }

  /**
   * Tells each frame of these clients, as it is sent or heard, and what their routers say.
   * @returns the function that ends it. @throws PluginError NETWORK_UNKNOWN.
   */
  watch({ network, macs }: Watched, listener: FrameListener): () => void {
    const networks = this.networks();
    const isNamed = (id: string) => network !== undefined && id.startsWith(network);
    const named = networks.filter((one) => isNamed(one.network));
    if (network !== undefined && named.length === 0) {
      throw new PluginError('NETWORK_UNKNOWN', `there is no network ${network.slice(0, 100)}`);
    }
    const segments = new Set(named.map(({ segment }) => segment));
    const ofMacs = this.leases().filter(({ mac }) => macs.includes(mac));
    const all = new Set([...named, ...ofMacs].map((one) => one.network));
    const routers = new Set(
      networks.filter((one) => all.has(one.network)).map((one) => one.bridge),
    );
    return this.#deps.frames.watch((frame) => {
      const { client, link } = frame;
      if (client === undefined) {
        if (routers.has(link)) listener(frame);
      } else if (segments.has(client.segment) || macs.includes(client.mac)) listener(frame);
    });
  }

  /**
   * What is wrong with the segments of the networks, and with what keeps leases. Takes up to 7 s.
   * @param network the beginning of a NetworkID. Undefined: all networks.
   * @throws PluginError LEASE_BUSY if another one runs.
   */
  doctor(network: string | undefined): Promise<readonly Finding[]> {
    return this.#deps.doctor.look(network);
  }

  #userOf(keys: LeaseKeys): LeaseUser {
    const { names, registry } = this.#deps;
    const { endpoint, network } = keys;
    const record = registry.findLease(this.#leaseId(keys));
    const identity = record && leaseIdentity(record);
    const networkName = names?.networkName(network);
    const stored = record?.holder.is === 'endpoint' ? record.holder.containerName : undefined;
    const byDocker = names?.nameOf(endpoint)?.name ?? stored;
    if (byDocker !== undefined) {
      const service = names?.serviceOf(endpoint);
      return { name: byDocker, nameFrom: 'docker', service, networkName, identity };
    }
    const told = record?.hostName;
    if (told !== undefined) return { name: told, nameFrom: 'hostname', networkName, identity };
    return { name: endpoint.slice(0, 12), nameFrom: 'id', networkName, identity };
  }

  #leaseId({ holder, endpoint, network }: LeaseKeys): string {
    if (holder === 'host') return hostLeaseId(network);
    return this.#deps.registry.findEndpoint(endpoint)?.leaseId ?? endpoint;
  }
}

function reasonNotToRenew({ holder, isIpv6Only, state }: LeaseEntry): string {
  if (holder === 'nobody') {
    return 'it is held for a container that is gone, and a held lease is never renewed';
  }
  if (isIpv6Only === true) return 'its network has IPv6 alone, and only IPv4 is renewed on request';
  return `it is in state ${JSON.stringify(state)}, and only a lease in use is renewed`;
}

function nameOf({ address, ipv6, mac }: LeaseEntry): string {
  return `the lease of ${(address ?? ipv6?.address)?.split('/')[0] ?? mac}`;
}
