/** Messages between clients and servers of DHCPv6 (RFC 9915 §7.3, §8). */
import { MalformedError } from '../wire/malformed-error.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { decodeOptions, encodeOptions, type Dhcp6Option } from './options.ts';

/** RFC 9915 §7.3, from 1 on. 12 and 13 are those of relays, which have another header. */
const MESSAGE_TYPES = [
  'SOLICIT',
  'ADVERTISE',
  'REQUEST',
  'CONFIRM',
  'RENEW',
  'REBIND',
  'REPLY',
  'RELEASE',
  'DECLINE',
  'RECONFIGURE',
  'INFORMATION-REQUEST',
] as const;

export type MessageType = (typeof MESSAGE_TYPES)[number];

export interface Dhcp6Message {
  readonly type: MessageType;
  /** The transaction id: 24 bits. */
  readonly xid: number;
  readonly options: readonly Dhcp6Option[];
}

/** True for what servers send. Clients send the others. */
export function isFromServer({ type }: Dhcp6Message): boolean {
  return type === 'ADVERTISE' || type === 'REPLY' || type === 'RECONFIGURE';
}

/** @throws MalformedError also for messages between relays and servers. */
export function decodeMessage(bytes: Uint8Array): Dhcp6Message {
  const reader = new Reader(bytes);
  const type = MESSAGE_TYPES[reader.u8('message type') - 1];
  if (type === undefined) throw new MalformedError('message type', 0);
  const xid = reader.u8('transaction id') * 0x10000 + reader.u16('transaction id');
  const options = decodeOptions(reader.bytes(reader.remaining, 'options'), 4);
  return { type, xid, options };
}

export function encodeMessage({ type, xid, options }: Dhcp6Message): Uint8Array {
  return new Writer()
    .u8(MESSAGE_TYPES.indexOf(type) + 1)
    .u8(xid >>> 16)
    .u16(xid & 0xffff)
    .bytes(encodeOptions(options))
    .toBytes();
}
