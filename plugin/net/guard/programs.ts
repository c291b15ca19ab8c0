/**
 * Programs for the kernel's classifier (tc-bpf(8), direct action). They decide what may enter the
 * host by a link of ours. There are two verdicts: a frame passes, or it is dropped.
 *
 *   closed   nothing passes: a bridge (its ports go on), a container's veth end still in the host
 *   uplink   nothing for the host passes: a VLAN link, whose frames go to the bridge
 *   outer    only tagged frames pass: a link whose frames go to the VLAN links on it
 *   port     what one container may send: the host's end of its veth
 *
 * A load behind the end of a frame ends a program with the verdict 0, "pass". So each load follows
 * a check of the length. Only loads from the Ethernet header need none, because it is always there.
 */
import type { GuardMode, PortRules } from '../../vocabulary/port-rules.ts';
import { ipv4ToNumber, macToBytes, type Ipv4, type Mac } from '../../wire/address.ts';
import { assemble, change, jump, load, type BpfInstruction, type Step } from '../bpf-assembler.ts';
import {
  CONTROL,
  ETHERTYPE,
  FIRST_ETHERTYPE,
  MACSEC_TAG,
  OTHER_TAG,
  VLAN_TAG,
} from './ethertypes.ts';
import { hasLength, hasLengthBehindX, PAYLOAD_AT, UDP_LENGTH, verdicts } from './frame-steps.ts';
import { hasKnownSender, isArpOfSource, MOST_SENDERS } from './known-senders.ts';
import { noRouterNorDhcpv6 } from './ipv6-chain.ts';
import { hasOwnSource } from './ipv6-source.ts';
import { noDhcpServer } from './no-dhcp-server.ts';
import { DHCP, IPV4_LENGTH, noServerPorts, udpPorts } from './udp-ports.ts';

const TAG = 0xfffff02c; // SKF_AD_OFF + SKF_AD_VLAN_TAG, linux/filter.h
const VLAN_ID_BITS = 0x0fff;
const TAG_IS_PRESENT = 0xfffff030; // SKF_AD_OFF + SKF_AD_VLAN_TAG_PRESENT, linux/filter.h

const SOURCE_AT = 6;
const TYPE_AT = 12;

/**
 * A tag says to which VLAN a frame belongs. A control frame says what a link does. A container may
 * send neither.
 */
const NEVER_SENT: readonly number[] = [VLAN_TAG, OTHER_TAG, CONTROL]
  .flatMap((types) => Object.values<number>(types))
  .concat(MACSEC_TAG);

const ARP_LENGTH = 28;
const CHADDR_AT = 28;

export function closedProgram(): readonly BpfInstruction[] {
  return assemble([jump.always('drop'), ...verdicts]);
}

/**
 * @param mac the MAC of the link. A frame to it would be for the host. Undefined if such frames may
 * pass: an operator's bridge has the MAC of one of its ports.
 */
export function uplinkProgram(mac: Mac | undefined): readonly BpfInstruction[] {
  const own = mac === undefined ? [] : notTo(mac);
  return assemble([...noControl(CONTROL_OF_LINK), ...own, ...verdicts]);
}

/**
 * For the link of the first of two tags. The kernel has taken the second tag out of the frame. A
 * frame with VLAN id 0 would count as one without a tag, and would be for the host.
 */
export function outerProgram(): readonly BpfInstruction[] {
  const tagged = [load.word(TAG_IS_PRESENT), jump.equal(0, 'drop'), load.word(TAG)];
  return assemble([...tagged, change.and(VLAN_ID_BITS), jump.equal(0, 'drop'), ...verdicts]);
}

/**
 * For what leaves by the link below macvlan or ipvlan links. What a container sends to another one
 * on the same link does not pass it.
 * @param macs `one`: the MAC that all containers have. `list`: the MACs that they have. Which of
 * them sends cannot be told here. Undefined, or too many: every MAC may send.
 */
export function lowerProgram(
  mode: GuardMode,
  macs: { readonly one: Mac } | { readonly list: readonly Mac[] } | undefined,
): readonly BpfInstruction[] {
  if (mode === 'off') return assemble([...noControl(CONTROL_BUT_SPANNING_TREE), ...verdicts]);
  const mac = macs !== undefined && 'one' in macs ? macs.one : undefined;
  const list = macs !== undefined && 'list' in macs ? macs.list : [];
  const senders = list.length === 0 || list.length > MOST_SENDERS ? undefined : list;
  const rules: SenderRules = { mode: 'mac', mac, senders, addresses: [], leases: true };
  return assemble([...guarded(rules), ...verdicts]);
}

/** @param own the MAC of the host's end. */
export function portProgram(rules: PortRules, own: Mac): readonly BpfInstruction[] {
  if (rules.mode !== 'off') return assemble([...notTo(own), ...guarded(rules), ...verdicts]);
  // Spanning tree passes, because `off` is also for bridges in containers.
  return assemble([
    ...noControl(CONTROL_BUT_SPANNING_TREE),
    ...notTo(own),
    ...(rules.noServer ? noDhcpServer() : []),
    ...verdicts,
  ]);
}

interface Control {
  readonly mask: number;
  readonly except?: number;
}
/**
 * 01:80:c2:00:00:00 to :0f. A bridge hands most of them to the host, whatever they contain (IEEE
 * 802.1D §7.12.6).
 */
const CONTROL_OF_LINK: Control = { mask: 0xfff0 };
const CONTROL_BUT_SPANNING_TREE: Control = { mask: 0xfff0, except: 0 };
/** 01:80:c2:00:00:00 to :3f. Also GARP and MRP, which register VLANs with a switch, and 802.1ag. */
const CONTROL_OF_SWITCHES: Control = { mask: 0xffc0 };

function noControl({ mask, except }: Control): readonly Step[] {
  return [
    load.word(0),
    jump.equal(0x0180c200, undefined, 'no-control'),
    load.half(4),
    ...(except === undefined ? [] : [jump.equal(except, 'no-control')]),
    change.and(mask),
    jump.equal(0, 'drop'),
    'no-control',
  ];
}

/** CDP, VTP, DTP, PVST. Switches of one maker send them to each other. Some negotiate a trunk. */
const noCiscoControl: readonly Step[] = [
  load.word(0),
  jump.equal(0x01000ccc, 'drop'),
  jump.equal(0x01000ccd, 'drop'),
];

function notTo(mac: Mac): readonly Step[] {
  const [high, low] = halves(mac);
  return [
    load.word(0),
    jump.equal(high, undefined, 'not-own'),
    load.half(4),
    jump.equal(low, 'drop'),
    'not-own',
  ];
}

/** `mac` is undefined if frames of several MACs pass: of `senders`, or of all. */
type SenderRules = Pick<PortRules, 'mode' | 'addresses' | 'addresses6' | 'token' | 'leases'> & {
  readonly mac: Mac | undefined;
  readonly senders?: readonly Mac[] | undefined;
};

function guarded(rules: SenderRules): readonly Step[] {
  return [
    ...noControl(CONTROL_OF_SWITCHES),
    ...noCiscoControl,
    load.word(TAG_IS_PRESENT),
    jump.equal(0, undefined, 'drop'),
    ...hasMac(rules.mac, SOURCE_AT),
    ...(rules.senders === undefined ? [] : hasKnownSender(rules.senders)),
    load.half(TYPE_AT),
    ...NEVER_SENT.map((type) => jump.equal(type, 'drop')),
    // IEEE 802.2 carries the other control protocols. It also carries ARP and IP that the checks
    // below would not see.
    jump.atLeast(FIRST_ETHERTYPE, undefined, 'drop'),
    jump.equal(ETHERTYPE.arp, 'arp'),
    jump.equal(ETHERTYPE.ipv4, 'ipv4'),
    jump.equal(ETHERTYPE.ipv6, 'ipv6', 'pass'),
    'arp',
    ...arp(rules),
    ...verdicts,
    'ipv4',
    ...ipv4(rules),
    ...verdicts,
    'ipv6',
    ...ipv6(rules),
  ];
}

/**
 * Requires the container's MAC as the sender's MAC. With `full` also requires that the sender's
 * address is one of the container's own, or none (RFC 5227 §1.1).
 */
function arp({ mode, mac, senders, addresses }: SenderRules): readonly Step[] {
  return [
    ...hasLength(PAYLOAD_AT + ARP_LENGTH),
    load.half(PAYLOAD_AT + 4), // the lengths of both addresses: the offsets below need them
    jump.equal(0x0604, undefined, 'drop'),
    ...hasMac(mac, PAYLOAD_AT + 8),
    ...(senders === undefined ? [] : isArpOfSource),
    ...(mode === 'full'
      ? [load.word(PAYLOAD_AT + 14), jump.equal(0, 'pass'), ...oneOf(addresses, 'pass')]
      : []),
  ];
}

/** Drops a frame with another MAC at that offset. */
function hasMac(mac: Mac | undefined, at: number): readonly Step[] {
  if (mac === undefined) return [];
  const [high, low] = halves(mac);
  return [
    load.word(at),
    jump.equal(high, undefined, 'drop'),
    load.half(at + 4),
    jump.equal(low, undefined, 'drop'),
  ];
}

/** A request of a DHCP client passes only for that MAC. */
function dhcpRequest(mac: Mac | undefined): readonly Step[] {
  if (mac === undefined) return [jump.always('pass')];
  const [high, low] = halves(mac);
  return [
    ...hasLengthBehindX(PAYLOAD_AT + UDP_LENGTH + CHADDR_AT + 6),
    load.wordAtX(PAYLOAD_AT + UDP_LENGTH + CHADDR_AT),
    jump.equal(high, undefined, 'drop'),
    load.halfAtX(PAYLOAD_AT + UDP_LENGTH + CHADDR_AT + 4),
    jump.equal(low, 'pass', 'drop'),
  ];
}

function ipv4({ mode, mac, addresses, leases }: SenderRules): readonly Step[] {
  const request = leases ? dhcpRequest(mac) : [jump.always('drop')];
  return [
    ...hasLength(PAYLOAD_AT + IPV4_LENGTH),
    ...(mode === 'full'
      ? [
          load.word(PAYLOAD_AT + 12),
          ...(leases ? [jump.equal(0, 'from-own')] : []),
          ...oneOf(addresses, 'from-own'),
          'from-own',
        ]
      : []),
    load.numberToX(0),
    ...udpPorts(),
    ...noServerPorts,
    jump.equal(DHCP.server, 'dhcp-request', 'pass'),
    'dhcp-request',
    ...request,
  ];
}

function ipv6({ mode, mac, leases, addresses6, token }: SenderRules): readonly Step[] {
  if (mode !== 'full') return noRouterNorDhcpv6(leases);
  if (addresses6 === undefined || mac === undefined) return [jump.always('drop')];
  const own = { mac, token, addresses: addresses6 };
  return [...hasOwnSource(own), ...noRouterNorDhcpv6(leases, own)];
}

/** Drops the frame unless A is one of them. */
function oneOf(addresses: readonly Ipv4[], then: string): readonly Step[] {
  return [
    ...addresses.map((address) => jump.equal(ipv4ToNumber(address), then)),
    jump.always('drop'),
  ];
}

function halves(mac: Mac): readonly [number, number] {
  const octets = macToBytes(mac);
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  return [view.getUint32(0), view.getUint16(4)];
}
