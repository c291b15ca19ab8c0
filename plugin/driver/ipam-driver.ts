/**
 * The IPAM driver for Docker's API: pools and addresses in one object. After a restart, calls wait
 * for the recovery, so that none works with half of the records.
 */
import type { MacTwins } from '../endpoints/mac-twins.ts';
import type { Addresses } from '../leases/addresses.ts';
import { refuseForeignLease6, type Addresses6 } from '../leases/ipv6/addresses6.ts';
import type { HeldLeases } from '../leases/held-leases.ts';
import type {
  RequestAddressRequest,
  RequestPoolAnswer,
  RequestPoolRequest,
} from '../options/ipam-requests.ts';
import { parsePool6Id, parsePoolId, type Pool6Identity } from '../pools/pool-id.ts';
import type { Pools } from '../pools/pools.ts';
import { requireAddress6, type Pools6 } from '../pools/pools6.ts';
import type { Registry } from '../state/registry.ts';
import { runEach } from '../undo.ts';

export interface IpamDriverDeps {
  readonly registry: Registry;
  readonly pools: Pools;
  readonly pools6: Pools6;
  readonly addresses: Addresses;
  readonly addresses6: Addresses6;
  readonly held: Pick<HeldLeases, 'endScope'>;
  /** Endpoints that have the MAC of the asking container. */
  readonly twins: Pick<MacTwins, 'clear'>;
  /** True if Docker gives every container a MAC and sends it with the request for an address. */
  readonly requiresMacAddress: boolean;
  readonly recovered: Promise<void>;
}

export class IpamDriver {
  readonly requiresMacAddress: boolean;
  readonly #deps: IpamDriverDeps;

  constructor(deps: IpamDriverDeps) {
    this.#deps = deps;
    this.requiresMacAddress = deps.requiresMacAddress;
  }

  async requestPool(request: RequestPoolRequest, signal: AbortSignal): Promise<RequestPoolAnswer> {
    const { recovered, pools, pools6 } = this.#deps;
    await recovered;
    return request.v6 ? pools6.request(request) : pools.request(request, signal);
  }

  /** An unknown pool is no error. What is still leased from the pool is given back. */
  async releasePool(poolId: string): Promise<void> {
    const { recovered, registry, pools, addresses, held } = this.#deps;
    await recovered;
    const id = parsePoolId(poolId)?.id;
    if (id === undefined) return;
    const scope = registry.findScope(id);
    await runEach(
      () => addresses.endPool(id, scope),
      () => held.endScope(id),
      () => pools.remove(id),
      () => addresses.endPool(id, scope), // what was leased in between
    );
  }

  /** @returns the address with the subnet's prefix length. @throws PluginError. */
  async requestAddress(request: RequestAddressRequest, signal: AbortSignal): Promise<string> {
    const { recovered, pools, addresses, twins } = this.#deps;
    await recovered;
    const limits = { signal, clearTwin: twins.clear.bind(twins) };
    const { purpose, address } = request;
    const pool6 = parsePool6Id(request.poolId);
    if (pool6 !== undefined) return this.#requestAddress6(pool6, request, signal);
    const pool = await pools.require(request.poolId);
    switch (purpose?.kind) {
      case 'gateway':
        return pools.gateway(pool, address);
      case 'endpoint':
        refuseForeignLease6(pool);
        return addresses.lease(pool, { ...purpose, address }, limits);
      case undefined:
        if (this.requiresMacAddress || pools.isReserving(pool, address)) {
          return pools.reserve(pool, address);
        }
        // If no MAC is required, `--ip` looks like `--aux-address`. Only `network create` sends the
        // latter.
        return addresses.lease(pool, { macAddress: undefined, name: undefined, address }, limits);
    }
  }

  #requestAddress6(
    pool: Pool6Identity,
    { purpose, address }: RequestAddressRequest,
    signal: AbortSignal,
  ): Promise<string> {
    const { pools6, addresses6 } = this.#deps;
    if (purpose?.kind === 'gateway') return pools6.gateway(pool, address, signal);
    const { macAddress } = purpose ?? { macAddress: undefined };
    // If no MAC is required, `--ip6` looks like `--aux-address`.
    if (purpose !== undefined || (!this.requiresMacAddress && addresses6.isAwaited(pool))) {
      return addresses6.lease(pool, { address, macAddress }, signal);
    }
    const { prefixLength } = pool.subnet;
    // No address is drawn from the subnet. So there is nothing to reserve it from.
    const reserved = requireAddress6(pool, address, '--aux-address');
    return Promise.resolve(`${reserved}/${prefixLength}`);
  }

  /** An unknown address is no error. Docker also releases addresses that it never requested. */
  async releaseAddress(poolId: string, address: string): Promise<void> {
    const { recovered, registry, pools, addresses } = this.#deps;
    await recovered;
    const id = parsePoolId(poolId)?.id;
    if (id === undefined) return;
    await addresses.release(id, address);
    const pool = registry.findPool(id);
    if (pool !== undefined) await pools.unreserve(pool, address);
  }
}
