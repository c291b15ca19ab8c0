/** UDP over IPv4 (RFC 768) and IPv6 (RFC 8200 §8.1), with the pseudo header in the checksum. */
import type { Ipv4 } from './address.ts';
import { internetChecksum } from './checksum.ts';
import { PROTOCOL_UDP } from './ipv4.ts';
import { upperLayerChecksum, type Ipv6Addresses } from './ipv6.ts';
import { MalformedError } from './malformed-error.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

const HEADER_LENGTH = 8;

export interface UdpDatagram {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly payload: Uint8Array;
}

/** The addresses that the checksum covers besides the datagram. */
export type UdpAddresses =
  | { readonly source: Ipv4; readonly destination: Ipv4; readonly family?: 4 }
  | (Ipv6Addresses & { readonly family: 6 });

/**
 * @param options.checksumReady false if the sender left the checksum to hardware that the packet
 * never passed (TP_STATUS_CSUMNOTREADY, usual on veth). The checksum is then not checked.
 * @throws MalformedError for a wrong length or checksum. Checksum 0 means that there is none. Only
 * IPv4 allows that (RFC 8200 §8.1).
 */
export function decodeUdp(
  bytes: Uint8Array,
  addresses: UdpAddresses,
  options: { readonly checksumReady: boolean },
): UdpDatagram {
  const reader = new Reader(bytes);
  const sourcePort = reader.u16('UDP source port');
  const destinationPort = reader.u16('UDP destination port');
  const length = reader.u16('UDP length');
  const checksum = reader.u16('UDP checksum');
  if (length < HEADER_LENGTH || length > bytes.length) throw new MalformedError('UDP length', 4);
  const datagram = bytes.subarray(0, length);
  const isRequired = addresses.family === 6 || checksum !== 0;
  if (options.checksumReady && isRequired) {
    if (checksum === 0 || checksumOf(addresses, datagram) !== 0) {
      throw new MalformedError('UDP checksum', 6);
    }
  }
  return { sourcePort, destinationPort, payload: datagram.subarray(HEADER_LENGTH) };
}

export function encodeUdp(datagram: UdpDatagram, addresses: UdpAddresses): Uint8Array {
  const length = HEADER_LENGTH + datagram.payload.length;
  const withChecksum = (checksum: number): Uint8Array =>
    new Writer()
      .u16(datagram.sourcePort)
      .u16(datagram.destinationPort)
      .u16(length)
      .u16(checksum)
      .bytes(datagram.payload)
      .toBytes();
  const checksum = checksumOf(addresses, withChecksum(0));
  // RFC 768: a computed 0 is sent as all ones, because 0 means that there is no checksum.
  return withChecksum(checksum === 0 ? 0xffff : checksum);
}

function checksumOf(addresses: UdpAddresses, datagram: Uint8Array): number {
  if (addresses.family === 6) return upperLayerChecksum(addresses, PROTOCOL_UDP, datagram);
  const pseudoHeader = new Writer()
    .ipv4(addresses.source)
    .ipv4(addresses.destination)
    .u16(PROTOCOL_UDP)
    .u16(datagram.length)
    .toBytes();
  return internetChecksum(pseudoHeader, datagram);
}
