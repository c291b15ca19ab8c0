/**
 * Ethernet II header (IEEE 802.3 §3.2.6, type interpretation): destination, source, EtherType.
 *
 * The header has no 802.1Q tag: the kernel moves the tag to packet metadata before a socket gets
 * the frame. A tag that is still there shows as EtherType 0x8100. The caller must refuse it.
 */
import type { Mac } from './address.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

export const ETHERTYPE_IPV4 = 0x0800;
export const ETHERTYPE_ARP = 0x0806;
export const ETHERTYPE_IPV6 = 0x86dd;

const HEADER_LENGTH = 14;

export interface EthernetFrame {
  readonly destination: Mac;
  readonly source: Mac;
  readonly etherType: number;
  /** May be longer than its protocol says, because short frames are padded to 60 octets. */
  readonly payload: Uint8Array;
}

/** @throws MalformedError when the header is truncated. */
export function decodeEthernet(frame: Uint8Array): EthernetFrame {
  const reader = new Reader(frame);
  return {
    destination: reader.mac('Ethernet destination'),
    source: reader.mac('Ethernet source'),
    etherType: reader.u16('EtherType'),
    payload: frame.subarray(HEADER_LENGTH),
  };
}

export function encodeEthernet(frame: EthernetFrame): Uint8Array {
  return new Writer()
    .mac(frame.destination)
    .mac(frame.source)
    .u16(frame.etherType)
    .bytes(frame.payload)
    .toBytes();
}
