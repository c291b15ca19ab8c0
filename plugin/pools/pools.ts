/**
 * IPAM pools: the subnets that Docker takes for the subnets of its networks. The DHCP server owns
 * the addresses in them. A pool says where to ask for them. Each RequestPool makes one pool. Each
 * ReleasePool ends one.
 *
 * No request says for which network a pool is. CreateNetwork of our own driver follows soon after
 * and names the subnet. By that subnet the network finds its pool. Options typed for one of them
 * count for both.
 */
import { randomBytes } from 'node:crypto';
import { PluginError } from '../vocabulary/errors.ts';
import type { Instant, Ms } from '../vocabulary/time.ts';
import { typedVlan, type Segment } from '../vocabulary/vlan-tags.ts';
import { parseIpv4, type Ipv4 } from '../wire/address.ts';
import { firstHostOf, formatSubnet, isSameSubnet, subnetHas } from '../wire/subnet.ts';
import type { RequestPoolAnswer, RequestPoolRequest } from '../options/ipam-requests.ts';
import { parseNetworkOptions, type NetworkOptions } from '../options/options.ts';
import { formatPoolId, parsePoolId, type PoolIdentity } from './pool-id.ts';
import { contextOf, type PoolRecord } from '../state/pool-records.ts';
import { parsePoolRequest } from './pool-request.ts';
import { segmentOf, type NetworkRecord } from '../state/records.ts';
import {
  AskingLoop,
  servedSubnet,
  type ServedSubnetContext,
  type ServedSubnetDeps,
} from './served-subnet.ts';
import { withRealParent } from '../state/link-chain.ts';

/**
 * The requests that follow RequestPool come within some milliseconds. No script starts a container
 * as fast. If this time is too short, `network create` fails with a message. If it is too long,
 * `--ip` is taken for `--aux-address`, and nothing is leased.
 */
const MADE_WITHIN: Ms = 30;

export class Pools {
  readonly #deps: ServedSubnetContext;
  /** When the last request of a pool's creation was answered. Bounded by the number of pools. */
  readonly #answeredAt = new Map<string, Instant>();

  constructor(deps: ServedSubnetDeps) {
    this.#deps = { ...deps, loop: new AskingLoop(deps.clock) };
  }

  /**
   * With `--subnet` no server is asked. Without it, a DHCP server must say which subnet it serves.
   * @throws PluginError; then nothing is left behind.
   */
  async request(request: RequestPoolRequest, signal: AbortSignal): Promise<RequestPoolAnswer> {
    const { registry, clock, log } = this.#deps;
    const options = withRealParent(request.options, this.#deps.host);
    const wish = parsePoolRequest({ ...request, options });
    const served =
      wish.subnet === undefined
        ? await servedSubnet(this.#deps, wish, signal)
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
    // If no router is known, this is Docker's own default. It is not used if a server answered
    // without a router.
    const isTold = router !== undefined || wish.subnet !== undefined;
    return this.#answered(pool, {
      poolId: formatPoolId(pool),
      pool: formatSubnet(subnet),
      gateway: isTold ? gatewayText(pool) : undefined,
    });
  }

  /**
   * The pool that a PoolID names. If the state was lost, the pool is made again from the PoolID.
   * @throws PluginError POOL_UNKNOWN.
   */
  async require(poolId: string): Promise<PoolRecord> {
    const { registry, clock, log } = this.#deps;
    const identity = parsePoolId(poolId);
    const known = identity && registry.findPool(identity.id);
    if (known !== undefined) return known;
    const network = identity && this.#networkOf(identity);
    if (identity === undefined || (identity.parent === undefined && network === undefined)) {
      throw new PluginError(
        'POOL_UNKNOWN',
        `pool ${poolId.slice(0, 80)} is not in this plugin's state; remove the network and create it again`,
      );
    }
    const { id, subnet, parent, vlan } = identity;
    const given: Record<string, string> = parent === undefined ? {} : { parent };
    if (vlan !== undefined) Object.assign(given, typedVlan(vlan));
    const pool: PoolRecord = {
      ...{ id, subnet, given, range: network?.bounds?.within[1] },
      reserved: network?.bounds?.except ?? [],
      networkId: network?.id,
      gateway: { address: firstHostOf(subnet), from: 'unknown' },
      options: network?.options ?? parseNetworkOptions(given),
      link: undefined,
      requestedAt: clock.wall(),
    };
    await registry.addPool(pool);
    log.warn(contextOf(pool), 'pool was not in the state; made again from its PoolID, by defaults');
    return pool;
  }

  /**
   * A network of ours whose pool's file is lost. If the PoolID does not say the segment, the
   * network must be the only one.
   */
  #networkOf({ parent, vlan, subnet }: PoolIdentity): NetworkRecord | undefined {
    const { registry } = this.#deps;
    const orphans = registry
      .networks()
      .filter(({ bounds }) => bounds?.within[0] && isSameSubnet(bounds.within[0], subnet))
      .filter(({ id }) => !registry.pools().some(({ networkId }) => networkId === id))
      .filter(({ options }) => parent === undefined || isOn(options, { parent, vlan }));
    return parent === undefined && orphans.length > 1 ? undefined : orphans[0];
  }

  /** Reserves the router, or the address given as router, without DHCP. */
  async gateway(pool: PoolRecord, address: string): Promise<string> {
    if (address === '') return this.#answered(pool, gatewayText(pool));
    const told = requireAddress(pool, address, '--gateway');
    const next: PoolRecord = { ...pool, gateway: { address: told, from: 'user' } };
    await this.#deps.registry.addPool(next);
    return this.#answered(next, gatewayText(next));
  }

  /**
   * Reserves an address that no container may have (`--aux-address`), or an address that is
   * replayed.
   */
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
    return this.#answered(pool, `${address}/${pool.subnet.prefixLength}`);
  }

  /**
   * True while `docker network create` may still be running, or if it repeats an earlier request.
   */
  isReserving({ id, networkId, subnet, options }: PoolRecord, text: string): boolean {
    const { registry, clock } = this.#deps;
    const last = this.#answeredAt.get(id) ?? -Infinity;
    if (networkId === undefined && clock.now() - last < MADE_WITHIN) return true;
    return registry
      .pools()
      .filter((pool) => isSameSubnet(pool.subnet, subnet))
      .filter((pool) => options && pool.options && isOn(pool.options, options))
      .some(({ reserved }) => reserved.some((address) => address === text));
  }

  #answered<Answer>({ id }: PoolRecord, answer: Answer): Answer {
    this.#answeredAt.set(id, this.#deps.clock.now());
    return answer;
  }

  /** Undoes `reserve`. Any other address is no error. */
  async unreserve(pool: PoolRecord, text: string): Promise<void> {
    const reserved = pool.reserved.filter((address) => address !== text);
    if (reserved.length === pool.reserved.length) return;
    await this.#deps.registry.addPool({ ...pool, reserved });
  }

  /** Forgets the pool. An unknown pool is no error. */
  async remove(id: string): Promise<void> {
    const pool = this.#deps.registry.findPool(id);
    if (pool === undefined) return;
    this.#answeredAt.delete(id);
    await this.#deps.registry.removePool(id);
    this.#deps.log.info(contextOf(pool), 'pool released');
  }
}

/** `10.50.0.1/24`. */
function gatewayText({ gateway, subnet }: PoolRecord): string {
  return `${gateway.address}/${subnet.prefixLength}`;
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

function isOn(options: NetworkOptions, segment: Segment): boolean {
  return segmentOf(options) === segmentOf(segment);
}
