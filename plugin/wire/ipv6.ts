/**
 * IPv6 header (RFC 8200 §3), its pseudo header (§8.1), and the one extension header that we send:
 * hop-by-hop options with a router alert (§4.3, RFC 2711).
 *
 * Other extension headers stay in the payload and are the `nextHeader`. Neighbour discovery and
 * DHCPv6 refuse them so, and with them every fragment (RFC 6980 §5 for neighbour discovery).
 */
import type { Ipv6 } from './address6.ts';
import { internetChecksum } from './checksum.ts';
import { MalformedError } from './malformed-error.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

export const NEXT_HEADER_HOP_BY_HOP = 0;
export const NEXT_HEADER_ICMPV6 = 58;

const OPTION_PAD1 = 0;
const OPTION_PADN = 1;
const OPTION_ROUTER_ALERT = 5;
/** RFC 2711 §2.1: the packet holds a message of MLD. */
const ALERT_MLD = 0;

export interface Ipv6Packet {
  readonly source: Ipv6;
  readonly destination: Ipv6;
  readonly nextHeader: number;
  readonly hopLimit: number;
  readonly payload: Uint8Array;
}

/**
 * The packet, without the Ethernet padding that may follow it. A jumbogram (RFC 2675) says length
 * 0, so its payload is empty here.
 * @throws MalformedError for a wrong version or length.
 */
export function decodeIpv6(bytes: Uint8Array): Ipv6Packet {
  const reader = new Reader(bytes);
  if (reader.u32('IPv6 version') >>> 28 !== 6) throw new MalformedError('IPv6 version', 0);
  const length = reader.u16('IPv6 payload length');
  const nextHeader = reader.u8('IPv6 next header');
  const hopLimit = reader.u8('IPv6 hop limit');
  const source = reader.ipv6('IPv6 source');
  const destination = reader.ipv6('IPv6 destination');
  return {
    source,
    destination,
    nextHeader,
    hopLimit,
    payload: reader.bytes(length, 'IPv6 payload'),
  };
}

/** Traffic class and flow label are 0. */
export function encodeIpv6(packet: Ipv6Packet): Uint8Array {
  return new Writer()
    .u32(6 * 2 ** 28)
    .u16(packet.payload.length)
    .u8(packet.nextHeader)
    .u8(packet.hopLimit)
    .ipv6(packet.source)
    .ipv6(packet.destination)
    .bytes(packet.payload)
    .toBytes();
}

/** The addresses that a checksum of an upper layer covers. */
export interface Ipv6Addresses {
  readonly source: Ipv6;
  readonly destination: Ipv6;
}

/**
 * The checksum of an upper-layer packet with its pseudo header (RFC 8200 §8.1). It is 0 if `bytes`
 * hold their own checksum and are intact.
 */
export function upperLayerChecksum(
  { source, destination }: Ipv6Addresses,
  nextHeader: number,
  bytes: Uint8Array,
): number {
  const pseudoHeader = new Writer().ipv6(source).ipv6(destination).u32(bytes.length);
  return internetChecksum(pseudoHeader.u32(nextHeader).toBytes(), bytes);
}

export interface HopByHop {
  readonly nextHeader: number;
  /** True if it has the router alert of MLD. */
  readonly hasMldAlert: boolean;
  /** What follows the header. */
  readonly payload: Uint8Array;
}

/**
 * Reads the payload of a packet whose next header is NEXT_HEADER_HOP_BY_HOP.
 * @throws MalformedError also for an option that a host that does not know it must refuse: the two
 * highest bits of its type are not 00 (RFC 8200 §4.2).
 */
export function decodeHopByHop(bytes: Uint8Array): HopByHop {
  const reader = new Reader(bytes);
  const nextHeader = reader.u8('hop-by-hop next header');
  const length = 8 * reader.u8('hop-by-hop length') + 6;
  const options = new Reader(reader.bytes(length, 'hop-by-hop options'), 2);
  let hasMldAlert = false;
  while (options.remaining > 0) {
    const type = options.u8('hop-by-hop option');
    if (type === OPTION_PAD1) continue;
    const value = options.bytes(options.u8('hop-by-hop option length'), 'hop-by-hop option');
    if (type === OPTION_ROUTER_ALERT) {
      if (value.length !== 2) throw new MalformedError('router alert', options.offset);
      hasMldAlert ||= value[0] === 0 && value[1] === ALERT_MLD;
    } else if (type !== OPTION_PADN && type >> 6 !== 0) {
      throw new MalformedError('hop-by-hop option', options.offset);
    }
  }
  return { nextHeader, hasMldAlert, payload: bytes.subarray(2 + length) };
}

/** Eight octets with the router alert of MLD, before `payload`. */
export function encodeMldAlert(nextHeader: number, payload: Uint8Array): Uint8Array {
  return new Writer()
    .u8(nextHeader)
    .u8(0)
    .u8(OPTION_ROUTER_ALERT)
    .u8(2)
    .u16(ALERT_MLD)
    .u8(OPTION_PADN)
    .u8(0)
    .bytes(payload)
    .toBytes();
}
