/**
 * What a container does about IPv6 on this segment, given what its routers tell (pure). The flags M
 * and O are those of RFC 4861 §4.2. A host obeys any router that sets them.
 */
import { prefixesOf, speakingRouters, type RouterTable } from '../../ndp/routers.ts';
import { chooseSlaacAddress } from '../../ndp/slaac.ts';
import type { Address6, Ipv6Mode } from '../../vocabulary/ipv6/addressing.ts';
import type { Instant } from '../../vocabulary/time.ts';
import type { LeasedAddress } from '../../vocabulary/ipv6/lease6.ts';
import { subnet6Has, type Ipv6, type Subnet6 } from '../../wire/address6.ts';

export interface Ipv6Plan {
  /** The address of a router's prefix. */
  readonly slaac: Ipv6 | undefined;
  /** What a DHCPv6 server is asked for. */
  readonly dhcp: 'lease' | 'information' | undefined;
}

/**
 * @param wished an address of a DHCPv6 server that a person chose. Then one is asked, whether or
 * not a router says that there is one.
 */
export function planFor(
  mode: Ipv6Mode,
  table: RouterTable,
  interfaceId: Ipv6,
  now: Instant,
  wished?: Ipv6,
): Ipv6Plan {
  const speaking = speakingRouters(table, now);
  const isManaged = speaking.some(({ advertisement }) => advertisement.isManaged);
  const isInformed = speaking.some(({ advertisement }) => advertisement.hasOtherConfig);
  const slaac = mode === 'dhcp' ? undefined : chooseSlaacAddress(table, interfaceId, now)?.address;
  const isLeasing = mode === 'auto' && (isManaged || wished !== undefined);
  if (mode === 'dhcp' || isLeasing) return { slaac, dhcp: 'lease' };
  return { slaac, dhcp: isManaged || isInformed ? 'information' : undefined };
}

/**
 * The plan where Docker takes addresses of one subnet. The address that Docker was told stays,
 * whatever the routers say. One that a person chose needs no lease beside it.
 */
export function planWithin({ dhcp }: Ipv6Plan, given: Address6 | undefined): Ipv6Plan {
  if (given === undefined) return { slaac: undefined, dhcp };
  const isLeaseIdle = dhcp === 'lease' && given.source === 'static';
  return { slaac: given.address, dhcp: isLeaseIdle ? 'information' : dhcp };
}

/**
 * What the container is to have, of all that there is: what a person chose, a lease, what Docker
 * was told, an address of a prefix.
 * @param what.told what it had before: a server may name its addresses in another order each time.
 * @param what.subnet the lease counts only if Docker takes its address.
 * @param what.other what is used without a lease.
 */
export function bestAddress(what: {
  readonly leased: readonly LeasedAddress[];
  readonly told: Address6 | undefined;
  readonly subnet: Subnet6 | undefined;
  readonly other: Address6 | undefined;
}): Address6 | undefined {
  const { told, subnet, other } = what;
  const possible = what.leased.filter(({ address }) => !subnet || subnet6Has(subnet, address));
  const leased = possible.find(({ address }) => address === told?.address) ?? possible[0];
  if (leased === undefined || other?.source === 'static') return other;
  return { address: leased.address, prefixLength: 128, source: 'dhcp' };
}

/** The prefixes that routers of this segment offer: for addresses, or as being on the link. */
export function offeredPrefixes(table: RouterTable): readonly Subnet6[] {
  return table
    .flatMap(prefixesOf)
    .filter(({ option }) => option.isAutonomous || option.isOnLink)
    .map(({ option }) => option.subnet);
}

/** The DNS servers that routers of this segment tell (RFC 8106 §5.1). With lifetime 0: no more. */
export function rdnssOf(table: RouterTable): readonly Ipv6[] {
  const servers = table.flatMap(({ advertisement }) =>
    advertisement.options.flatMap((option) =>
      option.type === 'rdnss' && option.lifetime > 0 ? option.servers : [],
    ),
  );
  return [...new Set(servers)];
}

/** Equal for two tables that lead to the same plans, apart from the age of what was heard. */
export function signatureOf(table: RouterTable): string {
  return JSON.stringify(
    table.map(({ address, mac, advertisement, older }) => [
      address,
      mac,
      advertisement,
      older.map(({ option }) => option),
    ]),
    (_key, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value,
  );
}
