/**
 * The terms of an ACK, in the vocabulary of lease.ts (RFC 2132, RFC 3442). Values that cannot be
 * read, or that no host can use, are left out and named.
 */
import { ALWAYS_SHOWN, SHOWN_IF_SENT, shownOption } from '../vocabulary/dhcp/option-catalogue.ts';
import type { LeaseTerms, OtherOption, Route, TermsWishes } from '../vocabulary/lease.ts';
import { isUnicastIpv4 } from '../wire/address.ts';
import type { Ipv4, Mac } from '../wire/address.ts';
import { isSubnetEdge, lastAddressOf, subnetHas, subnetOf } from '../wire/subnet.ts';
import type { Dhcp4Message } from './message.ts';
import { firstOf, optionName, unlessMalformed } from './option-names.ts';
import {
  classfulPrefixLength,
  domainNameOf,
  domainSearchOf,
  ipv4ListOf,
  ipv4Of,
  OPTION,
  prefixLengthOf,
  u16Of,
} from './options.ts';
import type { Options } from './options.ts';
import { routingOf } from './routing.ts';

/** A resolver uses three. */
const MOST_SERVERS = { most: 16, what: 'servers' } as const;
/**
 * Resolvers use 6 of old, some today all of 256 octets. Compressed names of one message could be
 * over a megabyte.
 */
const MOST_NAMES = { most: 32, what: 'names' } as const;

/**
 * @param serverId option 54 of the ACK.
 * @param serverMac source of the frame that carried it.
 * @param dropped gets a sentence for each thing that is left out.
 * @param wishes.alsoAsked codes of options that are shown beside the usual ones.
 */
export function leaseTermsOf(
  ack: Dhcp4Message,
  serverId: Ipv4,
  serverMac: Mac,
  dropped: string[] = [],
  wishes: TermsWishes & { readonly alsoAsked?: readonly number[] | undefined } = {},
): LeaseTerms {
  const { options, yiaddr: address, damaged } = ack;
  for (const [code, seen] of damaged ?? []) dropped.push(`${optionName(code)}: ${seen}`);
  const { prefixLength, unusable } = subnetWidthOf(ack);
  if (unusable !== undefined) {
    const instead = `/${prefixLength} by the class of ${address} instead`;
    dropped.push(`${optionName(OPTION.SUBNET_MASK)} ${unusable}: no host can use it, ${instead}`);
  }
  const read = <T>(code: number, value: T | undefined) =>
    unlessMalformed(options, code, value, dropped);
  const isRouter = (router: Ipv4): boolean => canBeRouter(router, address, prefixLength);
  const dnsServers =
    read(OPTION.DOMAIN_NAME_SERVER, ipv4ListOf(options, OPTION.DOMAIN_NAME_SERVER)) ?? [];
  const subnet = subnetOf(address, prefixLength);
  const isHost = (server: Ipv4) => isUnicastIpv4(server) && !isSubnetEdge(subnet, server);
  const [deaf] = dnsServers.filter((server) => !isHost(server));
  if (deaf !== undefined) {
    dropped.push(`${optionName(OPTION.DOMAIN_NAME_SERVER)}: ${deaf} is no host's address`);
  }
  const servers = dnsServers.filter(isHost);
  const others = othersOf(options, wishes.alsoAsked);
  return {
    address,
    prefixLength,
    ...asWished(routingOf(options, isRouter, dropped), wishes, dropped),
    mtu: u16Of(options, OPTION.INTERFACE_MTU),
    dnsServers: firstOf(OPTION.DOMAIN_NAME_SERVER, servers, MOST_SERVERS, dropped),
    domainName: read(OPTION.DOMAIN_NAME, domainNameOf(options)),
    domainSearch: firstOf(
      OPTION.DOMAIN_SEARCH,
      read(OPTION.DOMAIN_SEARCH, domainSearchOf(options)) ?? [],
      MOST_NAMES,
      dropped,
    ),
    ...(others.length > 0 && { others }),
    serverId,
    serverMac,
  };
}

/** Options that are shown and not applied, in the order of their codes. */
function othersOf(options: Options, alsoAsked: readonly number[] = []): readonly OtherOption[] {
  const shown = new Set([...ALWAYS_SHOWN, ...SHOWN_IF_SENT, ...alsoAsked]);
  return [...shown]
    .sort((one, other) => one - other)
    .flatMap((code) => {
      const value = options.get(code);
      return value === undefined ? [] : [{ code, value: shownOption(code, value) }];
    });
}

type Routing = Pick<LeaseTerms, 'gateway' | 'routes'>;

/** Two routes of /1 are a default route in all but name. `gateway` is not got round by them. */
function asWished(told: Routing, { gateway, routes }: TermsWishes, dropped: string[]): Routing {
  if (routes === 'none') return { gateway: gatewayOf(told, gateway), routes: [] };
  const isUsed = (route: Route) =>
    gateway === undefined || route.prefixLength >= LEAST_PREFIX_LENGTH;
  const wide = told.routes.find((route) => !isUsed(route));
  if (wide !== undefined) {
    const target = `${wide.destination}/${wide.prefixLength}`;
    dropped.push(`the route to ${target}: wider than /8, and gateway= says where others go`);
  }
  return { gateway: gatewayOf(told, gateway), routes: told.routes.filter(isUsed) };
}

function gatewayOf(told: Routing, wished: TermsWishes['gateway']): Ipv4 | undefined {
  return wished === 'none' ? undefined : (wished ?? told.gateway);
}

/** False if the wished gateway cannot be one for a host with this lease. */
export function canHaveGateway(message: Dhcp4Message, { gateway }: TermsWishes = {}): boolean {
  if (gateway === undefined || gateway === 'none') return true;
  const { prefixLength } = subnetWidthOf(message);
  return (
    subnetHas(subnetOf(message.yiaddr, prefixLength), gateway) &&
    canBeRouter(gateway, message.yiaddr, prefixLength)
  );
}

/**
 * Wider subnets are a mistake. With one the container would treat the internet as its own subnet.
 */
const LEAST_PREFIX_LENGTH = 8;

/**
 * Without option 1 the class decides, as in RFC 950 §2.1 and in ISC's client. Servers that omit the
 * mask mean that one, and a /32 would cut the container off from its neighbours. The class also
 * decides if no host can use the mask.
 */
export function subnetWidthOf({ options, yiaddr }: Pick<Dhcp4Message, 'options' | 'yiaddr'>): {
  readonly prefixLength: number;
  /** The mask that was sent and is not used. */
  readonly unusable?: Ipv4;
} {
  const told = prefixLengthOf(options);
  if (told !== undefined && told >= LEAST_PREFIX_LENGTH) return { prefixLength: told };
  const unusable = ipv4Of(options, OPTION.SUBNET_MASK);
  const prefixLength = classfulPrefixLength(yiaddr);
  return unusable === undefined ? { prefixLength } : { prefixLength, unusable };
}

/**
 * The place of an address in its subnet. RFC 3021: in a /31 both addresses are hosts. A /32 has no
 * neighbours.
 */
export function placeInSubnet(
  address: Ipv4,
  prefixLength: number,
): 'host' | 'network' | 'broadcast' {
  const subnet = subnetOf(address, prefixLength);
  if (!isSubnetEdge(subnet, address)) return 'host';
  return address === lastAddressOf(subnet) ? 'broadcast' : 'network';
}

/**
 * True if a container configured for one needs no change for the other. The server may differ. DNS
 * servers, domain and search list may differ, too, because nothing applies them to a container.
 */
export function isSameConfiguration(one: LeaseTerms, other: LeaseTerms): boolean {
  return configurationKey(one) === configurationKey(other);
}

function configurationKey(terms: LeaseTerms): string {
  const { address, prefixLength, gateway, mtu } = terms;
  const routes = terms.routes.map((route) => [route.destination, route.prefixLength, route.via]);
  return JSON.stringify([address, prefixLength, gateway, mtu, routes]);
}

/**
 * True if another host may have the address. Three addresses are excluded: the lease's own, and its
 * subnet's first and last.
 */
function canBeRouter(router: Ipv4, address: Ipv4, prefixLength: number): boolean {
  if (!isUnicastIpv4(router) || router === address) return false;
  return !isSubnetEdge(subnetOf(address, prefixLength), router);
}
