/**
 * IPAM pools: the subnets that Docker believes a network to have. The addresses in them are the DHCP server's; a
 * pool says where to ask for them. Each RequestPool makes one, each ReleasePool ends one.
 *
 * No request says for which network a pool is. CreateNetwork of our own driver follows within moments and names the
 * subnet: that is how the two halves find each other, and what was typed for one of them counts for both.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { PluginError } from '../errors.ts';
import type { LeaseTerms } from '../lease.ts';
import type { LeaseSubject } from '../leasing/lease-subject.ts';
import type { Logger } from '../logger.ts';
import type { Instant, Ms } from '../time.ts';
import { macToBytes, parseIpv4, type Ipv4 } from '../wire/address.ts';
import {
  firstHostOf,
  formatSubnet,
  isSameSubnet,
  subnetHas,
  subnetOf,
  subnetsOverlap,
  type Subnet,
} from '../wire/subnet.ts';
import type { Host } from './host.ts';
import type { RequestPoolAnswer, RequestPoolRequest } from './ipam-requests.ts';
import { parseNetworkOptions, type NetworkOptions } from './options.ts';
import { formatPoolId, parsePoolId } from './pool-id.ts';
import type { PoolRecord } from './pool-records.ts';
import { parsePoolRequest, requireWithin, type PoolWish } from './pool-request.ts';
import { segmentOf } from './records.ts';
import type { Registry } from './registry.ts';

/** Servers that ping an address before they offer it take 3 s (dnsmasq); a person waits. */
const ASKED_FOR: Ms = 6_000;
/** What comes after RequestPool comes at once; no person, and no script, starts a container as fast. */
const MADE_WITHIN: Ms = 200;
/** No script makes networks on one VLAN at this pace. */
const LOOP_LENGTH = 5;
const LOOPS_WITHIN: Ms = 5_000;

export interface PoolsDeps {
  readonly registry: Registry;
  readonly host: Pick<Host, 'withSegmentLink' | 'readHostSubnets' | 'linkMac'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** DISCOVER without a REQUEST. */
  readonly askSubnet: (
    subject: LeaseSubject,
    link: string,
    limits: { by: Instant; signal: AbortSignal },
  ) => Promise<LeaseTerms>;
}

interface Served {
  readonly subnet: Subnet;
  readonly router: Ipv4 | undefined;
}

export class Pools {
  readonly #deps: PoolsDeps;

  constructor(deps: PoolsDeps) {
    this.#deps = deps;
  }

  /**
   * With `--subnet` the wire is not asked; without, a DHCP server has to say what it serves.
   * @throws PluginError; then nothing is left behind.
   */
  async request(request: RequestPoolRequest, signal: AbortSignal): Promise<RequestPoolAnswer> {
    const { registry, clock, log } = this.#deps;
    const wish = parsePoolRequest(request);
    const served =
      wish.subnet === undefined
        ? await this.#ask(wish, signal)
        : { subnet: wish.subnet, router: undefined };
    const { subnet, router } = served;
    const pool: PoolRecord = {
      id: randomBytes(8).toString('hex'),
      subnet,
      range: wish.range,
      gateway:
        router === undefined
          ? { address: firstHostOf(subnet), from: 'guess' }
          : { address: router, from: 'server' },
      reserved: [],
      given: wish.given,
      options: wish.options,
      networkId: undefined,
      link: undefined,
      requestedAt: clock.wall(),
    };
    await registry.addPool(pool);
    if (signal.aborted) {
      await registry.removePool(pool.id);
      throw new PluginError('CANCELLED', 'dockerd waits no longer');
    }
    log.info({ ...contextOf(pool), asked: wish.subnet === undefined }, 'pool made');
    // Docker's own default where nothing is known of a router; but not against a server that names none.
    const isTold = router !== undefined || wish.subnet !== undefined;
    return {
      poolId: formatPoolId(pool),
      pool: formatSubnet(subnet),
      gateway: isTold ? gatewayText(pool) : undefined,
    };
  }

  /** The pool that a PoolID names, made again from the PoolID alone if the state was lost. @throws PluginError POOL_UNKNOWN. */
  async require(poolId: string): Promise<PoolRecord> {
    const { registry, clock, log } = this.#deps;
    const identity = parsePoolId(poolId);
    const known = identity && registry.findPool(identity.id);
    if (known !== undefined) return known;
    if (identity?.parent === undefined) {
      throw new PluginError(
        'POOL_UNKNOWN',
        `pool ${poolId.slice(0, 80)} is not in this plugin's state; remove the network and create it again`,
      );
    }
    const { id, subnet, parent, vlan } = identity;
    const given: Record<string, string> = { parent };
    if (vlan !== undefined) given['vlan'] = String(vlan);
    const pool: PoolRecord = {
      ...{ id, subnet, given, range: undefined, reserved: [], networkId: undefined },
      gateway: { address: firstHostOf(subnet), from: 'guess' },
      options: parseNetworkOptions(given),
      link: undefined,
      requestedAt: clock.wall(),
    };
    await registry.addPool(pool);
    log.warn(contextOf(pool), 'pool was not in the state; made again from its PoolID, by defaults');
    return pool;
  }

  /** What Docker reserves beside containers' addresses, without DHCP: the router, or what it is told to be one. */
  async gateway(pool: PoolRecord, address: string): Promise<string> {
    if (address === '') return gatewayText(pool);
    const told = requireAddress(pool, address, '--gateway');
    const next: PoolRecord = { ...pool, gateway: { address: told, from: 'user' } };
    await this.#deps.registry.addPool(next);
    return gatewayText(next);
  }

  /** An address that no container may have (`--aux-address`), or one that is replayed. */
  async reserve(pool: PoolRecord, text: string): Promise<string> {
    const address = requireAddress(pool, text, '--aux-address');
    const { registry } = this.#deps;
    const scopeId = pool.networkId ?? pool.id;
    const isLeased =
      registry.addresses().some((a) => a.poolId === pool.id && a.address === address) ||
      registry.holders().some((h) => h.scopeId === scopeId && h.lease?.address === address);
    if (!isLeased && !pool.reserved.includes(address)) {
      await registry.addPool({ ...pool, reserved: [...pool.reserved, address] });
    }
    return `${address}/${pool.subnet.prefixLength}`;
  }

  /** True while `docker network create` may still be under way. */
  isInTheMaking({ networkId, requestedAt }: PoolRecord): boolean {
    const age = Math.abs(this.#deps.clock.wall() - requestedAt);
    return networkId === undefined && age < MADE_WITHIN;
  }

  /** The reverse of `reserve`; anything else is no error. */
  async unreserve(pool: PoolRecord, text: string): Promise<void> {
    const reserved = pool.reserved.filter((address) => address !== text);
    if (reserved.length === pool.reserved.length) return;
    await this.#deps.registry.addPool({ ...pool, reserved });
  }

  /** Forgets the pool. Unknown ones are no error. */
  async remove(id: string): Promise<void> {
    const pool = this.#deps.registry.findPool(id);
    if (pool === undefined) return;
    await this.#deps.registry.removePool(id);
    this.#deps.log.info(contextOf(pool), 'pool released');
  }

  async #ask(wish: PoolWish, signal: AbortSignal): Promise<Served> {
    const { options, range } = wish;
    if (options === undefined) throw new Error('a pool without subnet has a parent');
    const served = await this.#askWire(options, signal);
    if (range !== undefined) requireWithin(range, served.subnet);
    await this.#refuseOverlap(served.subnet);
    this.#refuseLoop(options, served.subnet);
    return served;
  }

  /** Of what else engines compare a pool with, the loop itself tells. */
  #refuseLoop(options: NetworkOptions, subnet: Subnet): void {
    const { registry, clock } = this.#deps;
    const asked = registry
      .pools()
      .filter((pool) => pool.networkId === undefined && isSameSubnet(pool.subnet, subnet))
      .filter((pool) => pool.options && segmentOf(pool.options) === segmentOf(options))
      .filter(({ requestedAt }) => Math.abs(clock.wall() - requestedAt) < LOOPS_WITHIN);
    if (asked.length < LOOP_LENGTH) return;
    const text = formatSubnet(subnet);
    throw new PluginError(
      'POOL_CONFLICT',
      `Docker asks for the subnet ${text} again and again: it overlaps a route of the host; if that is no mistake, say so with --subnet ${text}`,
    );
  }

  /** Where no server answers now, what it said for another pool on the segment. */
  async #askWire(options: NetworkOptions, signal: AbortSignal): Promise<Served> {
    const { host, clock, registry, log, askSubnet } = this.#deps;
    const { parent, vlan } = options;
    const by = clock.now() + Math.min(ASKED_FOR, options.leaseTimeoutMs);
    try {
      const terms = await host.withSegmentLink({ parent, vlan }, (link) => {
        const subject = asker(options, host.linkMac(link));
        return askSubnet(subject, link, { by, signal });
      });
      return { subnet: subnetOf(terms.address, terms.prefixLength), router: terms.gateway };
    } catch (error) {
      if (!(error instanceof PluginError) || error.code !== 'NO_OFFER') throw error;
      const before = registry
        .pools()
        .filter((pool) => pool.options && segmentOf(pool.options) === segmentOf(options))
        .find(({ gateway }) => gateway.from === 'server');
      if (before !== undefined) {
        log.warn(
          { ...contextOf(before), err: error },
          'no server answers; the subnet is the one of before',
        );
        return { subnet: before.subnet, router: before.gateway.address };
      }
      throw new PluginError(
        'NO_OFFER',
        `${error.message}, tagged if it is a VLAN; to make the network without asking a server add --subnet`,
        { cause: error, evidence: error.evidence },
      );
    }
  }

  /**
   * libnetwork up to 26 asks for another pool, without end, while this one overlaps a route or a name server of the
   * host, unless it was asked for by --subnet.
   */
  async #refuseOverlap(subnet: Subnet): Promise<void> {
    const taken = await this.#deps.host.readHostSubnets();
    const other = taken.find(({ destination, prefixLength }) =>
      subnetsOverlap(subnet, subnetOf(destination, prefixLength)),
    );
    if (other === undefined) return;
    const text = formatSubnet(subnet);
    throw new PluginError(
      'POOL_CONFLICT',
      `the subnet ${text} of this VLAN overlaps ${other.what} of the host, which Docker would take for a mistake; if it is none, say so with --subnet ${text}`,
    );
  }
}

/** `10.50.0.1/24`. */
export function gatewayText({ gateway, subnet }: PoolRecord): string {
  return `${gateway.address}/${subnet.prefixLength}`;
}

export function contextOf({ id, subnet, options }: PoolRecord): Record<string, string> {
  const segment = options === undefined ? 'not known yet' : segmentOf(options);
  return { pool: id, subnet: formatSubnet(subnet), segment };
}

/** @throws PluginError INVALID_OPTION. */
export function requireAddress(
  { subnet }: Pick<PoolRecord, 'subnet'>,
  text: string,
  flag: string,
): Ipv4 {
  const address = parseIpv4(text);
  if (address !== undefined && subnetHas(subnet, address)) return address;
  throw new PluginError(
    'INVALID_OPTION',
    `${flag} ${text} is not an address in the subnet ${formatSubnet(subnet)} of this network`,
  );
}

/** The host itself asks, under the link's own MAC: no switch learns a new one. */
function asker(options: NetworkOptions, mac: ReturnType<Host['linkMac']>): LeaseSubject {
  const segment = segmentOf(options);
  if (mac === undefined) {
    throw new PluginError('PARENT_LINK_UNUSABLE', `the link of ${segment} is not Ethernet`);
  }
  return {
    key: 'subnet',
    identity: {
      mac,
      clientId: Uint8Array.of(1, ...macToBytes(mac)),
      hostName: undefined,
      requestedAddress: undefined,
    },
    mtu: 1500,
    segment,
    acd: 'off',
    allowedServers: options.dhcpServers,
    rapidCommit: false,
  };
}
