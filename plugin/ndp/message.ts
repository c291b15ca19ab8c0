/**
 * Messages of neighbour discovery: router and neighbour solicitation and advertisement (RFC 4861
 * §4.1 to §4.4), the router preference in the flags of an RA (RFC 4191 §2.2). Redirects are not
 * read.
 *
 * This file checks what a message says by itself. What it must have around it is in `frame.ts`.
 */
import { isMulticast, type Ipv6 } from '../wire/address6.ts';
import { MalformedError } from '../wire/malformed-error.ts';
import { Reader } from '../wire/reader.ts';
import { Writer } from '../wire/writer.ts';
import {
  decodeOptions,
  encodeOptions,
  preferenceBits,
  preferenceOf,
  type NdpOption,
  type Preference,
} from './options.ts';

interface WithOptions {
  readonly options: readonly NdpOption[];
}

export interface RouterSolicitation extends WithOptions {
  readonly type: 'router-solicitation';
}

export interface RouterAdvertisement extends WithOptions {
  readonly type: 'router-advertisement';
  /** 0 means that the router does not say. */
  readonly hopLimit: number;
  /** The M flag: addresses are given by DHCPv6. */
  readonly isManaged: boolean;
  /** The O flag: other configuration is given by DHCPv6. */
  readonly hasOtherConfig: boolean;
  readonly preference: Preference;
  /** The four other bits, for example H of RFC 6275 §7.1. */
  readonly otherFlags: number;
  /** Seconds. 0 means that the router is no default router. It has no infinite value. */
  readonly routerLifetime: number;
  /** Milliseconds; 0 means that the router does not say. */
  readonly reachableTime: number;
  /** Milliseconds; 0 means that the router does not say. */
  readonly retransTimer: number;
}

export interface NeighborSolicitation extends WithOptions {
  readonly type: 'neighbor-solicitation';
  readonly target: Ipv6;
}

export interface NeighborAdvertisement extends WithOptions {
  readonly type: 'neighbor-advertisement';
  readonly isRouter: boolean;
  readonly isSolicited: boolean;
  readonly isOverride: boolean;
  readonly target: Ipv6;
}

export type NdpMessage =
  RouterSolicitation | RouterAdvertisement | NeighborSolicitation | NeighborAdvertisement;

const TYPE = {
  'router-solicitation': 133,
  'router-advertisement': 134,
  'neighbor-solicitation': 135,
  'neighbor-advertisement': 136,
} as const satisfies Record<NdpMessage['type'], number>;

/** Octets before the options. */
const RA_LENGTH = 16;
const RS_LENGTH = 8;
const NEIGHBOR_LENGTH = 24;

const MANAGED = 0x80;
const OTHER_CONFIG = 0x40;
const OTHER_RA_FLAGS = 0x27;
const ROUTER = 0x80;
const SOLICITED = 0x40;
const OVERRIDE = 0x20;

/** Ignores the checksum. @throws MalformedError, also for another type of ICMPv6. */
export function decodeMessage(bytes: Uint8Array): NdpMessage {
  const reader = new Reader(bytes);
  const type = reader.u8('ICMPv6 type');
  if (reader.u8('ICMPv6 code') !== 0) throw new MalformedError('ICMPv6 code', 1);
  reader.u16('ICMPv6 checksum');
  switch (type) {
    case TYPE['router-solicitation']:
      reader.u32('RS reserved');
      return { type: 'router-solicitation', options: optionsFrom(bytes, RS_LENGTH) };
    case TYPE['router-advertisement']:
      return decodeAdvertisement(reader, bytes);
    case TYPE['neighbor-solicitation']:
      reader.u32('NS reserved');
      return { type: 'neighbor-solicitation', ...neighborPart(reader, bytes) };
    case TYPE['neighbor-advertisement']: {
      const flags = reader.u32('NA flags') >>> 24;
      return {
        type: 'neighbor-advertisement',
        isRouter: (flags & ROUTER) !== 0,
        isSolicited: (flags & SOLICITED) !== 0,
        isOverride: (flags & OVERRIDE) !== 0,
        ...neighborPart(reader, bytes),
      };
    }
    default:
      throw new MalformedError('ICMPv6 type', 0);
  }
}

function decodeAdvertisement(reader: Reader, bytes: Uint8Array): RouterAdvertisement {
  const hopLimit = reader.u8('RA hop limit');
  const flags = reader.u8('RA flags');
  const routerLifetime = reader.u16('RA router lifetime');
  return {
    type: 'router-advertisement',
    hopLimit,
    isManaged: (flags & MANAGED) !== 0,
    hasOtherConfig: (flags & OTHER_CONFIG) !== 0,
    // RFC 4191 §2.2: the reserved value is medium, and lifetime 0 makes the preference void.
    preference: routerLifetime === 0 ? 'medium' : (preferenceOf(flags) ?? 'medium'),
    otherFlags: flags & OTHER_RA_FLAGS,
    routerLifetime,
    reachableTime: reader.u32('RA reachable time'),
    retransTimer: reader.u32('RA retrans timer'),
    options: optionsFrom(bytes, RA_LENGTH),
  };
}

/** RFC 4861 §7.1.1 and §7.1.2: the target is not a multicast address. */
function neighborPart(
  reader: Reader,
  bytes: Uint8Array,
): { readonly target: Ipv6; readonly options: readonly NdpOption[] } {
  const target = reader.ipv6('target address');
  if (isMulticast(target)) throw new MalformedError('target address', 8);
  return { target, options: optionsFrom(bytes, NEIGHBOR_LENGTH) };
}

function optionsFrom(bytes: Uint8Array, offset: number): readonly NdpOption[] {
  return decodeOptions(bytes.subarray(offset), offset);
}

/** The checksum is 0. */
export function encodeMessage(message: NdpMessage): Uint8Array {
  const writer = new Writer().u8(TYPE[message.type]).u8(0).u16(0);
  switch (message.type) {
    case 'router-solicitation':
      writer.u32(0);
      break;
    case 'router-advertisement':
      writer
        .u8(message.hopLimit)
        .u8(advertisementFlags(message))
        .u16(message.routerLifetime)
        .u32(message.reachableTime)
        .u32(message.retransTimer);
      break;
    case 'neighbor-solicitation':
      writer.u32(0).ipv6(message.target);
      break;
    case 'neighbor-advertisement':
      writer.u8(neighborFlags(message)).u8(0).u16(0).ipv6(message.target);
      break;
  }
  return writer.bytes(encodeOptions(message.options)).toBytes();
}

function advertisementFlags(message: RouterAdvertisement): number {
  return (
    (message.isManaged ? MANAGED : 0) |
    (message.hasOtherConfig ? OTHER_CONFIG : 0) |
    preferenceBits(message.preference) |
    message.otherFlags
  );
}

function neighborFlags(message: NeighborAdvertisement): number {
  return (
    (message.isRouter ? ROUTER : 0) |
    (message.isSolicited ? SOLICITED : 0) |
    (message.isOverride ? OVERRIDE : 0)
  );
}
