/**
 * Finds the pool from which a new network of ours takes its addresses. CreateNetwork names only the
 * subnet. So the pool is looked for among those that were requested shortly before and that have no
 * network yet.
 */
import type { Clock } from '../clock.ts';
import { PluginError } from '../vocabulary/errors.ts';
import type { Ms } from '../vocabulary/time.ts';
import { OUTER_TAGS } from '../vocabulary/vlan-tags.ts';
import { formatSubnet6, parseSubnet6, type Subnet6 } from '../wire/address6.ts';
import { formatSubnet, isSameSubnet, parseSubnet } from '../wire/subnet.ts';
import { ADDRESS_SPACE } from '../options/ipam-requests.ts';
import { missingParent } from '../options/network-command.ts';
import type { CreateNetworkRequest } from '../options/network-requests.ts';
import { parseNetworkOptions, type NetworkOptions } from '../options/options.ts';
import type { PoolRecord } from '../state/pool-records.ts';
import { refuseLate } from './pool-request.ts';
import { segmentOf } from '../state/records.ts';
import type { Registry } from '../state/registry.ts';

/** RequestPool and CreateNetwork are two steps of one command. */
const FOLLOWS_WITHIN: Ms = 60_000;

export interface BoundPool {
  readonly pool: PoolRecord;
  /** The options of both maps together. */
  readonly options: NetworkOptions;
  /** The IPv6 subnet. Undefined without `--ipv6`. */
  readonly subnet6: Subnet6 | undefined;
}

/** True if our IPAM driver leases the network's addresses. */
export function usesOurPool({ ipv4Data }: Pick<CreateNetworkRequest, 'ipv4Data'>): boolean {
  return ipv4Data.some(({ addressSpace }) => addressSpace === ADDRESS_SPACE);
}

/** @throws PluginError INVALID_OPTION, POOL_UNKNOWN, POOL_CONFLICT, UNSUPPORTED. */
export function findPoolFor(
  request: CreateNetworkRequest,
  { registry, clock }: { registry: Registry; clock: Clock },
): BoundPool {
  const [data, ...more] = request.ipv4Data;
  if (more.length > 0) {
    throw new PluginError('UNSUPPORTED', 'a VLAN has one subnet here; give one --subnet');
  }
  const subnet = parseSubnet(data?.pool ?? '');
  // Pools are stored in the order of their requests. The newest one is meant, also within one
  // millisecond.
  const pools = [...registry.pools()]
    .reverse()
    .filter((pool) => subnet !== undefined && isSameSubnet(pool.subnet, subnet))
    .filter((pool) => pool.networkId === request.networkId || isAwaited(pool, clock))
    .sort((one, other) => other.requestedAt - one.requestedAt);
  const possible = pools.filter((pool) => contradictions(request, pool).length === 0);
  // A pool whose parent neither request names is another driver's.
  // It is used only if there is no other.
  const placed = possible.filter(({ given }) => given['parent'] ?? request.options['parent']);
  const agreeing = placed.length > 0 ? placed : possible;
  const newest = agreeing[0];
  if (newest === undefined) {
    const [other] = pools;
    if (other !== undefined) {
      throw new PluginError('INVALID_OPTION', contradictions(request, other).join('; '));
    }
    throw new PluginError(
      'POOL_UNKNOWN',
      `the subnet ${data?.pool ?? ''} is of no pool that was asked for just now; create the network again`,
    );
  }
  const { given } = newest;
  // Mistakes in the pool's own options were reported when it was requested. A missing option is
  // reported for the map in which the others were typed.
  const missing = missingParent(request, Object.keys(given).length === 0 ? '-o ' : '--ipam-opt ');
  const subnet6 = subnet6For(request);
  // Docker's --ipv6 means ipv6=auto, if nothing else was typed.
  const ipv6 = subnet6 === undefined ? {} : { ipv6: 'auto' };
  const typed = { ...ipv6, ...given, ...request.options };
  const bound = {
    pool: newest,
    options: parseNetworkOptions(typed, '-o ', missing),
    subnet6,
  };
  refuseLate(bound.options);
  if (subnet6 !== undefined && bound.options.ipv6 === undefined) {
    throw new PluginError(
      'INVALID_OPTION',
      `ipv6=${String(typed.ipv6)} contradicts --ipv6 and the subnet ${formatSubnet6(subnet6)}; leave one of the two out`,
    );
  }
  const segments = new Set(
    agreeing.map(({ given }) => segmentOf(parseNetworkOptions({ ...given, ...request.options }))),
  );
  if (segments.size > 1) {
    throw new PluginError(
      'POOL_CONFLICT',
      `the subnet ${formatSubnet(newest.subnet)} was asked for on ${[...segments].join(' and on ')} just now; give the same parent= and vlan= both by -o and by --ipam-opt`,
    );
  }
  return bound;
}

/** @throws PluginError UNSUPPORTED. */
function subnet6For({ ipv6Data }: CreateNetworkRequest): Subnet6 | undefined {
  const [data, ...more] = ipv6Data;
  if (more.length > 0) {
    throw new PluginError('UNSUPPORTED', 'a VLAN has one IPv6 subnet here; give one of that kind');
  }
  return data && parseSubnet6(data.pool);
}

function isAwaited({ networkId, requestedAt }: PoolRecord, clock: Clock): boolean {
  return networkId === undefined && Math.abs(clock.wall() - requestedAt) < FOLLOWS_WITHIN;
}

function contradictions({ options }: CreateNetworkRequest, { given }: PoolRecord): string[] {
  // A named parent without a VLAN means untagged traffic, and the untagged traffic was asked.
  const isUntagged = given['parent'] !== undefined && given['vlan'] === undefined;
  const { vlan } = options;
  const untagged =
    isUntagged && typeof vlan === 'string'
      ? [`-o vlan=${vlan} contradicts --ipam-opt parent=${given['parent']} without vlan=`]
      : [];
  // What was asked had the default kind of outer tag.
  const { outer } = options;
  const isOtherTag =
    given['vlan'] !== undefined && given['outer'] === undefined && outer !== OUTER_TAGS[0];
  const tags =
    typeof outer === 'string' && isOtherTag
      ? [`-o outer=${outer} contradicts --ipam-opt vlan=${given['vlan']} without outer=`]
      : [];
  const others = Object.entries(given)
    .filter(([key, value]) => options[key] !== undefined && options[key] !== value)
    .map(
      ([key, value]) => `-o ${key}=${String(options[key])} contradicts --ipam-opt ${key}=${value}`,
    );
  return [...untagged, ...tags, ...others];
}
