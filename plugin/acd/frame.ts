/**
 * An ARP packet in its Ethernet frame. It is always broadcast, which RFC 5227 §2.6 allows for every
 * packet.
 */
import { MAC_BROADCAST, type Mac } from '../wire/address.ts';
import { decodeArp, encodeArp } from '../wire/arp.ts';
import type { ArpPacket } from '../wire/arp.ts';
import { decodeEthernet, encodeEthernet, ETHERTYPE_ARP } from '../wire/ethernet.ts';
import { MalformedError } from '../wire/malformed-error.ts';

export interface ArpFrame extends ArpPacket {
  /** The MAC that sent the frame. A host puts the same MAC into `senderMac`. */
  readonly source: Mac;
}

export function encodeArpFrame(packet: ArpPacket): Uint8Array {
  return encodeEthernet({
    destination: MAC_BROADCAST,
    source: packet.senderMac,
    etherType: ETHERTYPE_ARP,
    payload: encodeArp(packet),
  });
}

/** @throws MalformedError, and nothing else, for a frame that is not ARP for IPv4 over Ethernet. */
export function decodeArpFrame(frame: Uint8Array): ArpFrame {
  const ethernet = decodeEthernet(frame);
  if (ethernet.etherType !== ETHERTYPE_ARP) throw new MalformedError('EtherType', 12);
  return { ...decodeArp(ethernet.payload), source: ethernet.source };
}
