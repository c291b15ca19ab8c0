/**
 * Options of neighbour discovery: link-layer addresses, prefix, MTU (RFC 4861 §4.6), route
 * information (RFC 4191 §2.3), DNS servers and search list (RFC 8106 §5).
 *
 * An option of length 0 or one past the end spoils the whole packet (RFC 4861 §4.6). An option that
 * is not known, or whose value breaks its own format, is kept as `unknown` with its bytes. So it is
 * ignored here, and a replayed RA still has it.
 */
import type { Mac } from '../wire/address.ts';
import { subnet6Of, type Ipv6, type Subnet6 } from '../wire/address6.ts';
import { MalformedError } from '../wire/malformed-error.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import { decodeNames, encodeNames } from '../vocabulary/dns-names.ts';

/** All ones in a 32-bit lifetime (RFC 4861 §4.6.2). */
export const INFINITE_LIFETIME = 0xffffffff;

export type Preference = 'high' | 'medium' | 'low';

/** Lifetimes are seconds from the arrival of the packet, as on the wire. */
export type NdpOption =
  | { readonly type: 'source-link-layer' | 'target-link-layer'; readonly mac: Mac }
  | PrefixOption
  | { readonly type: 'mtu'; readonly mtu: number }
  | {
      readonly type: 'route';
      readonly subnet: Subnet6;
      readonly preference: Preference;
      readonly lifetime: number;
    }
  | { readonly type: 'rdnss'; readonly servers: readonly Ipv6[]; readonly lifetime: number }
  | { readonly type: 'dnssl'; readonly names: readonly string[]; readonly lifetime: number }
  /** `value`: the octets after type and length. */
  | { readonly type: 'unknown'; readonly code: number; readonly value: Uint8Array };

export interface PrefixOption {
  readonly type: 'prefix';
  readonly subnet: Subnet6;
  readonly isOnLink: boolean;
  /** An address may be made of it (the A flag). */
  readonly isAutonomous: boolean;
  /** The six other bits, for example R of RFC 6275 §7.2. */
  readonly otherFlags: number;
  readonly validLifetime: number;
  readonly preferredLifetime: number;
}

const CODE = {
  'source-link-layer': 1,
  'target-link-layer': 2,
  prefix: 3,
  mtu: 5,
  route: 24,
  rdnss: 25,
  dnssl: 31,
} as const;

const ON_LINK = 0x80;
const AUTONOMOUS = 0x40;
const OTHER_PREFIX_FLAGS = 0x3f;

/** RFC 4191 §2.1, in the order of the two bits. 10 is reserved. */
const PREFERENCES = ['medium', 'high', undefined, 'low'] as const;

/** Bits 3 and 4 of `octet`; undefined for the reserved value. */
export function preferenceOf(octet: number): Preference | undefined {
  return PREFERENCES[(octet >> 3) & 3];
}

export function preferenceBits(preference: Preference): number {
  return PREFERENCES.indexOf(preference) << 3;
}

/** @param base is added to the offset in errors. @throws MalformedError */
export function decodeOptions(bytes: Uint8Array, base: number): readonly NdpOption[] {
  const reader = new Reader(bytes, base);
  const options: NdpOption[] = [];
  while (reader.remaining > 0) {
    const code = reader.u8('option type');
    const length = reader.u8('option length');
    if (length === 0) throw new MalformedError('option length', reader.offset - 1);
    const value = reader.bytes(8 * length - 2, 'option');
    options.push(decodeOption(code, value) ?? { type: 'unknown', code, value });
  }
  return options;
}

/** Undefined if the option is not known, or its value breaks its format. */
function decodeOption(code: number, value: Uint8Array): NdpOption | undefined {
  const reader = new Reader(value);
  switch (code) {
    case CODE['source-link-layer']:
    case CODE['target-link-layer']:
      // RFC 2464 §6: eight octets in all for Ethernet.
      if (value.length !== 6) return undefined;
      return {
        type: code === CODE['source-link-layer'] ? 'source-link-layer' : 'target-link-layer',
        mac: reader.mac('link-layer address'),
      };
    case CODE.prefix:
      return value.length === 30 ? decodePrefix(reader) : undefined;
    case CODE.mtu:
      if (value.length !== 6) return undefined;
      reader.u16('reserved');
      return { type: 'mtu', mtu: reader.u32('MTU') };
    case CODE.route:
      return decodeRoute(reader, value.length);
    case CODE.rdnss:
      return decodeServers(reader, value.length);
    case CODE.dnssl: {
      reader.u16('reserved');
      const lifetime = reader.u32('lifetime');
      const names = decodeNames(value.subarray(6));
      return names && { type: 'dnssl', names, lifetime };
    }
    default:
      return undefined;
  }
}

function decodePrefix(reader: Reader): PrefixOption | undefined {
  const prefixLength = reader.u8('prefix length');
  const flags = reader.u8('prefix flags');
  const validLifetime = reader.u32('valid lifetime');
  const preferredLifetime = reader.u32('preferred lifetime');
  reader.u32('reserved');
  if (prefixLength > 128) return undefined;
  return {
    type: 'prefix',
    subnet: subnet6Of(reader.ipv6('prefix'), prefixLength),
    isOnLink: (flags & ON_LINK) !== 0,
    isAutonomous: (flags & AUTONOMOUS) !== 0,
    otherFlags: flags & OTHER_PREFIX_FLAGS,
    validLifetime,
    preferredLifetime,
  };
}

/** RFC 4191 §2.3: the prefix has 0, 8 or 16 octets, enough for its length. */
function decodeRoute(reader: Reader, length: number): NdpOption | undefined {
  const prefixLength = reader.u8('prefix length');
  const preference = preferenceOf(reader.u8('route flags'));
  const lifetime = reader.u32('route lifetime');
  const octets = length - 6;
  // The reserved preference: the option must be ignored.
  if (octets > 16 || prefixLength > 8 * octets || preference === undefined) return undefined;
  const prefix = new Writer().bytes(reader.bytes(octets, 'prefix')).padTo(16).toBytes();
  const subnet = subnet6Of(new Reader(prefix).ipv6('prefix'), prefixLength);
  return { type: 'route', subnet, preference, lifetime };
}

/** RFC 8106 §5.3.1: at least one address, and no octets after the last. */
function decodeServers(reader: Reader, length: number): NdpOption | undefined {
  reader.u16('reserved');
  const lifetime = reader.u32('lifetime');
  if (length < 6 + 16 || (length - 6) % 16 !== 0) return undefined;
  const servers: Ipv6[] = [];
  while (reader.remaining > 0) servers.push(reader.ipv6('DNS server'));
  return { type: 'rdnss', servers, lifetime };
}

export function encodeOptions(options: readonly NdpOption[]): Uint8Array {
  const writer = new Writer();
  for (const option of options) {
    const code = option.type === 'unknown' ? option.code : CODE[option.type];
    const value = encodeValue(option);
    const length = Math.ceil((value.length + 2) / 8);
    writer.u8(code).u8(length).bytes(value);
    writer.bytes(new Uint8Array(8 * length - 2 - value.length));
  }
  return writer.toBytes();
}

function encodeValue(option: NdpOption): Uint8Array {
  const writer = new Writer();
  switch (option.type) {
    case 'source-link-layer':
    case 'target-link-layer':
      return writer.mac(option.mac).toBytes();
    case 'prefix':
      return writer
        .u8(option.subnet.prefixLength)
        .u8(flagsOf(option))
        .u32(option.validLifetime)
        .u32(option.preferredLifetime)
        .u32(0)
        .ipv6(option.subnet.network)
        .toBytes();
    case 'mtu':
      return writer.u16(0).u32(option.mtu).toBytes();
    case 'route':
      return writer
        .u8(option.subnet.prefixLength)
        .u8(preferenceBits(option.preference))
        .u32(option.lifetime)
        .ipv6(option.subnet.network)
        .toBytes();
    case 'rdnss':
      writer.u16(0).u32(option.lifetime);
      for (const server of option.servers) writer.ipv6(server);
      return writer.toBytes();
    case 'dnssl':
      return writer.u16(0).u32(option.lifetime).bytes(encodeNames(option.names)).toBytes();
    case 'unknown':
      return option.value;
  }
}

function flagsOf({ isOnLink, isAutonomous, otherFlags }: PrefixOption): number {
  return (isOnLink ? ON_LINK : 0) | (isAutonomous ? AUTONOMOUS : 0) | otherFlags;
}
