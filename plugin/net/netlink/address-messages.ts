/**
 * Encodes and decodes messages of rtnetlink(7) about addresses and routes. Bytes only. Fields that
 * are not named here have the values that `ip address` and `ip route` use. For example, routes have
 * the protocol `boot`.
 *
 *   struct ifaddrmsg  0 family  1 prefix length  2 flags  3 scope  4 link (4)
 *     its attributes: IFA_* (linux/if_addr.h)
 *   struct rtmsg      0 family  1 prefix length  2 of the source  3 TOS  4 table  5 protocol
 *                     6 scope  7 type  8 flags (4)
 *     its attributes: RTA_* (linux/rtnetlink.h)
 *   An interface identifier is an attribute of its link: IFLA_AF_SPEC (linux/if_link.h).
 */
import { ipv4FromBytes, ipv4ToBytes, type Ipv4 } from '../../wire/address.ts';
import { IPV6_ANY, ipv6FromBytes, ipv6ToBytes, type Ipv6 } from '../../wire/address6.ts';
import { LINK_LENGTH, linkHeader } from './link-messages.ts';
import { attribute, bytesOf, findAttribute, message, number } from './netlink-messages.ts';

/** How the kernel writes the addresses of one family. */
export interface AddressFamily<Address> {
  /** AF_*. */
  readonly number: number;
  readonly any: Address;
  encode(address: Address): Uint8Array;
  decode(bytes: Uint8Array): Address;
}

export const INET: AddressFamily<Ipv4> = {
  number: 2,
  any: '0.0.0.0' as Ipv4,
  encode: ipv4ToBytes,
  decode: ipv4FromBytes,
};

export const INET6: AddressFamily<Ipv6> = {
  number: 10,
  any: IPV6_ANY,
  encode: ipv6ToBytes,
  decode: ipv6FromBytes,
};

export interface AddressEntry<Address> {
  /** Index of the link. */
  readonly link: number;
  readonly address: Address;
  readonly prefixLength: number;
}

export interface RouteEntry<Address> {
  readonly destination: Address;
  readonly prefixLength: number;
  /** Undefined if the destination is on the link. */
  readonly via: Address | 'of another family' | undefined;
  /** Index of the link. Undefined for a route with several next hops, or one that leads nowhere. */
  readonly link: number | undefined;
  readonly metric: number;
  readonly tos: number;
  /** True if the kernel made the route together with an address. */
  readonly isKernels: boolean;
}

const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const NLM_F_ACK = 4;
const NLM_F_REPLACE = 0x100;
const NLM_F_DUMP = 0x300;
const NLM_F_CREATE = 0x400;
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_BROADCAST = 4;
const IFA_CACHEINFO = 6;
const IFA_FLAGS = 8;
const IFA_F_NODAD = 0x02;
const IFA_F_NOPREFIXROUTE = 0x200;
/** INFINITY_LIFE_TIME of linux/if_addr.h. */
const WITHOUT_END = 0xffffffff;
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_GATEWAY = 5;
const RTA_PRIORITY = 6;
const RTA_TABLE = 15;
const RTA_VIA = 18;
const RTA_EXPIRES = 23;
const RT_TABLE_MAIN = 254;
const RTPROT_KERNEL = 2;
const RTPROT_BOOT = 3;
const RT_SCOPE_UNIVERSE = 0;
const RT_SCOPE_LINK = 253;
/** In a removal it means any scope. */
const RT_SCOPE_NOWHERE = 255;
const RTN_UNICAST = 1;

const RTM_SETLINK = 19;
const IFLA_AF_SPEC = 26;
const IFLA_INET6_TOKEN = 7;

const ADDRESS_LENGTH = 8;
/** Of struct rtmsg. */
export const ROUTE_LENGTH = 12;

/** Asks for all addresses of that family, of all links. */
export function aboutAllAddresses<Address>(family: AddressFamily<Address>): Uint8Array {
  return message(RTM_GETADDR, NLM_F_DUMP, Uint8Array.of(family.number, 0, 0, 0, 0, 0, 0, 0));
}

/** Asks for all routes of that family, of all tables. */
export function aboutAllRoutes<Address>(family: AddressFamily<Address>): Uint8Array {
  const header = new Uint8Array(ROUTE_LENGTH);
  header[0] = family.number;
  return message(RTM_GETROUTE, NLM_F_DUMP, header);
}

/** Adds the address. An existing one stays. */
export function newAddress<Address>(
  family: AddressFamily<Address>,
  entry: AddressEntry<Address> & { readonly broadcast: Address | undefined },
): Uint8Array {
  const { broadcast } = entry;
  const flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE;
  return message(
    RTM_NEWADDR,
    flags,
    ...addressParts(family, entry),
    ...(broadcast === undefined ? [] : [attribute(IFA_BROADCAST, family.encode(broadcast))]),
  );
}

/**
 * Adds an IPv6 address with lifetimes, or changes those of one that is there. Nobody else is asked
 * whether the address is in use. The kernel adds no route to its prefix: routers say what is on the
 * link.
 */
export function newLimitedAddress(
  entry: AddressEntry<Ipv6> & {
    readonly preferredSeconds: number | undefined;
    readonly validSeconds: number | undefined;
  },
): Uint8Array {
  const { preferredSeconds, validSeconds, prefixLength } = entry;
  const lifetimes = new DataView(new ArrayBuffer(16)); // struct ifa_cacheinfo
  lifetimes.setUint32(0, preferredSeconds ?? WITHOUT_END, true);
  lifetimes.setUint32(4, validSeconds ?? WITHOUT_END, true);
  const flags = prefixLength === 128 ? IFA_F_NODAD | IFA_F_NOPREFIXROUTE : IFA_F_NODAD;
  return message(
    RTM_NEWADDR,
    NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
    ...addressParts(INET6, entry),
    attribute(IFA_CACHEINFO, new Uint8Array(lifetimes.buffer)),
    number(4, IFA_FLAGS, flags),
  );
}

/** Sets the interface identifier of addresses that the kernel makes of prefixes on that link. */
export function tokenOfLink(link: number, token: Ipv6): Uint8Array {
  const value = attribute(IFLA_INET6_TOKEN, ipv6ToBytes(token));
  return message(
    RTM_SETLINK,
    NLM_F_ACK,
    linkHeader({ index: link }),
    attribute(IFLA_AF_SPEC, attribute(INET6.number, value)),
  );
}

/** @param body as for `decodeLink`. @returns undefined if the link has none. */
export function decodeToken(body: DataView): Ipv6 | undefined {
  const families = findAttribute(body, LINK_LENGTH, IFLA_AF_SPEC);
  const inet6 = families && findAttribute(families, 0, INET6.number);
  const value = inet6 && findAttribute(inet6, 0, IFLA_INET6_TOKEN);
  const token = value && ipv6FromBytes(bytesOf(value));
  return token === IPV6_ANY ? undefined : token;
}

export function addressRemoval<Address>(
  family: AddressFamily<Address>,
  entry: AddressEntry<Address>,
): Uint8Array {
  return message(RTM_DELADDR, NLM_F_ACK, ...addressParts(family, entry));
}

/**
 * Adds a route to the main table. It replaces a route with the same destination, metric and TOS.
 */
export function newRoute<Address>(
  family: AddressFamily<Address>,
  route: {
    readonly destination: Address;
    readonly prefixLength: number;
    readonly via: Address | undefined;
    readonly link: number;
  },
): Uint8Array {
  const { destination, prefixLength, via, link } = route;
  const scope = via === undefined ? RT_SCOPE_LINK : RT_SCOPE_UNIVERSE;
  const kind = [RT_TABLE_MAIN, RTPROT_BOOT, scope, RTN_UNICAST];
  return message(
    RTM_NEWROUTE,
    NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
    Uint8Array.of(family.number, prefixLength, 0, 0, ...kind, 0, 0, 0, 0),
    attribute(RTA_DST, family.encode(destination)),
    ...(via === undefined ? [] : [attribute(RTA_GATEWAY, family.encode(via))]),
    number(4, RTA_OIF, link),
  );
}

/** Adds a default route that ends by itself. An existing one stays. */
export function passingDefaultRoute(route: {
  readonly via: Ipv6;
  readonly link: number;
  readonly metric: number;
  readonly seconds: number;
}): Uint8Array {
  const kind = [RT_TABLE_MAIN, RTPROT_BOOT, RT_SCOPE_UNIVERSE, RTN_UNICAST];
  return message(
    RTM_NEWROUTE,
    NLM_F_ACK | NLM_F_CREATE,
    Uint8Array.of(INET6.number, 0, 0, 0, ...kind, 0, 0, 0, 0),
    attribute(RTA_GATEWAY, INET6.encode(route.via)),
    number(4, RTA_OIF, route.link),
    number(4, RTA_PRIORITY, route.metric),
    number(4, RTA_EXPIRES, route.seconds),
  );
}

/** Removes a route of the main table. @param protocol who must have made it. 0: anybody. */
export function routeRemoval<Address>(
  family: AddressFamily<Address>,
  route: RouteEntry<Address>,
  protocol = 0,
): Uint8Array {
  const { destination, prefixLength, via, link, metric, tos } = route;
  const hasRouter = via !== undefined && via !== 'of another family';
  return message(
    RTM_DELROUTE,
    NLM_F_ACK,
    Uint8Array.of(family.number, prefixLength, 0, tos),
    Uint8Array.of(RT_TABLE_MAIN, protocol, RT_SCOPE_NOWHERE, 0, 0, 0, 0, 0),
    attribute(RTA_DST, family.encode(destination)),
    ...(hasRouter ? [attribute(RTA_GATEWAY, family.encode(via))] : []),
    ...(link === undefined ? [] : [number(4, RTA_OIF, link)]),
    ...(metric === 0 ? [] : [number(4, RTA_PRIORITY, metric)]),
  );
}

/** @param body the message without its netlink header. It begins with struct ifaddrmsg. */
export function decodeAddress<Address>(
  family: AddressFamily<Address>,
  body: DataView,
): AddressEntry<Address> {
  const at = (type: number) => findAttribute(body, ADDRESS_LENGTH, type);
  const address = at(IFA_LOCAL) ?? at(IFA_ADDRESS); // IFA_ADDRESS is the peer's, if there is one
  return {
    link: body.getUint32(4, true),
    address: address === undefined ? family.any : family.decode(bytesOf(address)),
    prefixLength: body.getUint8(1),
  };
}

/**
 * @param body the message without its netlink header. It begins with struct rtmsg.
 * @returns undefined if the route is not in the main table.
 */
export function decodeRoute<Address>(
  family: AddressFamily<Address>,
  body: DataView,
): RouteEntry<Address> | undefined {
  const at = (type: number) => findAttribute(body, ROUTE_LENGTH, type);
  const table = at(RTA_TABLE)?.getUint32(0, true) ?? body.getUint8(4);
  if (table !== RT_TABLE_MAIN) return undefined;
  const destination = at(RTA_DST);
  const router = at(RTA_GATEWAY);
  const via = router === undefined ? undefined : family.decode(bytesOf(router));
  return {
    destination: destination === undefined ? family.any : family.decode(bytesOf(destination)),
    prefixLength: body.getUint8(1),
    via: at(RTA_VIA) === undefined ? via : 'of another family',
    link: at(RTA_OIF)?.getUint32(0, true),
    metric: at(RTA_PRIORITY)?.getUint32(0, true) ?? 0,
    tos: body.getUint8(3),
    isKernels: body.getUint8(5) === RTPROT_KERNEL,
  };
}

function addressParts<Address>(
  family: AddressFamily<Address>,
  { link, address, prefixLength }: AddressEntry<Address>,
): readonly Uint8Array[] {
  const header = new DataView(new ArrayBuffer(ADDRESS_LENGTH));
  header.setUint8(0, family.number);
  header.setUint8(1, prefixLength);
  header.setUint32(4, link, true);
  const bytes = family.encode(address);
  return [
    new Uint8Array(header.buffer),
    attribute(IFA_LOCAL, bytes),
    attribute(IFA_ADDRESS, bytes),
  ];
}
