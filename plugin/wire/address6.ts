/**
 * IPv6 addresses as branded strings, and their bytes; prefixes; what is derived from a MAC.
 *
 * As with `Ipv4`, the brand proves that a value passed a parser of this file. Its text is canonical
 * (RFC 5952), so two equal addresses are equal strings. An address with a zone (`fe80::1%eth0`) is
 * refused: the link is always known from elsewhere.
 */
import { ipv4FromBytes, ipv4ToBytes, macFromBytes, macToBytes, parseIpv4 } from './address.ts';
import type { Mac } from './address.ts';

export type Ipv6 = string & { readonly brand: 'Ipv6' };

/** The host bits of `network` are zero. */
export interface Subnet6 {
  readonly network: Ipv6;
  readonly prefixLength: number;
}

export const IPV6_ANY = '::' as Ipv6;
/** RFC 4291 §2.7.1. */
export const ALL_NODES = 'ff02::1' as Ipv6;
export const ALL_ROUTERS = 'ff02::2' as Ipv6;

const OCTETS = 16;
const GROUPS = 8;

/** Accepts each form of RFC 4291 §2.2. Returns undefined for anything else. */
export function parseIpv6(text: string): Ipv6 | undefined {
  const hexText = withoutIpv4Tail(text);
  const halves = hexText.split('::').map((half) => (half === '' ? [] : half.split(':')));
  const [left = [], right = []] = halves;
  const missing = GROUPS - left.length - right.length;
  const isWhole = halves.length === 1 ? missing === 0 : halves.length === 2 && missing >= 1;
  const isHex = [...left, ...right].every((group) => /^[0-9a-f]{1,4}$/i.test(group));
  if (!isWhole || !isHex) return undefined;
  const groups = [...left, ...Array.from({ length: missing }, () => '0'), ...right];
  return fromGroups(groups.map((group) => Number.parseInt(group, 16)));
}

/** The last 32 bits may be written as a dotted quad. The result has them as two groups. */
function withoutIpv4Tail(text: string): string {
  const start = text.lastIndexOf(':') + 1;
  const ipv4 = start === 0 ? undefined : parseIpv4(text.slice(start));
  if (ipv4 === undefined) return text;
  const [a = 0, b = 0, c = 0, d = 0] = ipv4ToBytes(ipv4);
  return `${text.slice(0, start)}${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

/** `bytes` holds 16 octets from `offset`. */
export function ipv6FromBytes(bytes: Uint8Array, offset = 0): Ipv6 {
  const groups: number[] = [];
  for (let at = offset; at < offset + OCTETS; at += 2) {
    groups.push(bytes[at]! * 0x100 + bytes[at + 1]!);
  }
  return fromGroups(groups);
}

export function ipv6ToBytes(address: Ipv6): Uint8Array {
  const [left = [], right = []] = withoutIpv4Tail(address)
    .split('::')
    .map((half) => (half === '' ? [] : half.split(':')));
  const bytes = new Uint8Array(OCTETS);
  const put = (groups: readonly string[], from: number): void => {
    for (const [index, group] of groups.entries()) {
      const value = Number.parseInt(group, 16);
      bytes.set([value >> 8, value & 0xff], from + 2 * index);
    }
  };
  put(left, 0);
  put(right, OCTETS - 2 * right.length);
  return bytes;
}

/**
 * RFC 5952 §4: no leading zeros, lower case, `::` for the longest run of at least two zero groups,
 * the first of equal ones. §5: an IPv4-mapped address ends in a dotted quad.
 */
function fromGroups(groups: readonly number[]): Ipv6 {
  const hex = (some: readonly number[]): string =>
    some.map((group) => group.toString(16)).join(':');
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    const tail = groups.slice(6).flatMap((group) => [group >> 8, group & 0xff]);
    return `::ffff:${ipv4FromBytes(Uint8Array.from(tail))}` as Ipv6;
  }
  const run = longestZeros(groups);
  if (run.length < 2) return hex(groups) as Ipv6;
  return `${hex(groups.slice(0, run.start))}::${hex(groups.slice(run.start + run.length))}` as Ipv6;
}

function longestZeros(groups: readonly number[]): { start: number; length: number } {
  let longest = { start: 0, length: 0 };
  let length = 0;
  for (const [index, group] of groups.entries()) {
    length = group === 0 ? length + 1 : 0;
    if (length > longest.length) longest = { start: index + 1 - length, length };
  }
  return longest;
}

/** Parses an address and its prefix length, and keeps the host bits. Undefined for other text. */
export function parseCidr6(
  text: string,
): { readonly address: Ipv6; readonly prefixLength: number } | undefined {
  const [before = '', length = '', ...more] = text.split('/');
  const address = parseIpv6(before);
  const isLength = /^(0|[1-9]\d{0,2})$/.test(length) && Number(length) <= 128;
  if (address === undefined || !isLength || more.length > 0) return undefined;
  return { address, prefixLength: Number(length) };
}

export function parseSubnet6(text: string): Subnet6 | undefined {
  const cidr = parseCidr6(text);
  return cidr && subnet6Of(cidr.address, cidr.prefixLength);
}

/** @param prefixLength 0 to 128. */
export function subnet6Of(address: Ipv6, prefixLength: number): Subnet6 {
  return { network: joinAddress(address, prefixLength, IPV6_ANY), prefixLength };
}

export function formatSubnet6({ network, prefixLength }: Subnet6): string {
  return `${network}/${prefixLength}`;
}

export function subnet6Has({ network, prefixLength }: Subnet6, address: Ipv6): boolean {
  return joinAddress(address, prefixLength, IPV6_ANY) === network;
}

/** The first `prefixLength` bits of `prefix`, and the other bits of `host`. */
export function joinAddress(prefix: Ipv6, prefixLength: number, host: Ipv6): Ipv6 {
  const upper = ipv6ToBytes(prefix);
  const lower = ipv6ToBytes(host);
  const joined = upper.map((octet, index) => {
    const bits = Math.min(8, Math.max(0, prefixLength - 8 * index));
    const mask = (0xff00 >> bits) & 0xff;
    return (octet & mask) | (lower[index]! & ~mask & 0xff);
  });
  return ipv6FromBytes(joined);
}

/**
 * The modified EUI-64 interface identifier of a MAC as an address below ::/64: ff:fe in the middle,
 * the universal/local bit inverted (RFC 4291 Appendix A, RFC 2464 §4).
 */
export function interfaceIdOf(mac: Mac): Ipv6 {
  const [first = 0, ...octets] = macToBytes(mac);
  const id = [first ^ 0x02, ...octets.slice(0, 2), 0xff, 0xfe, ...octets.slice(2)];
  return ipv6FromBytes(Uint8Array.from([0, 0, 0, 0, 0, 0, 0, 0, ...id]));
}

/** The interface identifier of an address, as an address below ::/64 (RFC 4291 §2.5.1). */
export function interfaceIdIn(address: Ipv6): Ipv6 {
  return joinAddress(IPV6_ANY, 64, address);
}

/** fe80::/64 and the interface identifier of the MAC (RFC 2464 §5). */
export function linkLocalOf(mac: Mac): Ipv6 {
  return joinAddress('fe80::' as Ipv6, 64, interfaceIdOf(mac));
}

/** ff02::1:ff00:0/104 and the last 24 bits of the address (RFC 4291 §2.7.1). */
export function solicitedNodeOf(address: Ipv6): Ipv6 {
  return joinAddress('ff02::1:ff00:0' as Ipv6, 104, address);
}

/** 33:33 and the last four octets of the group (RFC 2464 §7). */
export function multicastMacOf(group: Ipv6): Mac {
  return macFromBytes(Uint8Array.from([0x33, 0x33, ...ipv6ToBytes(group).subarray(12)]));
}

/** True for an address in fe80::/10 (RFC 4291 §2.4). */
export function isLinkLocal(address: Ipv6): boolean {
  return /^fe[89ab][0-9a-f]:/.test(address);
}

/** True for an address in ff00::/8 (RFC 4291 §2.4). */
export function isMulticast(address: Ipv6): boolean {
  return /^ff[0-9a-f]{2}:/.test(address);
}
