/**
 * The DHCP message: fixed header, magic cookie, options (RFC 2131 §2, RFC 2132 §2 and §9.3, RFC 3396).
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

export const BOOTREQUEST = 1;
export const BOOTREPLY = 2;

export interface Dhcp4Message {
  readonly op: typeof BOOTREQUEST | typeof BOOTREPLY;
  readonly hops: number;
  readonly xid: number;
  readonly secs: number;
  /** The one defined bit of `flags`: replies to a client without address go to 255.255.255.255. */
  readonly broadcast: boolean;
  readonly ciaddr: Ipv4;
  readonly yiaddr: Ipv4;
  readonly siaddr: Ipv4;
  readonly giaddr: Ipv4;
  readonly chaddr: Mac;
  /** Code to value; a code that came in several parts is joined (RFC 3396 §7). */
  readonly options: ReadonlyMap<number, Uint8Array>;
}

const HTYPE_ETHERNET = 1;
const HLEN_ETHERNET = 6;
const BROADCAST_FLAG = 0x8000;
const MAGIC_COOKIE = 0x63825363;
const SNAME_OFFSET = 44;
const FILE_OFFSET = 108;
const COOKIE_OFFSET = 236;
const OPTIONS_OFFSET = 240;
/** RFC 951 §3: BOOTP's 300 octets, below which some relays and servers drop a message. */
const MINIMUM_LENGTH = 300;

const PAD = 0;
const OVERLOAD = 52;
const MESSAGE_TYPE = 53;
const END = 255;

/** Replies shorter than 300 octets are accepted (Kea, networkd). @throws MalformedError */
export function decodeMessage(bytes: Uint8Array): Dhcp4Message {
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
  const options = decodeOptions(reader.bytes(reader.remaining, 'options'), file, sname);
  if (options.get(MESSAGE_TYPE)?.length !== 1) {
    throw new MalformedError('option 53', OPTIONS_OFFSET);
  }
  return { ...header, options };
}

/**
 * The BOOTP payload: option 53 first, the others in map order, 255, zeros up to 300 octets. Values over
 * 255 octets are split (RFC 3396 §5); option space is never overloaded into `file` or `sname`.
 * @throws RangeError for a message without option 53 or with an option that has no value (0, 52, 255).
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

/** RFC 3396 §5 fixes the order in which the three places form one option space. */
function decodeOptions(
  options: Uint8Array,
  file: Uint8Array,
  sname: Uint8Array,
): ReadonlyMap<number, Uint8Array> {
  const parts = new Map<number, Uint8Array[]>();
  collectOptions(options, OPTIONS_OFFSET, parts);
  const overload = overloadValue(parts.get(OVERLOAD));
  if ((overload & 1) !== 0) collectOptions(file, FILE_OFFSET, parts);
  if ((overload & 2) !== 0) collectOptions(sname, SNAME_OFFSET, parts);
  parts.delete(OVERLOAD);
  return new Map(Array.from(parts, ([code, values]) => [code, concatenate(values)]));
}

/** RFC 2132 §9.3: 1 = file, 2 = sname, 3 = both; 0 here: not overloaded. */
function overloadValue(parts: readonly Uint8Array[] | undefined): number {
  if (parts === undefined) return 0;
  const [value, ...more] = concatenate(parts);
  if (value === undefined || more.length > 0 || value < 1 || value > 3) {
    throw new MalformedError('option 52', OPTIONS_OFFSET);
  }
  return value;
}

/**
 * An area that stops at an option boundary without 255 is accepted: nothing of it is lost, and some
 * servers fill the last octet.
 */
function collectOptions(area: Uint8Array, base: number, parts: Map<number, Uint8Array[]>): void {
  const reader = new Reader(area, base);
  while (reader.remaining > 0) {
    const code = reader.u8('option code');
    if (code === END) return;
    if (code === PAD) continue;
    const value = reader.bytes(reader.u8(`option ${code} length`), `option ${code}`);
    const values = parts.get(code);
    if (values === undefined) parts.set(code, [value]);
    else values.push(value);
  }
}

/** A copy, so that a kept lease does not keep a receive buffer alive or change with it. */
function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const joined = new Writer();
  for (const part of parts) joined.bytes(part);
  return joined.toBytes();
}
