/**
 * IPv6 addresses from a pool. Docker asks for one right after the IPv4 address of the same start.
 * It is on the record of that lease. So both live and end together, and each change is one write.
 *
 * A start never fails because of the network here: without a lease in time, the address is made of
 * the subnet and the MAC.
 */
import { createHash, randomBytes } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import type { GuardedIpv6 } from '../../leasing/ipv6/guarded-ipv6.ts';
import type { Logger } from '../../logger.ts';
import { requireMac } from '../../options/endpoint-identity.ts';
import type { Pool6Identity } from '../../pools/pool-id.ts';
import { requireAddress6 } from '../../pools/pools6.ts';
import type { AddressRecord } from '../../state/lease-records.ts';
import type { LeaseScope } from '../../state/lease-scope.ts';
import {
  addressContext as contextOf,
  isForeign,
  type PoolRecord,
} from '../../state/pool-records.ts';
import { segmentOf } from '../../state/records.ts';
import type { Registry } from '../../state/registry.ts';
import { NO_IPV6, storeIpv6 } from '../../state/stored-ipv6.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import type { Address6 } from '../../vocabulary/ipv6/addressing.ts';
import { parseMac } from '../../wire/address.ts';
import {
  formatSubnet6,
  interfaceIdOf,
  ipv6FromBytes,
  joinAddress,
  type Ipv6,
  type Subnet6,
} from '../../wire/address6.ts';
import type { Addresses } from '../addresses.ts';

export interface Addresses6Deps {
  readonly registry: Registry;
  readonly addresses: Pick<Addresses, 'lock' | 'end'>;
  readonly leases: { ipv6(key: string): GuardedIpv6 | undefined };
  readonly clock: Clock;
  readonly log: Logger;
}

export interface Address6Wish {
  /** The address of `--ip6`. Empty if there was none. */
  readonly address: string;
  readonly macAddress: string | undefined;
}

interface Start {
  readonly record: AddressRecord;
  readonly scope: LeaseScope;
}

export class Addresses6 {
  readonly #deps: Addresses6Deps;
  /**
   * Networks whose routers offer other prefixes, which was logged. One that is removed stays here
   * until the plugin ends: an id of 64 characters, once for each network.
   */
  readonly #told = new Set<string>();

  constructor(deps: Addresses6Deps) {
    this.#deps = deps;
  }

  /**
   * @returns the address with its prefix length.
   * @throws PluginError. The IPv4 address of the start then ends: Docker never releases it.
   */
  async lease(pool: Pool6Identity, wish: Address6Wish, signal: AbortSignal): Promise<string> {
    const start = this.#startOf(pool, wish.macAddress);
    if (start === undefined) return this.#alone(pool, wish);
    const { addresses, log } = this.#deps;
    const { id } = start.record;
    try {
      const address = await this.#choose(pool, start, wish);
      await addresses.lock.run(id, () => this.#store(id, address, signal));
      log.info({ ...contextOf(start.record), ipv6: address.address }, 'IPv6 address given');
      // Docker's macvlan and ipvlan refuse another prefix length than that of the subnet.
      const { prefixLength } = isForeign(start.record) ? pool.subnet : address;
      return `${address.address}/${prefixLength}`;
    } catch (error) {
      await addresses.end(id, { isDeleted: true });
      throw error;
    }
  }

  /** True if a container that is being started still lacks its IPv6 address. */
  isAwaited(pool: Pool6Identity): boolean {
    return this.#startOf(pool, undefined) !== undefined;
  }

  /** The start that asks. Calls of one network take turns, so without a MAC it is the newest. */
  #startOf(pool: Pool6Identity, macAddress: string | undefined): Start | undefined {
    const { registry } = this.#deps;
    const mac = macAddress === undefined ? undefined : parseMac(macAddress);
    const starts = registry.addresses().flatMap((record): Start[] => {
      const scope = registry.findScope(record.scopeId);
      const isIt = macAddress === undefined ? !record.ipv6?.answered : record.mac === mac;
      return scope !== undefined && isIt && isOn(scope, pool) ? [{ record, scope }] : [];
    });
    return starts.at(-1);
  }

  /** Another driver's network without IPv4. Nothing is leased, so nothing is stored. */
  #alone(pool: Pool6Identity, { address, macAddress }: Address6Wish): string {
    const isOurs = this.#deps.registry
      .networks()
      .some(({ subnet6 }) => subnet6 !== undefined && isSame(subnet6, pool.subnet));
    if (isOurs || pool.parent === undefined) {
      throw new PluginError(
        'POOL_UNKNOWN',
        `no IPv4 address was leased for the container that asks for one in ${formatSubnet6(pool.subnet)}; start it again`,
      );
    }
    const { prefixLength, network } = pool.subnet;
    const given =
      address !== ''
        ? requireAddress6(pool, address, '--ip6')
        : joinAddress(
            network,
            prefixLength,
            macAddress === undefined ? idOf(randomBytes(8)) : interfaceIdOf(requireMac(macAddress)),
          );
    return `${given}/${prefixLength}`;
  }

  async #choose(pool: Pool6Identity, { record, scope }: Start, wish: Address6Wish) {
    const { leases, clock } = this.#deps;
    const { mode, patience } = { mode: scope.options.ipv6, patience: scope.options.ipv6PatienceMs };
    const client = leases.ipv6(record.id);
    const chosen = wish.address === '' ? undefined : requireAddress6(pool, wish.address, '--ip6');
    if (chosen !== undefined) this.#refuseTaken(chosen, record, scope);
    if (client !== undefined && chosen === undefined && mode !== 'slaac') {
      await client.settledBy(clock.now() + patience);
    }
    if (client !== undefined) this.#compare(pool, scope, client);
    const leased = client?.terms.address;
    if (chosen === undefined && leased?.source === 'dhcp') return leased;
    const { prefixLength, network } = pool.subnet;
    const address: Address6 = {
      address: chosen ?? joinAddress(network, prefixLength, hostPartOf(record)),
      prefixLength,
      source: chosen === undefined ? 'slaac' : 'static',
    };
    client?.give(address);
    return address;
  }

  async #store(id: string, address: Address6, signal: AbortSignal): Promise<void> {
    const { registry, leases, clock } = this.#deps;
    const record = registry.findAddress(id);
    if (record === undefined || signal.aborted) {
      throw new PluginError('CANCELLED', 'dockerd waits no longer, or the network is gone');
    }
    const terms = leases.ipv6(id)?.terms;
    const has = terms === undefined ? { ...NO_IPV6, address } : storeIpv6(terms, clock);
    const ipv6 = { ...has, answered: address, configured: undefined, isGiven: true };
    await registry.addAddress({ ...record, ipv6 });
  }

  /** @throws PluginError ADDRESS_IN_USE. */
  #refuseTaken(address: Ipv6, { id }: AddressRecord, { segment }: LeaseScope): void {
    const { registry } = this.#deps;
    const owner = registry
      .holders()
      .filter(
        ({ ipv6 }) => ipv6?.address?.address === address || ipv6?.answered?.address === address,
      )
      .filter((holder) => holder.id !== id)
      .find(({ scopeId }) => registry.findScope(scopeId)?.segment === segment);
    if (owner === undefined) return;
    throw new PluginError(
      'ADDRESS_IN_USE',
      `--ip6 ${address} belongs to another container of this host, MAC ${owner.mac}; stop that one, or ask for another`,
    );
  }

  /** Warns once if the routers of the segment offer other prefixes than the subnet. */
  #compare({ subnet }: Pool6Identity, { id, segment }: LeaseScope, client: GuardedIpv6): void {
    const offered = client.prefixes;
    if (offered.length === 0) return;
    if (offered.some((prefix) => isSame(prefix, subnet))) return void this.#told.delete(id);
    if (this.#told.has(id)) return;
    this.#told.add(id);
    const prefixes = offered.map(formatSubnet6).join(', ');
    this.#deps.log.warn(
      { segment, subnet: formatSubnet6(subnet), prefixes },
      'the routers offer other prefixes than the IPv6 subnet of this network; nothing comes back to its addresses: make the network again with --subnet and one of theirs',
    );
  }
}

/**
 * Docker configures the containers of its own drivers, so their lease could not be kept.
 * @throws PluginError INVALID_OPTION.
 */
export function refuseForeignLease6({ networkId, options }: PoolRecord): void {
  if (networkId !== undefined || options?.ipv6 !== 'dhcp') return;
  throw new PluginError(
    'INVALID_OPTION',
    "ipv6=dhcp needs a network of vlandhcp: Docker's own drivers give a container its IPv6 address for good, so no lease could end or change; create the network again without it, or with -d vlandhcp",
  );
}

function isOn(scope: LeaseScope, { parent, vlan, subnet }: Pool6Identity): boolean {
  if (!scope.isForeign) return scope.subnet6 !== undefined && isSame(scope.subnet6, subnet);
  return parent !== undefined && scope.segment === segmentOf({ parent, vlan });
}

function isSame(one: Subnet6, other: Subnet6): boolean {
  return formatSubnet6(one) === formatSubnet6(other);
}

/** Where containers share a MAC, it is made of what tells them apart. */
function hostPartOf({ mac, clientId, isMacShared }: AddressRecord): Ipv6 {
  if (isMacShared !== true) return interfaceIdOf(mac);
  return idOf(createHash('sha256').update(clientId).digest().subarray(0, 8));
}

/** An interface identifier that is nobody's MAC, as an address below ::/64 (RFC 4291 §2.5.1). */
function idOf(octets: Uint8Array): Ipv6 {
  return ipv6FromBytes(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, ...octets));
}
