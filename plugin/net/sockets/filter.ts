/**
 * Classic BPF programs, as data: what of a link's traffic reaches our sockets.
 *
 * They look at whole Ethernet frames. The kernel has moved an 802.1Q tag out of the frame before a filter
 * runs, so offsets do not depend on it; a second tag stays inside and fails the EtherType check.
 * Checks that need more than a comparison (checksums, lengths, options) are the decoders' business.
 */
import { ipv4ToNumber, macToBytes } from '../../wire/address.ts';
import type { Ipv4, Mac } from '../../wire/address.ts';
import {
  assemble,
  change,
  give,
  jump,
  load,
  type BpfInstruction,
  type Step,
} from '../bpf-assembler.ts';

/** Instruction codes used here (linux/bpf_common.h). */
export const BPF = {
  LD_WORD_ABS: 0x20,
  LD_HALF_ABS: 0x28,
  LD_BYTE_ABS: 0x30,
  LD_WORD_IND: 0x40,
  LD_HALF_IND: 0x48,
  LDX_IP_HEADER_LENGTH: 0xb1, // X = 4 * (byte[k] & 15)
  JUMP_EQUAL: 0x15,
  JUMP_ANY_BIT: 0x45,
  RETURN: 0x06,
} as const;

/** ARP for IPv4 in an Ethernet frame (RFC 826): hardware and protocol; lengths of their addresses, and operation. */
const ARP_AT = 14;
const ARP_LENGTH = 28;
const ARP_ETHERNET_IPV4 = 0x00010800;
const ARP_LENGTHS = 0x06040000;
const ARP_REQUEST = 1;
const ARP_REPLY = 2;
const ARP_SENDER_MAC_AT = 22;
const ARP_SENDER_ADDRESS_AT = 28;
const ARP_TARGET_ADDRESS_AT = 38;

/** Returned by an accepting program: as much of the frame as there is. */
const WHOLE_FRAME = 0x40000;

const ETHERTYPE_AT = 12;
const IP_AT = 14;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_ARP = 0x0806;
const PROTOCOL_UDP = 17;
const DHCP_CLIENT_PORT = 68;
/** More-fragments flag and fragment offset: all zero in a datagram that was never cut. */
const FRAGMENT_BITS = 0x3fff;
/** chaddr in the UDP payload (RFC 2131 §2). */
const CHADDR_AT = 28;
const UDP_HEADER_LENGTH = 8;

/** A check of the program under construction: any failure drops the frame. */
type Check =
  | { readonly load: number; readonly k: number; readonly equals: number }
  | { readonly load: number; readonly k: number; readonly noneOf: number };

function program(checks: readonly (Check | BpfInstruction)[]): readonly BpfInstruction[] {
  const body = checks.flatMap((check): readonly BpfInstruction[] => {
    if ('code' in check) return [check];
    const load = { code: check.load, jt: 0, jf: 0, k: check.k };
    return 'equals' in check
      ? [load, { code: BPF.JUMP_EQUAL, jt: 0, jf: DROP, k: check.equals }]
      : [load, { code: BPF.JUMP_ANY_BIT, jt: DROP, jf: 0, k: check.noneOf }];
  });
  const dropAt = body.length + 1; // after the accepting return
  const resolve = (jump: number, index: number): number =>
    jump === DROP ? dropAt - index - 1 : jump;
  return [
    ...body.map(({ code, jt, jf, k }, index) => ({
      code,
      jt: resolve(jt, index),
      jf: resolve(jf, index),
      k,
    })),
    { code: BPF.RETURN, jt: 0, jf: 0, k: WHOLE_FRAME },
    { code: BPF.RETURN, jt: 0, jf: 0, k: 0 },
  ];
}

/** Stands for the distance to the dropping return until that is known. */
const DROP = -1;

/**
 * Accepts unfragmented IPv4 datagrams to the DHCP client port whose `chaddr` is `mac`; `undefined`
 * accepts any `chaddr`.
 */
export function dhcpClientFilter(mac: Mac | undefined): readonly BpfInstruction[] {
  const isDhcp: readonly (Check | BpfInstruction)[] = [
    { load: BPF.LD_HALF_ABS, k: ETHERTYPE_AT, equals: ETHERTYPE_IPV4 },
    { load: BPF.LD_BYTE_ABS, k: IP_AT + 9, equals: PROTOCOL_UDP },
    { load: BPF.LD_HALF_ABS, k: IP_AT + 6, noneOf: FRAGMENT_BITS },
    { code: BPF.LDX_IP_HEADER_LENGTH, jt: 0, jf: 0, k: IP_AT },
    { load: BPF.LD_HALF_IND, k: IP_AT + 2, equals: DHCP_CLIENT_PORT },
  ];
  if (mac === undefined) return program(isDhcp);
  const octets = macToBytes(mac);
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const chaddrAt = IP_AT + UDP_HEADER_LENGTH + CHADDR_AT;
  return program([
    ...isDhcp,
    { load: BPF.LD_WORD_IND, k: chaddrAt, equals: view.getUint32(0) },
    { load: BPF.LD_HALF_IND, k: chaddrAt + 4, equals: view.getUint16(4) },
  ]);
}

/**
 * Accepts ARP of another MAC that bears on `address`: it is used there, or with `probes` probed for (sender 0.0.0.0,
 * RFC 5227 §1.1). Ordinary questions for the address pass by; the kernel answers those. What is no ARP for IPv4 over
 * Ethernet, whole, is dropped here: in a flood each frame that passes costs a decoder.
 */
export function addressConflictFilter(
  mac: Mac,
  address: Ipv4,
  probes: boolean,
): readonly BpfInstruction[] {
  const octets = macToBytes(mac);
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  const own = ipv4ToNumber(address);
  return assemble([
    ...lengthOfArp('drop'),
    jump.atLeast(ARP_AT + ARP_LENGTH, undefined, 'drop'),
    load.word(ARP_SENDER_ADDRESS_AT),
    ...(probes
      ? [jump.equal(own, 'bears'), ...isProbeFor(own)]
      : [jump.equal(own, 'bears', 'drop')]),
    'bears',
    load.word(ARP_SENDER_MAC_AT),
    jump.equal(view.getUint32(0), undefined, 'another'),
    load.half(ARP_SENDER_MAC_AT + 4),
    jump.equal(view.getUint16(4), 'drop'),
    'another',
    give(WHOLE_FRAME),
    'drop',
    give(0),
  ]);
}

/** An address and the MAC of the container that has it; `mac` undefined: several of our containers claim it. */
export interface AddressOwner {
  readonly address: Ipv4;
  readonly mac: Mac | undefined;
}

/**
 * Accepts ARP that says of one of these addresses that another MAC has it: `addressConflictFilter` without probes, for
 * many addresses. The kernel has room for two such programs of a socket while one replaces the other: 20 KB on older
 * kernels (net.core.optmem_max), and one address takes some 100 octets.
 */
export function addressOwnersFilter(owners: readonly AddressOwner[]): readonly BpfInstruction[] {
  return assemble([
    ...lengthOfArp('no-arp'),
    jump.atLeast(ARP_AT + ARP_LENGTH, 'whole'),
    'no-arp',
    give(0),
    'whole',
    load.word(ARP_SENDER_MAC_AT),
    change.toCell(0),
    load.half(ARP_SENDER_MAC_AT + 4),
    change.toCell(1),
    load.word(ARP_SENDER_ADDRESS_AT),
    ...owners.flatMap(({ address, mac }) => [
      jump.equal(ipv4ToNumber(address), undefined, 'next'),
      ...(mac === undefined ? [] : isOwn(mac)),
      'another',
      give(WHOLE_FRAME),
      'next',
    ]),
    give(0),
  ]);
}

/** A becomes the length of a frame that is ARP for IPv4 over Ethernet. Goes to `no` for any other frame. */
function lengthOfArp(no: string): readonly Step[] {
  return [
    load.half(ETHERTYPE_AT),
    jump.equal(ETHERTYPE_ARP, undefined, no),
    load.word(ARP_AT),
    jump.equal(ARP_ETHERNET_IPV4, undefined, no),
    load.word(ARP_AT + 4),
    jump.equal(ARP_LENGTHS | ARP_REQUEST, 'arp'),
    jump.equal(ARP_LENGTHS | ARP_REPLY, undefined, no),
    'arp',
    load.length(),
  ];
}

/** Drops the frame of that sender; goes to `another` else. */
function isOwn(mac: Mac): readonly Step[] {
  const octets = macToBytes(mac);
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  return [
    load.cell(0),
    jump.equal(view.getUint32(0), undefined, 'another'),
    load.cell(1),
    jump.equal(view.getUint16(4), undefined, 'another'),
    give(0),
  ];
}

/** A is the sender's address. Goes on if it is a probe, else drops. */
function isProbeFor(address: number): readonly Step[] {
  return [
    jump.equal(0, undefined, 'drop'),
    load.half(ARP_AT + 6),
    jump.equal(ARP_REQUEST, undefined, 'drop'),
    load.word(ARP_TARGET_ADDRESS_AT),
    jump.equal(address, undefined, 'drop'),
  ];
}

/** Accepts every ARP frame: a conflict shows in requests, replies and announcements alike. */
export function arpFilter(): readonly BpfInstruction[] {
  return program([{ load: BPF.LD_HALF_ABS, k: ETHERTYPE_AT, equals: ETHERTYPE_ARP }]);
}
