/**
 * What the plugin remembers of IPAM pools: plain data, one file each in the store, as in records.ts.
 */
import type { AddressBounds } from '../vocabulary/lease.ts';
import type { WallTime } from '../vocabulary/time.ts';
import type { Ipv4 } from '../wire/address.ts';
import { formatSubnet, type Subnet } from '../wire/subnet.ts';
import type { LeaseScope } from './lease-scope.ts';
import type { NetworkOptions } from '../options/options.ts';
import type { AddressRecord } from './lease-records.ts';
import { segmentOf } from './records.ts';

/** What a RequestPool was answered with; each has its own ReleasePool. */
export interface PoolRecord {
  /** The last part of the PoolID. */
  readonly id: string;
  readonly subnet: Subnet;
  /** `--ip-range`. */
  readonly range: Subnet | undefined;
  readonly gateway: {
    /** What Docker was told, or told us. */
    readonly address: Ipv4;
    /**
     * `user`: --gateway; `server`: its offer; `guess`: Docker wants one, and nobody was asked yet; `unknown`: the state
     * was lost, and what Docker was told with it.
     */
    readonly from: 'user' | 'server' | 'guess' | 'unknown';
  };
  /** `--aux-address`: never leased to a container. */
  readonly reserved: readonly Ipv4[];
  /** The `--ipam-opt` map, as it was typed. */
  readonly given: Readonly<Record<string, string>>;
  /** Undefined: --subnet alone; a network of ours brings parent and VLAN. */
  readonly options: NetworkOptions | undefined;
  /** Our network that takes its addresses from here; undefined: not known yet, or another driver's. */
  readonly networkId: string | undefined;
  /** The link that carries the VLAN, as it was found last. */
  readonly link: string | undefined;
  readonly requestedAt: WallTime;
}

/** Under another network driver; undefined as long as it is not known where the pool's VLAN is. */
export function scopeOfPool(pool: PoolRecord): LeaseScope | undefined {
  const { id, options, link } = pool;
  if (options === undefined) return undefined;
  return {
    ...{ id, segment: segmentOf(options), link: link ?? defaultLink(options), options },
    ...{ bounds: boundsOf(pool), isForeign: true },
  };
}

/** Which addresses of the server's will do. */
export function boundsOf({ subnet, range, reserved }: PoolRecord): AddressBounds {
  return { within: range === undefined ? [subnet] : [subnet, range], except: reserved };
}

/** The network is another driver's. */
export function isForeign({ scopeId, poolId }: AddressRecord): boolean {
  return scopeId === poolId;
}

function defaultLink({ parent, vlan }: NetworkOptions): string {
  return vlan === undefined ? parent : `${parent}.${vlan}`;
}

/** For the log. */
export function contextOf({ id, subnet, options }: PoolRecord): Record<string, string> {
  const segment = options === undefined ? 'not known yet' : segmentOf(options);
  return { pool: id, subnet: formatSubnet(subnet), segment };
}

/** For the log. */
export function addressContext({
  id,
  poolId,
  address,
  mac,
}: AddressRecord): Record<string, string> {
  return { pool: poolId, endpoint: id.slice(0, 12), address, mac };
}
