/** Frames that a container may and may not send at `guard=mac`, each with what it is. */
import { parseMac } from '../../../plugin/wire/address.ts';

export type NamedFrame = readonly [what: string, frame: readonly number[]];

export const MAC = parseMac('02:11:22:33:44:55')!;
/** MAC of the host's end of its link. */
export const OWN = parseMac('fe:66:77:88:99:aa')!;
export const mac = [0x02, 0x11, 0x22, 0x33, 0x44, 0x55];
export const other = [0x02, 0x11, 0x22, 0x33, 0x44, 0x56];
/** A MAC that no port of the bridge has. The bridge sends a frame to it to all ports. */
const unknown = [0x02, 0x11, 0x22, 0x33, 0x44, 0x57];
export const broadcast = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
/** The leased address. */
export const address = [10, 50, 0, 23];
export const half = (value: number) => [value >> 8, value & 0xff];
export const ethernet = (type: number, payload: readonly number[], to = broadcast, from = mac) => [
  ...[...to, ...from, ...half(type)],
  ...payload,
];
export const udp = (from: number, to: number, payload: readonly number[] = []) => [
  ...[...half(from), ...half(to), 0, 0, 0, 0],
  ...payload,
];
/**
 * @param words of options. @param fragment flags and offset. @param padding of the frame, behind
 * the packet.
 */
export const ipv4 = (
  protocol: number,
  payload: readonly number[],
  { from = address, words = 0, fragment = 0, padding = [] as readonly number[] } = {},
) =>
  ethernet(0x0800, [
    ...[0x45 + words, 0, ...half(20 + 4 * words + payload.length), 0, 0, ...half(fragment)],
    ...[64, protocol, 0, 0, ...from],
    ...[10, 50, 0, 1, ...new Array<number>(words * 4).fill(1), ...payload, ...padding],
  ]);
const NINES = new Array<number>(16).fill(9);
/** @param padding of the frame, behind the packet. */
export const ipv6 = (
  next: number,
  payload: readonly number[],
  padding: readonly number[] = [],
  length = payload.length,
  from: readonly number[] = NINES,
) =>
  ethernet(0x86dd, [
    ...[0x60, 0, 0, 0, ...half(length), next, 64, ...from, ...NINES],
    ...[...payload, ...padding],
  ]);
export const arp = (sender: readonly number[], of: readonly number[], from = mac) =>
  ethernet(
    0x0806,
    [0, 1, 8, 0, 6, 4, 0, 2, ...sender, ...of, ...other, 10, 50, 0, 9],
    broadcast,
    from,
  );
export const dhcp = (chaddr: readonly number[]) => [
  ...[1, 1, 6, 0, ...new Array<number>(24).fill(0), ...chaddr],
  ...new Array<number>(206).fill(0),
];

export function macOf(text: string): number[] {
  return text.split(':').map((octet) => parseInt(octet, 16));
}

const options = (next: number, length = 0) => [
  next,
  length,
  ...new Array<number>(6 + 8 * length).fill(0),
];
const fragment = (next: number, offset: number) => [next, 0, ...half(offset), 0, 0, 0, 1];
/** Flags in place of an offset: this is the first fragment, and more follow. */
const FIRST = 1;
const ra = [134, 0, 0, 0, 64, 0, 7, 8];

/** The types are those that Wireshark has for these names. */
export const OTHER_TAGS: readonly (readonly [string, number])[] = [
  ['802.1ah', 0x88e7],
  ['802.1BR', 0x893f],
  ['VN-Tag', 0x8926],
  ['Cisco metadata', 0x8909],
  ['802.1CB', 0xf1c1],
  ['HSR', 0x892f],
  ['802.1Qau', 0x22e9],
  ['TRILL', 0x22f3],
  ['FabricPath', 0x8903],
];
const TAGS: readonly (readonly [string, number])[] = [
  ['802.1Q', 0x8100],
  ['802.1ad', 0x88a8],
  ['0x9100', 0x9100],
  ['0x9200', 0x9200],
  ['0x9300', 0x9300],
  ['802.1AE', 0x88e5],
  ...OTHER_TAGS,
];
const CONTROLS: readonly (readonly [string, number])[] = [
  ['PAUSE', 0x8808],
  ['LACP', 0x8809],
  ['LLDP', 0x88cc],
  ['802.1X', 0x888e],
  ['MVRP', 0x88f5],
  ['MMRP', 0x88f6],
  ['MSRP', 0x22ea],
  ['congestion notification', 0x22e7],
  ['802.1ag', 0x8902],
  ['ECP', 0x8940],
  ['MRP', 0x88e3],
  ['PRP', 0x88fb],
  ['IS-IS of TRILL', 0x22f4],
];

export const PASSING: readonly NamedFrame[] = [
  ['ICMP', ipv4(1, [8, 0, 0, 0])],
  ['TCP', ipv4(6, [0, 80, 0, 81])],
  ['TCP from port 67: only UDP is DHCP', ipv4(6, [0, 67, 0, 68])],
  ['DNS', ipv4(17, udp(4000, 53))],
  ['UDP behind the longest options', ipv4(17, udp(4000, 53), { words: 10 })],
  ['a later fragment', ipv4(17, [0, 67, 0, 68], { fragment: 1 })],
  ['an ARP answer with its own address', arp(mac, address)],
  ['an ARP probe', arp(mac, [0, 0, 0, 0])],
  ['a frame to a neighbour', ethernet(0x0800, ipv4(1, [8, 0]).slice(14), other)],
  ['a frame of a protocol of its own', ethernet(0x88b5, [1, 2, 3])],
  ['precision time (IEEE 1588)', ethernet(0x88f7, [0])],
  ['MPLS', ethernet(0x8847, [0, 0, 1, 64])],
];

export const DROPPED: readonly NamedFrame[] = [
  ['another source MAC', ethernet(0x0800, ipv4(1, [8, 0]).slice(14), broadcast, other)],
  ['a source MAC that differs in its first octets', ethernet(0x88b5, [], broadcast, broadcast)],
  ['an ARP sender that is another', arp(other, address)],
  ['an ARP frame from another', arp(mac, address, other)],
  ['ARP with other lengths of addresses', arp(mac, address).with(18, 8)],
  ['ARP that is cut short', arp(mac, address).slice(0, 41)],
  ['BPDU to the bridge group', ethernet(0x0026, [0x42, 0x42, 3], [1, 0x80, 0xc2, 0, 0, 0])],
  ['any frame to :0e', ethernet(0x0800, ipv4(1, [8]).slice(14), [1, 0x80, 0xc2, 0, 0, 14])],
  ['MVRP to :21', ethernet(0x88f5, [0], [1, 0x80, 0xc2, 0, 0, 0x21])],
  ['CDP', ethernet(0x00aa, [0xaa, 0xaa, 3], [1, 0, 0x0c, 0xcc, 0xcc, 0xcc])],
  ['PVST', ethernet(0x00aa, [0xaa, 0xaa, 3], [1, 0, 0x0c, 0xcc, 0xcc, 0xcd])],
  ['IEEE 802.2, behind which ARP could hide', ethernet(0x0024, [0xaa, 0xaa, 3, 0, 0, 0, 8, 6])],
  ...TAGS.map(([what, type]): NamedFrame => [
    `a second tag, ${what}`,
    ethernet(type, [1, 0xf4, 8, 0]),
  ]),
  ...CONTROLS.flatMap(([what, type]): NamedFrame[] => [
    [`${what} to everybody`, ethernet(type, [1, 1, 0xff, 0xff])],
    [`${what} to one host`, ethernet(type, [1, 1, 0xff, 0xff], unknown)],
  ]),
  ['a frame to the MAC of the host end', ethernet(0x0800, ipv4(1, [8]).slice(14), [...macOf(OWN)])],
  ['a DHCP server, by its port', ipv4(17, udp(67, 4000))],
  ['a DHCP server that uses another port', ipv4(17, udp(4000, 68))],
  ['a DHCP server behind IPv4 options', ipv4(17, udp(67, 68), { words: 3 })],
  ['a DHCP server whose answer is cut in pieces', ipv4(17, udp(67, 68), { fragment: 0x2000 })],
  ['a DHCP request, once the container has the link', ipv4(17, udp(68, 67, dhcp(mac)))],
  ['UDP that ends before its ports', ipv4(17, [0])],
  ['UDP whose IPv4 options run past the end', ipv4(17, [0, 1], { words: 0 }).with(14, 0x4f)],
  ['IPv4 that is cut short', ipv4(1, []).slice(0, 30)],
  ['UDP whose ports are in the padding', ipv4(17, [], { padding: udp(4000, 53) })],
  [
    'a first fragment whose ports are in the padding',
    ipv4(17, [], { fragment: 0x2000, padding: udp(4000, 53) }),
  ],
  ['UDP in a header of no length', ipv4(17, udp(4000, 53)).with(14, 0x40)],
];

export const PASSING_IPV6: readonly NamedFrame[] = [
  ['a neighbour advertisement', ipv6(58, [136, 0])],
  ['an echo request', ipv6(58, [128, 0])],
  ['a router solicitation', ipv6(58, [133, 0])],
  ['TCP', ipv6(6, [0, 80])],
  ['DNS', ipv6(17, udp(4000, 53))],
  ['a report of MLD behind hop-by-hop options', ipv6(0, [...options(58), 143, 0])],
  ['a later fragment', ipv6(44, [...fragment(58, 0x100), ...ra])],
  ['no next header', ipv6(59, [])],
  ['what is encrypted', ipv6(50, [1, 2, 3])],
  ['padding that looks like a header', ipv6(6, [0, 80], [...options(58), ...ra])],
  ['a first fragment of TCP', ipv6(44, [...fragment(6, FIRST), 0, 80, 0, 81, 0, 0, 0, 0])],
  ['a first fragment of DNS', ipv6(44, [...fragment(17, FIRST), ...udp(4000, 53)])],
  ['a first fragment of a ping', ipv6(44, [...fragment(58, FIRST), 128, 0, 0, 0, 0, 0, 0, 0])],
  ['a first fragment of ESP', ipv6(44, [...fragment(50, FIRST), 0, 0, 0, 0, 0, 0, 0, 0])],
  [
    'a first fragment behind options',
    ipv6(60, [...options(44), ...fragment(6, FIRST), 0, 80, 0, 81, 0, 0, 0, 0]),
  ],
  ['options behind a fragment header, all in one', ipv6(44, [...fragment(60, 0), ...options(6)])],
  ['a jumbogram of TCP', ipv6(0, [6, 0, 0xc2, 4, 0, 1, 0, 0, 0, 80], [], 0)],
];

export const DROPPED_IPV6: readonly NamedFrame[] = [
  ['a DHCPv6 client', ipv6(17, udp(546, 547))],
  ['a router advertisement', ipv6(58, ra)],
  ['a redirect', ipv6(58, [137, 0])],
  ['a router advertisement behind hop-by-hop options', ipv6(0, [...options(58), ...ra])],
  ['behind long destination options', ipv6(60, [...options(58, 3), ...ra])],
  ['behind an authentication header', ipv6(51, [58, 1, ...new Array<number>(10).fill(0), ...ra])],
  ['behind two headers', ipv6(0, [...options(60), ...options(58), ...ra])],
  ['in a first fragment', ipv6(44, [...fragment(58, FIRST), ...ra])],
  ['in a first fragment behind options', ipv6(44, [...fragment(60, FIRST), ...options(58), ...ra])],
  ['a first fragment that ends before it', ipv6(44, fragment(58, FIRST))],
  ['a first fragment that ends in its options', ipv6(44, [...fragment(60, FIRST), 58, 3, 0, 0])],
  ['in the only fragment', ipv6(44, [...fragment(58, 0), ...ra])],
  [
    'a first fragment whose chain goes on in the padding',
    ipv6(44, [...fragment(60, FIRST), ...options(60)], [...options(58), 128, 0, 0, 0]),
  ],
  [
    'a first fragment that ends where the padding has ports',
    ipv6(44, [...fragment(60, FIRST), ...options(17)], udp(4000, 53)),
  ],
  ['a first fragment whose ports are in the padding', ipv6(44, fragment(17, FIRST), udp(4000, 53))],
  ...[0, 43, 44, 51, 60, 135, 139, 140].map((next): NamedFrame => [
    `a first fragment that goes on with header ${next}`,
    ipv6(44, [...fragment(next, FIRST), ...options(6), ...options(6)]),
  ]),
  [
    'a fragment in a fragment',
    ipv6(44, [...fragment(44, 0), ...fragment(60, FIRST), ...options(58)]),
  ],
  ...[133, 135, 136, 148, 149].flatMap((type): NamedFrame[] => [
    [
      `neighbour discovery, ${type}, in a first fragment`,
      ipv6(44, [...fragment(58, FIRST), type, 0, 0, 0, 0, 0, 0, 0]),
    ],
    [
      `neighbour discovery, ${type}, in the only fragment`,
      ipv6(44, [...fragment(58, 0), type, 0, 0, 0]),
    ],
  ]),
  ['a router advertisement in a packet without a length', ipv6(0, [...options(58), ...ra], [], 0)],
  ['a router advertisement of no length', ipv6(58, ra, [], 0)],
  ['a header that is in the padding', ipv6(60, options(58), [128, 0, 0, 0])],
  ['a packet that is longer than its frame', ipv6(60, [...options(58), ...ra], [], 2000)],
  ['a DHCPv6 server by its port', ipv6(17, udp(547, 4000))],
  ['a DHCPv6 server that uses another port', ipv6(17, udp(4000, 546))],
  ['a DHCPv6 server behind options', ipv6(60, [...options(17), ...udp(547, 546)])],
  [
    'a chain of five headers',
    ipv6(0, [60, 60, 60, 60, 58].flatMap((next) => options(next)).concat(ra)),
  ],
  ['a header that is cut short', ipv6(58, [])],
  ['IPv6 that is cut short', ipv6(58, ra).slice(0, 40)],
];
