/**
 * IPv4 and MAC addresses as branded strings, and their bytes.
 *
 * The brand proves that a value passed a parser of this file. Text from users, dockerd or the
 * network becomes an `Ipv4` or a `Mac` once, where it enters. Canonical text of IPv4: dotted
 * decimal without leading zeros. Canonical text of a MAC: lower-case hex pairs joined by colons.
 */
import { Address4 } from 'ip-address';

export type Ipv4 = string & { readonly brand: 'Ipv4' };
export type Mac = string & { readonly brand: 'Mac' };

export const IPV4_ANY = '0.0.0.0' as Ipv4;
export const IPV4_BROADCAST = '255.255.255.255' as Ipv4;
export const MAC_BROADCAST = 'ff:ff:ff:ff:ff:ff' as Mac;
export const MAC_ZERO = '00:00:00:00:00:00' as Mac;

const MAC_OCTETS = 6;
const [DOT, ZERO] = [0x2e, 0x30];

/**
 * Parses a dotted quad without prefix length. Returns undefined for anything else, and for leading
 * zeros.
 */
export function parseIpv4(text: string): Ipv4 | undefined {
  if (!/^(0|[1-9]\d{0,2})(\.(0|[1-9]\d{0,2})){3}$/.test(text)) return undefined;
  return Address4.isValid(text) ? (text as Ipv4) : undefined;
}

/**
 * Parses six hex pairs with colons or dashes, in either case. Returns undefined for anything else.
 */
export function parseMac(text: string): Mac | undefined {
  if (!/^[0-9a-f]{2}([:-][0-9a-f]{2}){5}$/i.test(text)) return undefined;
  return text.toLowerCase().replaceAll('-', ':') as Mac;
}

/** `bytes` holds four octets from `offset`. */
export function ipv4FromBytes(bytes: Uint8Array, offset = 0): Ipv4 {
  const [a, b] = [bytes[offset]!, bytes[offset + 1]!];
  const [c, d] = [bytes[offset + 2]!, bytes[offset + 3]!];
  return `${a}.${b}.${c}.${d}` as Ipv4;
}

export function ipv4ToBytes(address: Ipv4): Uint8Array {
  const value = ipv4ToNumber(address);
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

/** `bytes` holds six octets from `offset`. */
export function macFromBytes(bytes: Uint8Array, offset = 0): Mac {
  let text = '';
  for (let at = offset; at < offset + MAC_OCTETS; at += 1) {
    const octet = bytes[at]!;
    text += `${at === offset ? '' : ':'}${octet < 0x10 ? '0' : ''}${octet.toString(16)}`;
  }
  return text as Mac;
}

export function macToBytes(mac: Mac): Uint8Array {
  const bytes = new Uint8Array(MAC_OCTETS);
  for (let index = 0; index < MAC_OCTETS; index += 1) {
    bytes[index] = Number.parseInt(mac.slice(3 * index, 3 * index + 2), 16);
  }
  return bytes;
}

/** True for a group address: the lowest bit of the first octet (IEEE 802). */
export function isMulticastMac(mac: Mac): boolean {
  return (Number.parseInt(mac.slice(0, 2), 16) & 1) === 1;
}

/** The address as an unsigned 32-bit number. */
export function ipv4ToNumber(address: Ipv4): number {
  // Digit by digit: addresses are compared for each frame that is heard, and this makes no object.
  let [value, octet] = [0, 0];
  for (let index = 0; index < address.length; index += 1) {
    const code = address.charCodeAt(index);
    if (code === DOT) [value, octet] = [value * 256 + octet, 0];
    else octet = octet * 10 + (code - ZERO);
  }
  return value * 256 + octet;
}

export function ipv4FromNumber(value: number): Ipv4 {
  return `${value >>> 24}.${(value >>> 16) & 255}.${(value >>> 8) & 255}.${value & 255}` as Ipv4;
}

/** The address with its host bits cleared. @param prefixLength 0 to 32. */
export function networkOf(address: Ipv4, prefixLength: number): Ipv4 {
  return ipv4FromNumber(networkNumber(address, prefixLength));
}

function networkNumber(address: Ipv4, prefixLength: number): number {
  const mask = prefixLength === 0 ? 0 : (0xffffffff << (32 - prefixLength)) >>> 0;
  return (ipv4ToNumber(address) & mask) >>> 0;
}

/** True if `address` lies in the subnet that `inside` and `prefixLength` name. */
export function isInSubnet(address: Ipv4, inside: Ipv4, prefixLength: number): boolean {
  return networkNumber(address, prefixLength) === networkNumber(inside, prefixLength);
}

/** True for 169.254.0.0/16 (RFC 3927). */
export function isLinkLocalIpv4(address: Ipv4): boolean {
  return address.startsWith('169.254.');
}

/** True if a host may have the address: not 0/8, loopback, multicast, reserved or broadcast. */
export function isUnicastIpv4(address: Ipv4): boolean {
  const first = Number(address.split('.')[0]);
  return first >= 1 && first <= 223 && first !== 127;
}
