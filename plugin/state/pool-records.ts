/**
 * What the plugin stores about IPAM pools: plain data, one file for each pool, as in records.ts.
 */
import type { AddressBounds } from '../vocabulary/lease.ts';
import type { WallTime } from '../vocabulary/time.ts';
import type { Ipv4 } from '../wire/address.ts';
import { formatSubnet, type Subnet } from '../wire/subnet.ts';
import type { LeaseScope } from './lease-scope.ts';
import type { NetworkOptions } from '../options/options.ts';
import type { AddressRecord } from './lease-records.ts';
import { segmentOf } from './records.ts';

/** The answer to one RequestPool. Each has its own ReleasePool. */
export interface PoolRecord {
  /** The last part of the PoolID. */
  readonly id: string;
  readonly subnet: Subnet;
  /** `--ip-range`. */
  readonly range: Subnet | undefined;
  readonly gateway: {
    /** The gateway that Docker was told, or has told us. */
    readonly address: Ipv4;
    /**
     * `user`: --gateway. `server`: its offer. `guess`: Docker wants a gateway, but no server was
     * asked yet. `unknown`: the state was lost, and Docker's gateway with it.
     */
    readonly from: 'user' | 'server' | 'guess' | 'unknown';
  };
  /** `--aux-address`. These are never leased to a container. */
  readonly reserved: readonly Ipv4[];
  /** The `--ipam-opt` map, as it was typed. */
  readonly given: Readonly<Record<string, string>>;
  /** Undefined if only --subnet was given. A network of ours then says parent and VLAN. */
  readonly options: NetworkOptions | undefined;
  /** Our network that uses the pool. Undefined if it is not known yet, or another driver's. */
  readonly networkId: string | undefined;
  /** The link that carried the VLAN when it was last looked for. */
  readonly link: string | undefined;
  readonly requestedAt: WallTime;
}

/** The scope under another network driver. Undefined until the link of the pool's VLAN is known. */
export function scopeOfPool(pool: PoolRecord): LeaseScope | undefined {
  const { id, options } = pool;
  if (options === undefined) return undefined;
  const link = pool.link ?? defaultLink(options);
  return {
    ...{ id, segment: segmentOf(options), link, options },
    // One socket for all containers of that link: nothing of ours is at their own links.
    place: { link, promiscuous: true, shared: true },
    ...{ bounds: boundsOf(pool), isForeign: true },
  };
}

/** The addresses that may be leased. */
export function boundsOf({ subnet, range, reserved }: PoolRecord): AddressBounds {
  return { within: range === undefined ? [subnet] : [subnet, range], except: reserved };
}

/** True if the network is another driver's. */
export function isForeign({ scopeId, poolId }: AddressRecord): boolean {
  return scopeId === poolId;
}

function defaultLink({ parent, vlan }: NetworkOptions): string {
  return vlan === undefined ? parent : `${parent}.${vlan}`;
}

/** Fields for the log. */
export function contextOf({ id, subnet, options }: PoolRecord): Record<string, string> {
  const segment = options === undefined ? 'not known yet' : segmentOf(options);
  return { pool: id, subnet: formatSubnet(subnet), segment };
}

/** Fields for the log. */
export function addressContext({
  id,
  poolId,
  address,
  mac,
}: AddressRecord): Record<string, string> {
  return { pool: poolId, endpoint: id.slice(0, 12), address, mac };
}
