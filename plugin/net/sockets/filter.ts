/**
 * Makes the classic BPF programs that decide which frames of a link reach our sockets. The programs
 * are data.
 *
 * They look at whole Ethernet frames. The kernel moves an 802.1Q tag out of the frame before a
 * filter runs. So offsets do not depend on it. A second tag stays inside and fails the EtherType
 * check. Decoders do the checks that need more than a comparison (checksums, lengths, options).
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

/**
 * ARP for IPv4 in an Ethernet frame (RFC 826): first the types of both addresses, then their
 * lengths and the operation.
 */
const ARP_AT = 14;
const ARP_LENGTH = 28;
const ARP_ETHERNET_IPV4 = 0x00010800;
const ARP_LENGTHS = 0x06040000;
const ARP_REQUEST = 1;
const ARP_REPLY = 2;
const ARP_SENDER_MAC_AT = 22;
const ARP_SENDER_ADDRESS_AT = 28;
const ARP_TARGET_ADDRESS_AT = 38;

/** The result of an accepting program: the whole frame, however long it is. */
const WHOLE_FRAME = 0x40000;

const ETHERTYPE_AT = 12;
const IP_AT = 14;
const ETHERTYPE_IPV4 = 0x0800;
const ETHERTYPE_ARP = 0x0806;
const PROTOCOL_UDP = 17;
const DHCP_CLIENT_PORT = 68;
/**
 * The more-fragments flag and the fragment offset. Both are zero in a datagram that is not a
 * fragment.
 */
const FRAGMENT_BITS = 0x3fff;
/** The offset of chaddr in the UDP payload (RFC 2131 §2). */
const CHADDR_AT = 28;
const UDP_HEADER_LENGTH = 8;

/** A check of a program. If it fails, the frame is dropped. */
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

/** Stands for the distance to the dropping return, until the distance is known. */
const DROP = -1;

/**
 * Accepts IPv4 datagrams to the DHCP client port whose `chaddr` is `mac`. Accepts no fragments. If
 * `mac` is undefined, accepts any `chaddr`.
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
 * Accepts ARP by which another MAC uses `address`. With `probes` also accepts probes for it (sender
 * 0.0.0.0, RFC 5227 §1.1). Does not accept ordinary requests for the address. The kernel answers
 * those. Drops all that is not a complete ARP packet for IPv4 over Ethernet, because each accepted
 * frame costs time in a decoder, also in a flood.
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

/**
 * An address and the MAC of the container that has it. `mac` is undefined if several of our
 * containers claim the address.
 */
export interface AddressOwner {
  readonly address: Ipv4;
  readonly mac: Mac | undefined;
}

/**
 * Accepts ARP by which another MAC uses one of these addresses. It is `addressConflictFilter`
 * without probes, for many addresses. While one such program replaces another, the kernel needs
 * memory for both. Older kernels have 20 KB (net.core.optmem_max), and one address takes some 100
 * octets.
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

/**
 * Goes to `no` if the frame is not ARP for IPv4 over Ethernet. Else A becomes the length of the
 * frame.
 */
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

/** Drops the frame if that MAC has sent it. Else goes to `another`. */
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

/** Goes on if the frame is a probe for the address, else drops it. A is the sender's address. */
function isProbeFor(address: number): readonly Step[] {
  return [
    jump.equal(0, undefined, 'drop'),
    load.half(ARP_AT + 6),
    jump.equal(ARP_REQUEST, undefined, 'drop'),
    load.word(ARP_TARGET_ADDRESS_AT),
    jump.equal(address, undefined, 'drop'),
  ];
}

/** Accepts every ARP frame, because requests, replies and announcements can all show a conflict. */
export function arpFilter(): readonly BpfInstruction[] {
  return program([{ load: BPF.LD_HALF_ABS, k: ETHERTYPE_AT, equals: ETHERTYPE_ARP }]);
}
