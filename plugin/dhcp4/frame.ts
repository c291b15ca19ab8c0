/**
 * A DHCP message in its Ethernet frame: IPv4, UDP from port 68 to 67 and back (RFC 2131 §4.1).
 *
 * Whole frames are built and read, because a client without an address cannot use the kernel's UDP.
 */
import { decodeEthernet, encodeEthernet, ETHERTYPE_IPV4 } from '../wire/ethernet.ts';
import { decodeIpv4, encodeIpv4, PROTOCOL_UDP } from '../wire/ipv4.ts';
import { MalformedError } from '../wire/malformed-error.ts';
import { decodeUdp, encodeUdp } from '../wire/udp.ts';
import type { Ipv4, Mac } from '../wire/address.ts';
import { BOOTREQUEST, decodeMessage, encodeMessage } from './message.ts';
import type { Dhcp4Message } from './message.ts';

const SERVER_PORT = 67;
const CLIENT_PORT = 68;

export interface OutgoingFrame {
  readonly sourceMac: Mac;
  readonly destinationMac: Mac;
  readonly sourceAddress: Ipv4;
  readonly destinationAddress: Ipv4;
  readonly message: Dhcp4Message;
}

export interface IncomingFrame {
  readonly message: Dhcp4Message;
  readonly sourceMac: Mac;
  readonly sourceAddress: Ipv4;
  readonly destinationMac: Mac;
}

/** Requests go from port 68 to 67. Replies go from 67 to 68; only simulated servers build them. */
export function encodeFrame(outgoing: OutgoingFrame): Uint8Array {
  const isRequest = outgoing.message.op === BOOTREQUEST;
  const addresses = { source: outgoing.sourceAddress, destination: outgoing.destinationAddress };
  const datagram = {
    sourcePort: isRequest ? CLIENT_PORT : SERVER_PORT,
    destinationPort: isRequest ? SERVER_PORT : CLIENT_PORT,
    payload: encodeMessage(outgoing.message),
  };
  return encodeEthernet({
    destination: outgoing.destinationMac,
    source: outgoing.sourceMac,
    etherType: ETHERTYPE_IPV4,
    payload: encodeIpv4({
      ...addresses,
      protocol: PROTOCOL_UDP,
      payload: encodeUdp(datagram, addresses),
    }),
  });
}

/**
 * Accepts any source port, because relays and some servers answer from another one.
 * @param options.checksumReady see decodeUdp.
 * @param options.port the destination port to accept; by default the client's, 68.
 * @throws MalformedError, and nothing else, for any frame that is not an intact DHCP message.
 */
export function decodeFrame(
  frame: Uint8Array,
  options: { readonly checksumReady: boolean; readonly port?: number },
): IncomingFrame {
  const ethernet = decodeEthernet(frame);
  if (ethernet.etherType !== ETHERTYPE_IPV4) throw new MalformedError('EtherType', 12);
  const packet = decodeIpv4(ethernet.payload);
  if (packet.protocol !== PROTOCOL_UDP) throw new MalformedError('IPv4 protocol', 9);
  const datagram = decodeUdp(packet.payload, packet, options);
  if (datagram.destinationPort !== (options.port ?? CLIENT_PORT)) {
    throw new MalformedError('UDP destination port', 2);
  }
  return {
    message: decodeMessage(datagram.payload, packet.source),
    sourceMac: ethernet.source,
    sourceAddress: packet.source,
    destinationMac: ethernet.destination,
  };
}
