/**
 * The address that a container gets by stateless autoconfiguration (RFC 4862 §5.5.3): a prefix of a
 * router and an interface identifier.
 */
import type { Instant } from '../vocabulary/time.ts';
import {
  formatSubnet6,
  ipv6ToBytes,
  isLinkLocal,
  isMulticast,
  joinAddress,
  type Ipv6,
  IPV6_ANY,
} from '../wire/address6.ts';
import { prefixesOf, remainingSeconds, type HeardPrefix, type RouterTable } from './routers.ts';

export interface SlaacAddress {
  readonly address: Ipv6;
  readonly prefixLength: number;
  /** The router that told the prefix last. */
  readonly router: Ipv6;
  /** Seconds from now; INFINITE_LIFETIME has no end. */
  readonly validLifetime: number;
  /** Seconds from now; 0 means that the address is deprecated from the start. */
  readonly preferredLifetime: number;
}

/** RFC 2464 §4: an interface identifier on Ethernet has 64 bits, so the prefix has the others. */
const PREFIX_LENGTH = 64;

/**
 * The address in the prefix with the longest preferred lifetime; of equal ones in the lowest.
 * Undefined if no router offers a prefix for addresses.
 *
 * Prefixes are compared by the lifetimes that the routers told, not by what is left. Otherwise two
 * equal prefixes would take turns with each RA, and a restart would change the address.
 * @param interfaceId `interfaceIdOf` the MAC, or a token.
 */
export function chooseSlaacAddress(
  table: RouterTable,
  interfaceId: Ipv6,
  now: Instant,
): SlaacAddress | undefined {
  const offers = newestOffers(table, now).sort(
    (one, other) => other.rank - one.rank || (one.order < other.order ? -1 : 1),
  );
  const [best] = offers;
  return best && slaacAddressOf(best, interfaceId);
}

interface Offer {
  readonly prefix: Ipv6;
  readonly router: Ipv6;
  readonly heardAt: Instant;
  readonly validLifetime: number;
  readonly preferredLifetime: number;
  /** The preferred lifetime as it was told; 0 if nothing is left of it. */
  readonly rank: number;
  /** Sorts as the bytes of the prefix do. */
  readonly order: string;
}

/** One for each prefix: what was told last counts (§5.5.3 e). */
function newestOffers(table: RouterTable, now: Instant): Offer[] {
  const newest = new Map<string, Offer>();
  for (const router of table) {
    for (const prefix of prefixesOf(router)) {
      if (!mayMakeAddress(prefix)) continue;
      const key = formatSubnet6(prefix.option.subnet);
      const before = newest.get(key);
      if (before !== undefined && before.heardAt > prefix.heardAt) continue;
      newest.set(key, offerOf(prefix, router.address, now));
    }
  }
  return [...newest.values()].filter(({ validLifetime }) => validLifetime > 0);
}

/** §5.5.3 a to d. */
function mayMakeAddress({ option }: HeardPrefix): boolean {
  const { network, prefixLength } = option.subnet;
  return (
    option.isAutonomous &&
    prefixLength === PREFIX_LENGTH &&
    network !== IPV6_ANY && // the loopback address would be one of them
    !isLinkLocal(network) &&
    !isMulticast(network) &&
    option.preferredLifetime <= option.validLifetime
  );
}

function offerOf({ option, heardAt }: HeardPrefix, router: Ipv6, now: Instant): Offer {
  const preferredLifetime = remainingSeconds(option.preferredLifetime, heardAt, now);
  const octets = Array.from(ipv6ToBytes(option.subnet.network));
  return {
    prefix: option.subnet.network,
    router,
    heardAt,
    validLifetime: remainingSeconds(option.validLifetime, heardAt, now),
    preferredLifetime,
    rank: preferredLifetime === 0 ? 0 : option.preferredLifetime,
    order: octets.map((octet) => octet.toString(16).padStart(2, '0')).join(''),
  };
}

function slaacAddressOf(offer: Offer, interfaceId: Ipv6): SlaacAddress {
  return {
    address: joinAddress(offer.prefix, PREFIX_LENGTH, interfaceId),
    prefixLength: PREFIX_LENGTH,
    router: offer.router,
    validLifetime: offer.validLifetime,
    preferredLifetime: offer.preferredLifetime,
  };
}
