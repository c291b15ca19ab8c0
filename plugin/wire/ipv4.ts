/**
 * IPv4 header (RFC 791 §3.1). Options are skipped on receipt and never sent.
 *
 * Every fragment is refused, also the first one (MF set, offset 0). Otherwise a DHCP message in two
 * fragments would be read without its second part.
 */
import type { Ipv4 } from './address.ts';
import { internetChecksum } from './checksum.ts';
import { MalformedError } from './malformed-error.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

export const PROTOCOL_UDP = 17;

const HEADER_LENGTH = 20;
const DONT_FRAGMENT = 0x4000;
const MORE_FRAGMENTS_AND_OFFSET = 0x3fff;
const TIME_TO_LIVE = 64;

export interface Ipv4Packet {
  readonly source: Ipv4;
  readonly destination: Ipv4;
  readonly protocol: number;
  readonly payload: Uint8Array;
}

/**
 * The packet, without the Ethernet padding that may follow it.
 * @throws MalformedError for a wrong version, length or checksum, and for a fragment.
 */
export function decodeIpv4(bytes: Uint8Array): Ipv4Packet {
  const reader = new Reader(bytes);
  const versionAndLength = reader.u8('IPv4 version');
  if (versionAndLength >> 4 !== 4) throw new MalformedError('IPv4 version', 0);
  const headerLength = (versionAndLength & 0x0f) * 4;
  if (headerLength < HEADER_LENGTH || headerLength > bytes.length) {
    throw new MalformedError('IPv4 header length', 0);
  }
  reader.bytes(1, 'IPv4 type of service');
  const totalLength = reader.u16('IPv4 total length');
  if (totalLength < headerLength || totalLength > bytes.length) {
    throw new MalformedError('IPv4 total length', 2);
  }
  if (internetChecksum(bytes.subarray(0, headerLength)) !== 0) {
    throw new MalformedError('IPv4 header checksum', 10);
  }
  reader.bytes(2, 'IPv4 identification');
  if ((reader.u16('IPv4 fragment') & MORE_FRAGMENTS_AND_OFFSET) !== 0) {
    throw new MalformedError('IPv4 fragment', 6);
  }
  reader.bytes(1, 'IPv4 time to live');
  const protocol = reader.u8('IPv4 protocol');
  reader.bytes(2, 'IPv4 header checksum');
  return {
    protocol,
    source: reader.ipv4('IPv4 source'),
    destination: reader.ipv4('IPv4 destination'),
    payload: bytes.subarray(headerLength, totalLength),
  };
}

/** Sets Don't Fragment, so that identification 0 is correct (RFC 6864 §4.1). */
export function encodeIpv4(packet: Ipv4Packet): Uint8Array {
  const header = (checksum: number): Uint8Array =>
    new Writer()
      .u8(0x45)
      .u8(0)
      .u16(HEADER_LENGTH + packet.payload.length)
      .u16(0)
      .u16(DONT_FRAGMENT)
      .u8(TIME_TO_LIVE)
      .u8(packet.protocol)
      .u16(checksum)
      .ipv4(packet.source)
      .ipv4(packet.destination)
      .toBytes();
  return new Writer()
    .bytes(header(internetChecksum(header(0))))
    .bytes(packet.payload)
    .toBytes();
}
