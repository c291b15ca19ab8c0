/**
 * The whole plugin over stand-ins for host, disk, clock and network, built by the same code as
 * main.ts uses. `restart` stands for `kill -9` and a new process: the stand-ins keep what they
 * hold, and the rest is new.
 */
import { NO_IPV6_SOCKETS, type Ipv6Sockets } from '../frames/ipv6-sockets.ts';
import { ownEnd } from '../../../plugin/vocabulary/attachment.ts';
import type { Addresses } from '../../../plugin/leases/addresses.ts';
import type { BridgeAccess } from '../../../plugin/networks/bridge-access.ts';
import type { CreateEndpointRequest } from '../../../plugin/endpoints/endpoint-setup.ts';
import type { Endpoints } from '../../../plugin/endpoints/endpoints.ts';
import type { HostAccess } from '../../../plugin/hostaccess/host-access.ts';
import type { HeldLeases } from '../../../plugin/leases/held-leases.ts';
import type { DockerApi } from '../../../plugin/dockerapi/docker-api.ts';
import { createPlugin, type Plugin } from '../../../plugin/driver/plugin.ts';
import type { IpamDriver } from '../../../plugin/driver/ipam-driver.ts';
import type {
  RequestPoolAnswer,
  RequestPoolRequest,
} from '../../../plugin/options/ipam-requests.ts';
import type { NetworkDriver } from '../../../plugin/driver/network-driver.ts';
import type { Operator } from '../../../plugin/driver/operator.ts';
import { isCounted, type CountedEvent, type PluginEvent } from '../../../plugin/events/events.ts';
import type { CreateNetworkRequest } from '../../../plugin/options/network-requests.ts';
import type { Networks } from '../../../plugin/networks/networks.ts';
import { Registry } from '../../../plugin/state/registry.ts';
import type { Wiring } from '../../../plugin/networks/wiring/wiring.ts';
import type { LeaseService } from '../../../plugin/leasing/lease-service.ts';
import type { Ipv4, Mac } from '../../../plugin/wire/address.ts';
import type { Ipv6 } from '../../../plugin/wire/address6.ts';
import type { SandboxProbe } from '../../../plugin/leasing/sockets/sandbox-socket.ts';
import { FakeClock } from '../time/fake-clock.ts';
import { FakeHost } from './fake-host/fake-host.ts';
import { FakeStore } from './fake-store.ts';
import { FakeTrunk } from '../lan/fake-trunk.ts';
import { LeasingServer } from '../lan/leasing-server.ts';
import { MemoryLogger } from './memory-logger.ts';
import { MemoryWire } from '../lan/memory-packet-socket.ts';
import type { ReplyParts } from '../frames/messages.ts';
import { NO_SIGHTS } from './no-sights.ts';
import { seededRandom } from '../time/seeded-random.ts';

export const JOIN_TIMEOUT_MS = 120_000;
export const NETWORK = 'n'.repeat(64);
export const ENDPOINT = 'e'.repeat(64);
export const SANDBOX = '/var/run/docker/netns/0123456789ab';
/** A MAC that libnetwork made up for a container. */
export const BOX = '02:42:00:00:00:01';

/** The signal of a call that nobody cancels. */
export const PATIENT = new AbortController().signal;

export class DriverRig {
  readonly clock: FakeClock;
  readonly host = new FakeHost();
  readonly store = new FakeStore();
  /** False if a file in the store cannot be read. */
  isStoreComplete = true;
  readonly wire = new MemoryWire();
  /** The VLANs of the parent, for those who ask without a link. */
  readonly trunk: FakeTrunk;
  readonly log = new MemoryLogger();
  /** What operators were told, of all processes. */
  readonly events: PluginEvent[] = [];
  /** What metrics count and no history keeps. */
  readonly counted: CountedEvent[] = [];
  readonly server: LeasingServer;
  /** What a look into a sandbox finds. */
  sandbox: ReturnType<SandboxProbe> = 'not-yet';
  registry!: Registry;
  networks!: Networks;
  endpoints!: Endpoints;
  leases!: LeaseService;
  access!: BridgeAccess;
  wiring!: Wiring;
  #plugin!: Plugin;
  held!: HeldLeases;
  hostAccess!: HostAccess;
  driver!: NetworkDriver;
  addresses!: Addresses;
  ipam!: IpamDriver;
  operator!: Operator;
  /** Which MAC has which address on the segment. */
  readonly worn = new Map<string, Mac>();
  /** True if a host has the address. It answers at once; `SegmentInquiry` needs time. */
  askSegment = (_link: string, address: Ipv4): Promise<Mac | undefined> =>
    Promise.resolve(this.worn.get(address));
  /** The same for IPv6, and `NeighbourInquiry`. */
  askNeighbours = (_link: string, address: Ipv6): Promise<Mac | undefined> =>
    Promise.resolve(this.worn.get(address));
  /** Docker's own API, if a person gave its socket. It counts from the next start. */
  dockerApi: DockerApi | undefined;
  /** The setting IPAM_REQUIRE_MAC. */
  requiresMacAddress = true;

  /** Where containers find IPv6. Without it they have none. */
  readonly #ipv6: Ipv6Sockets;

  constructor(parts: { server?: ReplyParts; clock?: FakeClock; ipv6?: Ipv6Sockets } = {}) {
    this.#ipv6 = parts.ipv6 ?? NO_IPV6_SOCKETS;
    this.clock = parts.clock ?? new FakeClock();
    this.trunk = new FakeTrunk(this.clock);
    this.server = new LeasingServer(parts.server);
    this.wire.server = this.server.answer;
    this.#start();
  }

  /** The process dies, and another one starts. */
  async restart(): Promise<void> {
    this.stop();
    this.#start();
    await this.#plugin.started;
  }

  /** Resolves when the start is over. Forgets what the start asked of the host. */
  async started(): Promise<void> {
    await this.#plugin.started;
    this.host.calls.length = 0;
  }

  stop(): void {
    this.#plugin.close();
  }

  /** Also waits until the look at the links that follows is over. */
  async createNetwork(
    parts: Partial<CreateNetworkRequest> = {},
    signal = new AbortController().signal,
  ): Promise<void> {
    await this.driver.createNetwork(networkRequest(parts), signal);
    await this.wiring.settled();
  }

  createEndpoint(
    parts: Partial<Omit<CreateEndpointRequest, 'interface'>> & {
      interface?: Partial<CreateEndpointRequest['interface']>;
    } = {},
    signal: AbortSignal = PATIENT,
  ) {
    return this.driver.createEndpoint(
      {
        networkId: NETWORK,
        endpointId: ENDPOINT,
        userMac: undefined,
        options: {},
        ...parts,
        interface: { address: '', addressIpv6: '', macAddress: '', ...parts.interface },
      },
      signal,
    );
  }

  /** As `docker network create --ipam-opt parent=eth1 --ipam-opt vlan=500` asks. */
  requestPool(
    parts: Partial<RequestPoolRequest> = {},
    signal: AbortSignal = PATIENT,
  ): Promise<RequestPoolAnswer> {
    const options = { parent: 'eth1', vlan: '500' };
    const request = { addressSpace: 'vlandhcp', pool: '', subPool: '', options, v6: false };
    return this.ipam.requestPool({ ...request, ...parts }, signal);
  }

  /** For a container. @param wish by default a MAC and no name, as engines before 29 send. */
  requestAddress(
    poolId: string,
    wish: { address?: string; macAddress?: string | undefined; name?: string } = {},
    signal: AbortSignal = PATIENT,
  ): Promise<string> {
    const { address = '', name } = wish;
    const macAddress = 'macAddress' in wish ? wish.macAddress : BOX;
    const purpose = { kind: 'endpoint', macAddress, name } as const;
    return this.ipam.requestAddress({ poolId, address, purpose }, signal);
  }

  /** `--aux-address`, `--gateway`, and what dockerd requests if it has no gateway. */
  requestReserved(poolId: string, address: string, kind?: 'gateway'): Promise<string> {
    const purpose = kind === undefined ? undefined : { kind };
    return this.ipam.requestAddress({ poolId, address, purpose }, PATIENT);
  }

  /** A network of ours whose addresses come from a pool of ours. @returns the PoolID. */
  async createIpamNetwork(
    parts: {
      pool?: Partial<RequestPoolRequest>;
      aux?: readonly string[];
      network?: Partial<CreateNetworkRequest>;
    } = {},
  ): Promise<string> {
    const { poolId, pool } = await this.requestPool(parts.pool);
    for (const address of parts.aux ?? []) await this.requestReserved(poolId, address);
    await this.createNetwork({ ...ipamNetwork(pool), ...parts.network });
    return poolId;
  }

  /** A network of Docker's macvlan: it makes its link after RequestPool. @returns the PoolID. */
  async createForeignNetwork(pool: Partial<RequestPoolRequest> = {}): Promise<string> {
    const { poolId } = await this.requestPool(pool);
    this.host.addSegmentLink('eth1.500');
    return poolId;
  }

  /** Join, and what libnetwork does after it. */
  async join(endpointId = ENDPOINT): Promise<void> {
    const end = ownEnd(this.record(endpointId));
    await this.driver.join(endpointId, SANDBOX);
    this.host.sandboxes.add(SANDBOX);
    this.host.moveIntoSandbox(end);
    this.sandbox = { link: 'eth0' };
    await this.clock.pass(100);
  }

  record(endpointId = ENDPOINT) {
    const record = this.registry.findEndpoint(endpointId);
    if (record === undefined) throw new Error(`no endpoint ${endpointId}`);
    return record;
  }

  /** The last parts of PoolIDs, in memory and on disk. */
  get poolsLeft(): readonly string[] {
    return [...this.registry.pools(), ...this.store.contents.pools].map(({ id }) => id);
  }

  /** All that an endpoint occupies anywhere. All are empty if nothing is left behind. */
  get leftovers() {
    return {
      links: [...this.host.endpoints.keys()],
      leases: [...this.server.leases.values()],
      clients: this.leases.size,
      sockets: this.wire.openSockets.length,
      records: [...this.registry.endpoints(), ...this.store.endpoints].map(({ id }) => id),
      held: [...this.registry.held(), ...this.store.held].map(({ id }) => id),
      addresses: [...this.registry.addresses(), ...this.store.addresses].map(
        ({ address }) => address,
      ),
      timers: this.clock.pending - 2, // the firewall's interval and the sweep always run
    };
  }

  #start(): void {
    const { contents, useless } = this.store.load();
    const registry = new Registry(this.store);
    registry.adopt(structuredClone(contents));
    const plugin = createPlugin({
      sights: NO_SIGHTS,
      ...{ clock: this.clock, log: this.log, registry },
      emit: (event) => (isCounted(event) ? this.counted.push(event) : this.events.push(event)),
      random: seededRandom(1),
      dockerApi: this.dockerApi,
      host: this.host.asPlainObject(),
      isComplete: this.isStoreComplete && useless === 0,
      sockets: {
        openSocket: this.wire.open,
        openArpSocket: this.wire.openArp,
        openIpv6Socket: this.#ipv6.openIpv6Socket,
        openRouterSocket: this.#ipv6.openRouterSocket,
        probeSandbox: () => this.sandbox,
        openTrunkSocket: this.trunk.open,
      },
      inquiry: {
        wearer: (link, _mac, address) => this.askSegment(link, address),
        owner: (link, _mac, address) => this.askNeighbours(link, address),
      },
      settings: {
        joinTimeoutMs: JOIN_TIMEOUT_MS,
        requiresMacAddress: this.requiresMacAddress,
      },
      sandboxFolder: '/run/docker/netns',
      sandboxPath: (key) => key,
    });
    this.#plugin = plugin;
    const { network: driver, ipam, leases, access, held, networks, addresses, endpoints } = plugin;
    const { wiring, hostAccess, operator } = plugin;
    Object.assign(this, { registry, driver, ipam, leases, access, held, networks });
    Object.assign(this, { addresses, endpoints, wiring, hostAccess, operator });
  }
}

export const NOTHING_LEFT = {
  links: [],
  leases: [],
  clients: 0,
  sockets: 0,
  records: [],
  held: [],
  addresses: [],
  timers: 0,
};

export function networkRequest(parts: Partial<CreateNetworkRequest> = {}): CreateNetworkRequest {
  return {
    networkId: NETWORK,
    options: { parent: 'eth1', vlan: '500' },
    internal: false,
    ipv4: true,
    ipv4Data: [{ addressSpace: 'null', pool: '0.0.0.0/0', gateway: '' }],
    ipv6Data: [],
    ...parts,
  };
}

/** The request of CreateNetwork for `--ipam-driver vlandhcp`: the pool's subnet, and no PoolID. */
export function ipamNetwork(pool: string): Partial<CreateNetworkRequest> {
  return { options: {}, ipv4Data: [{ addressSpace: 'vlandhcp', pool, gateway: '' }] };
}

/** A network and a driver for it. @param options besides parent and VLAN. */
export async function rigWithNetwork({
  options = {},
  ...parts
}: ConstructorParameters<typeof DriverRig>[0] & { options?: Record<string, string> } = {}) {
  const rig = new DriverRig(parts);
  await rig.createNetwork({ options: { parent: 'eth1', vlan: '500', ...options } });
  return rig;
}

/** The code and the sentence of the error that a promise is rejected with. */
export async function refusal(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await work;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return { code: code ?? (error as Error).name, message };
  }
  throw new Error('it was not refused');
}
