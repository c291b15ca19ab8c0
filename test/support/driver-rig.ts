/**
 * The whole driver over stand-ins for host, disk, clock and wire, put together as main.ts does it.
 * `restart` is `kill -9` and a new process: what the stand-ins hold stays, the rest is new.
 */
import { Addresses } from '../../plugin/leases/addresses.ts';
import { BridgeAccess } from '../../plugin/networks/bridge-access.ts';
import type { CreateEndpointRequest } from '../../plugin/endpoints/endpoint-setup.ts';
import { Endpoints } from '../../plugin/endpoints/endpoints.ts';
import { HeldLeases } from '../../plugin/leases/held-leases.ts';
import { IpamDriver } from '../../plugin/driver/ipam-driver.ts';
import type { RequestPoolAnswer, RequestPoolRequest } from '../../plugin/options/ipam-requests.ts';
import { NetworkDriver } from '../../plugin/driver/network-driver.ts';
import type { CreateNetworkRequest } from '../../plugin/options/network-requests.ts';
import { LeaseReturns } from '../../plugin/leases/lease-returns.ts';
import { withLastingRemovals } from '../../plugin/networks/link-removals.ts';
import { Networks } from '../../plugin/networks/networks.ts';
import { Pools } from '../../plugin/pools/pools.ts';
import { recover } from '../../plugin/driver/recover.ts';
import { Registry } from '../../plugin/state/registry.ts';
import { Wiring } from '../../plugin/networks/wiring.ts';
import { SegmentSilence } from '../../plugin/leases/segment-silence.ts';
import { LeaseService } from '../../plugin/leasing/lease-service.ts';
import type { Ipv4, Mac } from '../../plugin/wire/address.ts';
import { probeSubnet } from '../../plugin/leasing/segment/subnet-probe.ts';
import type { SandboxProbe } from '../../plugin/leasing/sockets/sandbox-socket.ts';
import { FakeClock } from './fake-clock.ts';
import { FakeHost } from './fake-host.ts';
import { FakeStore } from './fake-store.ts';
import { LeasingServer } from './leasing-server.ts';
import { MemoryLogger } from './memory-logger.ts';
import { MemoryWire } from './memory-packet-socket.ts';
import type { ReplyParts } from './messages.ts';
import { seededRandom } from './seeded-random.ts';

export const JOIN_TIMEOUT_MS = 120_000;
export const NETWORK = 'n'.repeat(64);
export const ENDPOINT = 'e'.repeat(64);
export const SANDBOX = '/var/run/docker/netns/0123456789ab';
/** A MAC that libnetwork made up for a container. */
export const BOX = '02:42:00:00:00:01';

/** Signals for calls nobody hangs up on. */
export const PATIENT = new AbortController().signal;

export class DriverRig {
  readonly clock: FakeClock;
  readonly host = new FakeHost();
  readonly store = new FakeStore();
  /** False: some file in the store cannot be read. */
  isStoreComplete = true;
  readonly wire = new MemoryWire();
  readonly log = new MemoryLogger();
  readonly server: LeasingServer;
  /** What a look into a sandbox finds. */
  sandbox: ReturnType<SandboxProbe> = 'not-yet';
  registry!: Registry;
  networks!: Networks;
  endpoints!: Endpoints;
  leases!: LeaseService;
  access!: BridgeAccess;
  wiring!: Wiring;
  held!: HeldLeases;
  driver!: NetworkDriver;
  addresses!: Addresses;
  ipam!: IpamDriver;
  /** Who wears what on the segment. */
  readonly worn = new Map<string, Mac>();
  /** Whether somebody wears an address; at once, where `SegmentInquiry` takes its time. */
  askSegment = (_link: string, address: Ipv4): Promise<Mac | undefined> =>
    Promise.resolve(this.worn.get(address));
  #removals: ReturnType<typeof withLastingRemovals> | undefined;
  /** The setting IPAM_REQUIRE_MAC. */
  requiresMacAddress = true;

  constructor(parts: { server?: ReplyParts; clock?: FakeClock } = {}) {
    this.clock = parts.clock ?? new FakeClock();
    this.server = new LeasingServer(parts.server);
    this.wire.server = this.server.answer;
    this.host.namespaceAt = () => (typeof this.sandbox === 'object' ? '4:1' : undefined);
    this.#wireUp(Promise.resolve());
  }

  /** The process dies, and another one starts. */
  async restart(): Promise<void> {
    this.stop();
    this.#wireUp(undefined);
    await this.driver.removeEndpoint('unknown'); // calls wait for recovery
  }

  stop(): void {
    this.wiring.close();
    this.access.close();
    this.endpoints.close();
    this.addresses.close();
    this.held.close();
    this.leases.close();
    this.#removals?.close();
  }

  /** And lets the look at its links pass that follows. */
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

  /** For a container. @param wish a MAC and no name, as engines before 29 tell, unless it says otherwise. */
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

  /** `--aux-address`, `--gateway`, and what dockerd asks for where it has no gateway. */
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
    const { hostEnd } = this.record(endpointId);
    await this.driver.join(endpointId, SANDBOX);
    this.host.moveIntoSandbox(hostEnd);
    this.sandbox = { link: 'eth0' };
    await this.clock.pass(100);
  }

  record(endpointId = ENDPOINT) {
    const record = this.registry.findEndpoint(endpointId);
    if (record === undefined) throw new Error(`no endpoint ${endpointId}`);
    return record;
  }

  /** PoolIDs' last parts, in memory and on disk. */
  get poolsLeft(): readonly string[] {
    return [...this.registry.pools(), ...this.store.contents.pools].map(({ id }) => id);
  }

  /** All that an endpoint occupies anywhere; all empty when nothing is left behind. */
  get leftovers() {
    return {
      links: [...this.host.endpoints.keys()],
      leases: [...this.server.leases.values()],
      clients: this.leases.size,
      sockets: this.wire.openSockets.length,
      records: [...this.registry.endpoints(), ...this.store.endpoints].map(({ id }) => id),
      held: [...this.registry.held(), ...this.store.held].map(({ id }) => id),
      addresses: [...this.registry.addresses(), ...this.store.contents.addresses].map(
        ({ address }) => address,
      ),
      timers: this.clock.pending - 1, // the firewall's interval runs always
    };
  }

  #wireUp(recovered: Promise<void> | undefined): void {
    const { clock, log } = this;
    const removals = withLastingRemovals(this.host, { clock, log });
    this.#removals = removals;
    const host = withRemovals(this.host, removals);
    const registry = new Registry(this.store);
    const { contents, useless } = this.store.load();
    registry.adopt(structuredClone(contents));
    const leases = new LeaseService({
      clock,
      random: seededRandom(1),
      log,
      openSocket: this.wire.open,
      openArpSocket: this.wire.openArp,
      probeSandbox: () => this.sandbox,
      onChange: (id, change) =>
        void (addresses.owns(id) ? addresses : endpoints).leaseChanged(id, change),
      onEntered: (id) => endpoints.sandboxEntered(id),
    });
    const access = new BridgeAccess({ host, clock, log });
    const wearer = (link: string, _mac: Mac, address: Ipv4) => this.askSegment(link, address);
    const returns = new LeaseReturns({ host, inquiry: { wearer }, leases, log });
    const held = new HeldLeases({ registry, clock, log, leases, returns });
    const networks = new Networks({
      ...{ registry, host, access, clock, log },
      made: () => wiring.soon(),
    });
    const shared = {
      ...{ registry, networks, host, leases, held, returns, clock, log },
      silence: new SegmentSilence(clock),
      joinTimeoutMs: JOIN_TIMEOUT_MS,
    };
    const addresses: Addresses = new Addresses({
      ...shared,
      macClaims: {
        take: (key, segment, mac) => endpoints.macClaims.take(key, segment, mac),
        made: (key) => endpoints.macClaims.made(key),
      },
      sandboxFolder: '/run/docker/netns',
    });
    const endpoints: Endpoints = new Endpoints({
      ...shared,
      addresses,
      sandboxPath: (key) => key,
    });
    const wiring: Wiring = new Wiring({
      ...{ registry, host, networks, clock, log },
      ports: {
        guard: (id) => endpoints.ports.guard(id),
        guardAll: () => endpoints.ports.guardAll(),
      },
      mtuChanged: (networkId) => endpoints.changes.networkChanged(networkId),
    });
    const ready =
      recovered ??
      recover({
        registry,
        networks,
        endpoints,
        addresses,
        held,
        access,
        wiring,
        host,
        clock,
        log,
        isComplete: this.isStoreComplete && useless === 0,
      });
    Object.assign(this, { registry, leases, access, networks, endpoints, addresses, held, wiring });
    this.driver = new NetworkDriver({
      registry,
      networks,
      endpoints,
      held,
      clock: this.clock,
      recovered: ready,
      claims: leases,
    });
    const socketDeps = { clock, random: seededRandom(2), openSocket: this.wire.open };
    const pools = new Pools({
      ...{ registry, host, clock, log },
      askSubnet: (...question) => probeSubnet(socketDeps, ...question),
    });
    const { requiresMacAddress } = this;
    this.ipam = new IpamDriver({
      ...{ registry, pools, addresses, held, requiresMacAddress, recovered: ready },
    });
  }
}

/** As `{ ...host, ...removals }`, which leaves out what a class has; tests may put other calls into `host` later. */
function withRemovals(host: FakeHost, removals: ReturnType<typeof withLastingRemovals>): FakeHost {
  return new Proxy(host, {
    get(target, name): unknown {
      const value: unknown = Reflect.get(name in removals ? removals : target, name);
      return typeof value === 'function' ? (value.bind(target) as unknown) : value;
    },
  });
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

/** What CreateNetwork says where `--ipam-driver vlandhcp` was typed: the pool's subnet, and no PoolID. */
export function ipamNetwork(pool: string): Partial<CreateNetworkRequest> {
  return { options: {}, ipv4Data: [{ addressSpace: 'vlandhcp', pool, gateway: '' }] };
}

/** A network and a driver to go with it. @param options beside parent and VLAN. */
export async function rigWithNetwork({
  options = {},
  ...parts
}: ConstructorParameters<typeof DriverRig>[0] & { options?: Record<string, string> } = {}) {
  const rig = new DriverRig(parts);
  await rig.createNetwork({ options: { parent: 'eth1', vlan: '500', ...options } });
  return rig;
}

/** What a promise is refused with, as code and sentence. */
export async function refusal(work: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await work;
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    return { code: code ?? (error as Error).name, message };
  }
  throw new Error('it was not refused');
}
