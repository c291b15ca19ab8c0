/**
 * Typed views of option values (RFC 2132, RFC 3442, RFC 3397, RFC 4702).
 *
 * A view returns undefined if the option is absent, or if its value does not have the option's
 * form. A bad optional value of a server must not cost a container its lease. The options that a
 * lease needs (54 and 51) are then refused by the client, with a reason of their own.
 */
import { secondsToMs } from '../vocabulary/time.ts';
import type { Ms } from '../vocabulary/time.ts';
import type { Route } from '../vocabulary/lease.ts';
import { IPV4_ANY, ipv4FromBytes, ipv4ToBytes, ipv4ToNumber, networkOf } from '../wire/address.ts';
import type { Ipv4 } from '../wire/address.ts';
import { Writer } from '../wire/writer.ts';
import { decodeNames } from './domain-search.ts';

export type Options = ReadonlyMap<number, Uint8Array>;

/** Codes by their names in the IANA registry "BOOTP Vendor Extensions and DHCP Options". */
export const OPTION = {
  SUBNET_MASK: 1,
  ROUTER: 3,
  DOMAIN_NAME_SERVER: 6,
  HOST_NAME: 12,
  DOMAIN_NAME: 15,
  INTERFACE_MTU: 26,
  BROADCAST_ADDRESS: 28,
  STATIC_ROUTE: 33,
  NTP_SERVERS: 42,
  REQUESTED_ADDRESS: 50,
  LEASE_TIME: 51,
  MESSAGE_TYPE: 53,
  SERVER_ID: 54,
  PARAMETER_LIST: 55,
  MESSAGE: 56,
  MAX_MESSAGE_SIZE: 57,
  RENEWAL_TIME: 58,
  REBINDING_TIME: 59,
  VENDOR_CLASS: 60,
  CLIENT_ID: 61,
  USER_CLASS: 77,
  RAPID_COMMIT: 80,
  CLIENT_FQDN: 81,
  DOMAIN_SEARCH: 119,
  CLASSLESS_ROUTE: 121,
  MICROSOFT_CLASSLESS_ROUTE: 249,
} as const;

/** RFC 2132 §9.6, in the order of their numbers from 1. */
const MESSAGE_TYPES = [
  'DISCOVER',
  'OFFER',
  'REQUEST',
  'DECLINE',
  'ACK',
  'NAK',
  'RELEASE',
  'INFORM',
] as const;

export type MessageType = (typeof MESSAGE_TYPES)[number];

/** Undefined for types that this client does not use, such as FORCERENEW (RFC 3203). */
export function messageTypeOf(options: Options): MessageType | undefined {
  const value = options.get(OPTION.MESSAGE_TYPE)?.[0];
  return value === undefined ? undefined : MESSAGE_TYPES[value - 1];
}

export function messageTypeValue(type: MessageType): Uint8Array {
  return Uint8Array.of(MESSAGE_TYPES.indexOf(type) + 1);
}

export function ipv4Of(options: Options, code: number): Ipv4 | undefined {
  const value = options.get(code);
  return value?.length === 4 ? ipv4FromBytes(value) : undefined;
}

/** Never empty. */
export function ipv4ListOf(options: Options, code: number): readonly Ipv4[] | undefined {
  const value = options.get(code);
  if (value === undefined || value.length === 0 || value.length % 4 !== 0) return undefined;
  return Array.from({ length: value.length / 4 }, (_, index) => ipv4FromBytes(value, index * 4));
}

/** Options 51, 58 and 59 in milliseconds; all ones is Infinity. */
export function durationOf(options: Options, code: number): Ms | undefined {
  const value = options.get(code);
  return value?.length === 4 ? secondsToMs(ipv4ToNumber(ipv4FromBytes(value))) : undefined;
}

/** Option 26. */
export function u16Of(options: Options, code: number): number | undefined {
  const value = options.get(code);
  return value?.length === 2 ? value[0]! * 0x100 + value[1]! : undefined;
}

/**
 * NVT ASCII text. Everything from the first NUL on is dropped, because many servers terminate their
 * strings. Octets that are not printable become U+FFFD, because the text is shown in logs and on
 * terminals.
 */
export function textOf(options: Options, code: number): string | undefined {
  const value = options.get(code);
  if (value === undefined) return undefined;
  const end = value.indexOf(0);
  const octets = Array.from(end === -1 ? value : value.subarray(0, end));
  if (octets.length === 0) return undefined;
  return octets
    .map((octet) => (octet >= 0x20 && octet <= 0x7e ? String.fromCharCode(octet) : '\ufffd'))
    .join('');
}

/**
 * Option 15. Only a plain name is accepted, because it is written into a resolv.conf. A final dot
 * is dropped.
 */
export function domainNameOf(options: Options): string | undefined {
  const name = textOf(options, OPTION.DOMAIN_NAME)?.replace(/\.$/, '');
  return name !== undefined && isDomainName(name) ? name : undefined;
}

/** Option 119 (RFC 3397). If one name has a wrong form, the whole list is ignored. */
export function domainSearchOf(options: Options): readonly string[] | undefined {
  const value = options.get(OPTION.DOMAIN_SEARCH);
  const names = value === undefined ? undefined : decodeNames(value);
  return names?.every(isDomainName) === true ? names : undefined;
}

/** Letters, digits, hyphens and underscores, in labels of 1 to 63. Real zones have underscores. */
function isDomainName(name: string): boolean {
  return name.length <= 253 && /^[\w-]{1,63}(\.[\w-]{1,63})*$/.test(name);
}

/**
 * Options 121 and 249 (RFC 3442): width, the significant octets of the destination, router;
 * repeated. Host bits beyond the width are cleared, as the RFC asks. Router 0.0.0.0 means on-link.
 */
export function classlessRoutesOf(options: Options, code: number): readonly Route[] | undefined {
  const value = options.get(code);
  if (value === undefined) return undefined;
  const routes: Route[] = [];
  let offset = 0;
  while (offset < value.length) {
    const prefixLength = value[offset]!;
    const significant = Math.ceil(prefixLength / 8);
    const next = offset + 1 + significant + 4;
    if (prefixLength > 32 || next > value.length) return undefined;
    const destination = new Uint8Array(4);
    destination.set(value.subarray(offset + 1, offset + 1 + significant));
    const router = ipv4FromBytes(value, next - 4);
    routes.push({
      destination: networkOf(ipv4FromBytes(destination), prefixLength),
      prefixLength,
      via: router === IPV4_ANY ? undefined : router,
    });
    offset = next;
  }
  return routes.length === 0 ? undefined : routes;
}

/**
 * Option 33 (RFC 2132 §5.8): pairs of destination and router. A destination has no mask. It is a
 * host if host bits of its class are set, else the classful network. The default route is not
 * allowed.
 */
export function staticRoutesOf(options: Options): readonly Route[] | undefined {
  const addresses = ipv4ListOf(options, OPTION.STATIC_ROUTE);
  if (addresses === undefined || addresses.length % 2 !== 0) return undefined;
  const routes: Route[] = [];
  for (let index = 0; index < addresses.length; index += 2) {
    const destination = addresses[index]!;
    if (destination === IPV4_ANY) continue;
    const classful = classfulPrefixLength(destination);
    const prefixLength = networkOf(destination, classful) === destination ? classful : 32;
    routes.push({ destination, prefixLength, via: addresses[index + 1]! });
  }
  return routes;
}

/** RFC 791 §3.2: class A, B or C by the leading bits; 32 for the classes that have no networks. */
export function classfulPrefixLength(address: Ipv4): number {
  const first = ipv4ToBytes(address)[0]!;
  if (first < 128) return 8;
  if (first < 192) return 16;
  return first < 224 ? 24 : 32;
}

/** Option 1 as a prefix length. Undefined if it is absent, zero, or a mask with holes. */
export function prefixLengthOf(options: Options): number | undefined {
  const mask = ipv4Of(options, OPTION.SUBNET_MASK);
  if (mask === undefined) return undefined;
  const bits = ipv4ToNumber(mask).toString(2).padStart(32, '0');
  return /^1+0*$/.test(bits) ? bits.lastIndexOf('1') + 1 : undefined;
}

export function ipv4Value(address: Ipv4): Uint8Array {
  return ipv4ToBytes(address);
}

export function u16Value(value: number): Uint8Array {
  return new Writer().u16(value).toBytes();
}

/** @throws RangeError for anything but ASCII. */
export function textValue(text: string): Uint8Array {
  const writer = new Writer();
  for (const character of text) {
    const octet = character.charCodeAt(0);
    if (octet > 0x7f) throw new RangeError(`"${text}" is not ASCII`);
    writer.u8(octet);
  }
  return writer.toBytes();
}

/**
 * Option 77 (RFC 3004 §4): each class is its length and its octets. There is one class.
 * @throws RangeError for anything but ASCII.
 */
export function userClassValue(text: string): Uint8Array {
  const octets = textValue(text);
  return new Writer().u8(octets.length).bytes(octets).toBytes();
}

/**
 * Option 81 (RFC 4702 §2): flags, two obsolete RCODE octets of 0, the name in DNS wire form. S=1:
 * the server is to register the name; E=1: wire form, not ASCII; N=0, O=0. A name of one label is
 * partial: it has no final zero octet (RFC 4702 §2.3.1), and the server adds its domain.
 * @param name a final dot means that it is not partial. @throws RangeError for a label not 1 to 63
 * long.
 */
export function clientFqdnValue(name: string): Uint8Array {
  const FLAG_S = 0x01;
  const FLAG_E = 0x04;
  const writer = new Writer()
    .u8(FLAG_S | FLAG_E)
    .u8(0)
    .u8(0);
  for (const label of name.replace(/\.$/, '').split('.')) {
    if (label.length < 1 || label.length > 63) throw new RangeError(`bad label in "${name}"`);
    writer.u8(label.length).bytes(textValue(label));
  }
  return name.includes('.') ? writer.u8(0).toBytes() : writer.toBytes();
}
