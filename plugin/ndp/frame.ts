/**
 * A message of neighbour discovery in its Ethernet frame, with the acceptance checks of RFC 4861
 * §6.1 and §7.1.
 *
 * Deviation: a message after any extension header is refused, not only one in a fragment (RFC 6980
 * §5). No host or router sends one, and filters against rogue routers miss it.
 */
import type { Mac } from '../wire/address.ts';
import {
  IPV6_ANY,
  isLinkLocal,
  isMulticast,
  solicitedNodeOf,
  type Ipv6,
} from '../wire/address6.ts';
import { decodeEthernet, encodeEthernet, ETHERTYPE_IPV6 } from '../wire/ethernet.ts';
import { decodeIpv6, encodeIpv6, NEXT_HEADER_ICMPV6, upperLayerChecksum } from '../wire/ipv6.ts';
import { MalformedError } from '../wire/malformed-error.ts';
import { decodeMessage, encodeMessage, type NdpMessage } from './message.ts';

export interface NdpFrame<Message extends NdpMessage = NdpMessage> {
  readonly sourceMac: Mac;
  readonly destinationMac: Mac;
  readonly source: Ipv6;
  readonly destination: Ipv6;
  readonly message: Message;
}

/** A packet with another hop limit has passed a router, so it is not of this link. */
const HOP_LIMIT = 255;
const CHECKSUM_OFFSET = 2;

/**
 * @param options.checksumReady false if the sender left the checksum to hardware that the packet
 * never passed (TP_STATUS_CSUMNOTREADY, usual on veth). The checksum is then not checked.
 * @throws MalformedError, and nothing else, for a frame that is not valid neighbour discovery.
 */
export function decodeNdpFrame(
  frame: Uint8Array,
  options: { readonly checksumReady: boolean },
): NdpFrame {
  const ethernet = decodeEthernet(frame);
  if (ethernet.etherType !== ETHERTYPE_IPV6) throw new MalformedError('EtherType', 12);
  const { source, destination, nextHeader, hopLimit, payload } = decodeIpv6(ethernet.payload);
  if (nextHeader !== NEXT_HEADER_ICMPV6) throw new MalformedError('IPv6 next header', 6);
  if (hopLimit !== HOP_LIMIT) throw new MalformedError('IPv6 hop limit', 7);
  const between = { source, destination };
  if (options.checksumReady && upperLayerChecksum(between, nextHeader, payload) !== 0) {
    throw new MalformedError('ICMPv6 checksum', CHECKSUM_OFFSET);
  }
  const message = decodeMessage(payload);
  const wrong = wrongAround(message, source, destination);
  if (wrong !== undefined) throw new MalformedError(wrong, 0);
  return {
    sourceMac: ethernet.source,
    destinationMac: ethernet.destination,
    source,
    destination,
    message,
  };
}

/** What is wrong with the addresses of the packet for this message; undefined if nothing is. */
function wrongAround(message: NdpMessage, source: Ipv6, destination: Ipv6): string | undefined {
  if (isMulticast(source)) return 'IPv6 source';
  switch (message.type) {
    case 'router-advertisement':
      return isLinkLocal(source) ? undefined : 'RA source';
    case 'neighbor-advertisement':
      return message.isSolicited && isMulticast(destination) ? 'NA solicited flag' : undefined;
    case 'router-solicitation':
    case 'neighbor-solicitation': {
      if (source !== IPV6_ANY) return undefined;
      // A host without an address cannot be answered, so it must not say who it is.
      if (message.options.some(({ type }) => type === 'source-link-layer')) {
        return 'source link-layer address';
      }
      const isAside =
        message.type === 'neighbor-solicitation' && destination !== solicitedNodeOf(message.target);
      return isAside ? 'NS destination' : undefined;
    }
  }
}

export function encodeNdpFrame(frame: NdpFrame): Uint8Array {
  const { source, destination } = frame;
  return encodeEthernet({
    destination: frame.destinationMac,
    source: frame.sourceMac,
    etherType: ETHERTYPE_IPV6,
    payload: encodeIpv6({
      source,
      destination,
      nextHeader: NEXT_HEADER_ICMPV6,
      hopLimit: HOP_LIMIT,
      payload: withChecksum(encodeMessage(frame.message), { source, destination }),
    }),
  });
}

/** @param bytes a message of ICMPv6 whose checksum is 0. */
export function withChecksum(
  bytes: Uint8Array,
  between: { readonly source: Ipv6; readonly destination: Ipv6 },
): Uint8Array {
  const checksum = upperLayerChecksum(between, NEXT_HEADER_ICMPV6, bytes);
  const copy = Uint8Array.from(bytes);
  copy.set([checksum >> 8, checksum & 0xff], CHECKSUM_OFFSET);
  return copy;
}
