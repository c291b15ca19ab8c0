/**
 * A message of DHCPv6 in its Ethernet frame: IPv6, UDP from port 546 to 547 and back (RFC 9915
 * §7.2).
 *
 * Whole frames are built and read, because the address may be in another network namespace or not
 * in use yet. Every message of a client is a multicast to ff02::1:2 from its link-local address
 * (§7.1, §17): RFC 9915 has no unicast to servers.
 */
import type { Mac } from '../wire/address.ts';
import { linkLocalOf, multicastMacOf, parseIpv6, type Ipv6 } from '../wire/address6.ts';
import { decodeEthernet, encodeEthernet, ETHERTYPE_IPV6 } from '../wire/ethernet.ts';
import { PROTOCOL_UDP } from '../wire/ipv4.ts';
import { decodeIpv6, encodeIpv6 } from '../wire/ipv6.ts';
import { MalformedError } from '../wire/malformed-error.ts';
import { decodeUdp, encodeUdp } from '../wire/udp.ts';
import { decodeMessage, encodeMessage, isFromServer, type Dhcp6Message } from './message.ts';

/** All_DHCP_Relay_Agents_and_Servers (RFC 9915 §7.1). */
const ALL_DHCP_SERVERS: Ipv6 = parseIpv6('ff02::1:2')!;

const SERVER_PORT = 547;
const CLIENT_PORT = 546;
/** A multicast stays on the link. */
const CLIENT_HOP_LIMIT = 1;
/** As Linux sends a unicast. Only simulated servers build one. */
const SERVER_HOP_LIMIT = 64;

export interface Dhcp6Frame {
  readonly sourceMac: Mac;
  readonly destinationMac: Mac;
  readonly source: Ipv6;
  readonly destination: Ipv6;
  readonly message: Dhcp6Message;
}

/** The frame in which a client with this MAC sends a message. */
export function clientFrame(mac: Mac, message: Dhcp6Message): Dhcp6Frame {
  return {
    sourceMac: mac,
    destinationMac: multicastMacOf(ALL_DHCP_SERVERS),
    source: linkLocalOf(mac),
    destination: ALL_DHCP_SERVERS,
    message,
  };
}

export function encodeFrame(frame: Dhcp6Frame): Uint8Array {
  const { source, destination, message } = frame;
  const isReply = isFromServer(message);
  const datagram = {
    sourcePort: isReply ? SERVER_PORT : CLIENT_PORT,
    destinationPort: isReply ? CLIENT_PORT : SERVER_PORT,
    payload: encodeMessage(message),
  };
  return encodeEthernet({
    destination: frame.destinationMac,
    source: frame.sourceMac,
    etherType: ETHERTYPE_IPV6,
    payload: encodeIpv6({
      source,
      destination,
      nextHeader: PROTOCOL_UDP,
      hopLimit: isReply ? SERVER_HOP_LIMIT : CLIENT_HOP_LIMIT,
      payload: encodeUdp(datagram, { source, destination, family: 6 }),
    }),
  });
}

/**
 * Accepts any source port, because relays and some servers answer from another one.
 * @param options.checksumReady see decodeUdp.
 * @param options.port the destination port to accept; by default the client's, 546.
 * @throws MalformedError, and nothing else, for any frame that is not an intact message.
 */
export function decodeFrame(
  frame: Uint8Array,
  options: { readonly checksumReady: boolean; readonly port?: number },
): Dhcp6Frame {
  const ethernet = decodeEthernet(frame);
  if (ethernet.etherType !== ETHERTYPE_IPV6) throw new MalformedError('EtherType', 12);
  const { source, destination, nextHeader, payload } = decodeIpv6(ethernet.payload);
  if (nextHeader !== PROTOCOL_UDP) throw new MalformedError('IPv6 next header', 6);
  const datagram = decodeUdp(payload, { source, destination, family: 6 }, options);
  if (datagram.destinationPort !== (options.port ?? CLIENT_PORT)) {
    throw new MalformedError('UDP destination port', 2);
  }
  return {
    sourceMac: ethernet.source,
    destinationMac: ethernet.destination,
    source,
    destination,
    message: decodeMessage(datagram.payload),
  };
}
