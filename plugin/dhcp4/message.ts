/**
 * The DHCP message: fixed header, magic cookie, options (RFC 2131 §2, RFC 2132 §2, §9.3, RFC 3396).
 *
 *   op htype hlen hops | xid | secs flags | ciaddr | yiaddr | siaddr | giaddr | chaddr(16) |
 *   sname(64) | file(128) | 63 82 53 63 | options
 *
 * Options stay bytes by code here; options.ts reads them. Left out: `sname` and `file` as boot
 * parameters (they are only read as option space when option 52 says so) and hardware other than
 * Ethernet. Option 52 itself is consumed by decoding and is not in the map.
 */
import type { Ipv4, Mac } from '../wire/address.ts';
import { MalformedError } from '../wire/malformed-error.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { readOptionSpace } from './option-space.ts';

export const BOOTREQUEST = 1;
export const BOOTREPLY = 2;

export interface Dhcp4Message {
  readonly op: typeof BOOTREQUEST | typeof BOOTREPLY;
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  /**
   * The one defined bit of `flags`. If it is set, replies to a client without address go to
   * 255.255.255.255.
   */
  readonly broadcast: boolean;
  readonly ciaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly giaddr: Ipv4;
  readonly chaddr: Mac;
  /** Code to value. See option-space.ts for options that came in several parts. */
  readonly options: ReadonlyMap<number, Uint8Array>;
  /**
   * Code to the bytes that were seen, for options that could not be read. Undefined if there are
   * none.
   */
  readonly damaged?: ReadonlyMap<number, string>;
}

const HTYPE_ETHERNET = 1;
const HLEN_ETHERNET = 6;
const BROADCAST_FLAG = 0x8000;
const MAGIC_COOKIE = 0x63825363;
const COOKIE_OFFSET = 236;
const OPTIONS_OFFSET = 240;
/** RFC 951 §3: the 300 octets of BOOTP. Some relays and servers drop a shorter message. */
const MINIMUM_LENGTH = 300;

const PAD = 0;
const OVERLOAD = 52;
const MESSAGE_TYPE = 53;
const END = 255;

/**
 * Accepts replies shorter than 300 octets (Kea, networkd). An option that cannot be read is left
 * out.
 * @param source see readOptionSpace.
 * @throws MalformedError for a bad header, and if there is no message type.
 */
export function decodeMessage(bytes: Uint8Array, source?: Ipv4): Dhcp4Message {
  const reader = new Reader(bytes);
  const op = reader.u8('op');
  if (op !== BOOTREQUEST && op !== BOOTREPLY) throw new MalformedError('op', 0);
  if (reader.u8('htype') !== HTYPE_ETHERNET) throw new MalformedError('htype', 1);
  if (reader.u8('hlen') !== HLEN_ETHERNET) throw new MalformedError('hlen', 2);
  const header = {
    op,
    hops: reader.u8('hops'),
    xid: reader.u32('xid'),
    secs: reader.u16('secs'),
    broadcast: (reader.u16('flags') & BROADCAST_FLAG) !== 0,
    ciaddr: reader.ipv4('ciaddr'),
    yiaddr: reader.ipv4('yiaddr'),
    siaddr: reader.ipv4('siaddr'),
    giaddr: reader.ipv4('giaddr'),
    chaddr: reader.mac('chaddr'),
  } as const;
  reader.bytes(10, 'chaddr padding');
  const sname = reader.bytes(64, 'sname');
  const file = reader.bytes(128, 'file');
  if (reader.u32('magic cookie') !== MAGIC_COOKIE) {
    throw new MalformedError('magic cookie', COOKIE_OFFSET);
  }
  const areas = { options: reader.bytes(reader.remaining, 'options'), file, sname };
  const { options, damaged } = readOptionSpace(areas, source);
  if (!options.has(MESSAGE_TYPE)) throw new MalformedError('option 53', OPTIONS_OFFSET);
  return { ...header, options, ...(damaged.size > 0 && { damaged }) };
}

/**
 * The BOOTP payload: option 53 first, the others in map order, 255, zeros up to 300 octets. Values
 * over 255 octets are split (RFC 3396 §5). Options are never put into `file` or `sname`.
 * @throws RangeError for a message without option 53, or with an option that has no value (0, 52,
 * 255).
 */
export function encodeMessage(message: Dhcp4Message): Uint8Array {
  const messageType = message.options.get(MESSAGE_TYPE);
  if (messageType?.length !== 1) throw new RangeError('a DHCP message needs option 53');
  const writer = new Writer()
    .u8(message.op)
    .u8(HTYPE_ETHERNET)
    .u8(HLEN_ETHERNET)
    .u8(message.hops)
    .u32(message.xid)
    .u16(message.secs)
    .u16(message.broadcast ? BROADCAST_FLAG : 0)
    .ipv4(message.ciaddr)
    .ipv4(message.yiaddr)
    .ipv4(message.siaddr)
    .ipv4(message.giaddr)
    .mac(message.chaddr)
    .padTo(COOKIE_OFFSET)
    .u32(MAGIC_COOKIE);
  writeOption(writer, MESSAGE_TYPE, messageType);
  for (const [code, value] of message.options) {
    if (code !== MESSAGE_TYPE) writeOption(writer, code, value);
  }
  return writer.u8(END).padTo(MINIMUM_LENGTH).toBytes();
}

function writeOption(writer: Writer, code: number, value: Uint8Array): void {
  if (code === PAD || code === OVERLOAD || code === END) {
    throw new RangeError(`option ${code} cannot be sent as a value`);
  }
  let offset = 0;
  do {
    const part = value.subarray(offset, offset + 255);
    writer.u8(code).u8(part.length).bytes(part);
    offset += 255;
  } while (offset < value.length);
}
