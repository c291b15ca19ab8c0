/**
 * The IPAM driver for Docker's API: pools and addresses in one object. After a restart, calls wait
 * for the recovery, so that none works with half of the records.
 */
import type { MacTwins } from '../endpoints/mac-twins.ts';
import type { Addresses } from '../leases/addresses.ts';
import type { HeldLeases } from '../leases/held-leases.ts';
import type {
  RequestAddressRequest,
  RequestPoolAnswer,
  RequestPoolRequest,
} from '../options/ipam-requests.ts';
import { parsePoolId } from '../pools/pool-id.ts';
import type { Pools } from '../pools/pools.ts';
import type { Registry } from '../state/registry.ts';
import { runEach } from '../undo.ts';

export interface IpamDriverDeps {
  readonly registry: Registry;
  readonly pools: Pools;
  readonly addresses: Addresses;
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
    await this.#deps.recovered;
    return this.#deps.pools.request(request, signal);
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
    const pool = await pools.require(request.poolId);
    switch (purpose?.kind) {
      case 'gateway':
        return pools.gateway(pool, address);
      case 'endpoint':
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
