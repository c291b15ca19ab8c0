/** ARP for IPv4 over Ethernet (RFC 826), 28 octets. Other hardware or protocols are refused. */
import type { Ipv4, Mac } from './address.ts';
import { MalformedError } from './malformed-error.ts';
import { Reader } from './reader.ts';
import { Writer } from './writer.ts';

export interface ArpPacket {
  readonly operation: 'request' | 'reply';
  readonly senderMac: Mac;
  /** A probe has 0.0.0.0 here (RFC 5227 §1.1). */
  readonly senderAddress: Ipv4;
  readonly targetMac: Mac;
  readonly targetAddress: Ipv4;
}

const HARDWARE_ETHERNET = 1;
const PROTOCOL_IPV4 = 0x0800;
const OPERATION_REQUEST = 1;
const OPERATION_REPLY = 2;

/** Ignores octets after the packet: they are Ethernet padding. @throws MalformedError */
export function decodeArp(bytes: Uint8Array): ArpPacket {
  const reader = new Reader(bytes);
  if (reader.u16('ar$hrd') !== HARDWARE_ETHERNET) throw new MalformedError('ar$hrd', 0);
  if (reader.u16('ar$pro') !== PROTOCOL_IPV4) throw new MalformedError('ar$pro', 2);
  if (reader.u8('ar$hln') !== 6) throw new MalformedError('ar$hln', 4);
  if (reader.u8('ar$pln') !== 4) throw new MalformedError('ar$pln', 5);
  const operation = reader.u16('ar$op');
  if (operation !== OPERATION_REQUEST && operation !== OPERATION_REPLY) {
    throw new MalformedError('ar$op', 6);
  }
  return {
    operation: operation === OPERATION_REQUEST ? 'request' : 'reply',
    senderMac: reader.mac('ar$sha'),
    senderAddress: reader.ipv4('ar$spa'),
    targetMac: reader.mac('ar$tha'),
    targetAddress: reader.ipv4('ar$tpa'),
  };
}

export function encodeArp(packet: ArpPacket): Uint8Array {
  return new Writer()
    .u16(HARDWARE_ETHERNET)
    .u16(PROTOCOL_IPV4)
    .u8(6)
    .u8(4)
    .u16(packet.operation === 'request' ? OPERATION_REQUEST : OPERATION_REPLY)
    .mac(packet.senderMac)
    .ipv4(packet.senderAddress)
    .mac(packet.targetMac)
    .ipv4(packet.targetAddress)
    .toBytes();
}
