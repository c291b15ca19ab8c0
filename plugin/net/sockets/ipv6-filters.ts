/**
 * Makes the classic BPF programs for IPv6: what a container needs to get its addresses, and what
 * routers tell. The programs are data. Packets after an extension header do not pass.
 */
import { macToBytes, type Mac } from '../../wire/address.ts';
import { assemble, give, jump, load, type BpfInstruction, type Step } from '../bpf-assembler.ts';

/** The result of an accepting program: the whole frame, however long it is. */
const WHOLE_FRAME = 0x40000;

const GROUP_BIT = 0x01;
const ETHERTYPE_AT = 12;
const ETHERTYPE_IPV6 = 0x86dd;
const IP_AT = 14;
const NEXT_HEADER_AT = IP_AT + 6;
const PAYLOAD_AT = IP_AT + 40;
const NEXT_HEADER_UDP = 17;
const NEXT_HEADER_ICMPV6 = 58;
const DHCP_CLIENT_PORT = 546;
const ROUTER_ADVERTISEMENT = 134;
const NEIGHBOR_SOLICITATION = 135;
const NEIGHBOR_ADVERTISEMENT = 136;

/**
 * Accepts router advertisements, neighbour solicitations and advertisements, and UDP to the port of
 * a DHCPv6 client, if the frame is for `mac` or for a group.
 */
export function addressingFilter(mac: Mac): readonly BpfInstruction[] {
  return assemble([
    ...isFor(mac),
    'for-us',
    ...isIpv6(),
    jump.equal(NEXT_HEADER_ICMPV6, 'icmp'),
    jump.equal(NEXT_HEADER_UDP, undefined, 'drop'),
    load.half(PAYLOAD_AT + 2),
    jump.equal(DHCP_CLIENT_PORT, 'take', 'drop'),
    'icmp',
    load.byte(PAYLOAD_AT),
    jump.equal(ROUTER_ADVERTISEMENT, 'take'),
    jump.equal(NEIGHBOR_SOLICITATION, 'take'),
    jump.equal(NEIGHBOR_ADVERTISEMENT, 'take', 'drop'),
    ...ends(),
  ]);
}

/** Accepts router advertisements. */
export function routerFilter(): readonly BpfInstruction[] {
  return assemble([
    ...isIpv6(),
    jump.equal(NEXT_HEADER_ICMPV6, undefined, 'drop'),
    load.byte(PAYLOAD_AT),
    jump.equal(ROUTER_ADVERTISEMENT, 'take', 'drop'),
    ...ends(),
  ]);
}

/** Goes to `for-us` for a group too. */
function isFor(mac: Mac): readonly Step[] {
  const octets = macToBytes(mac);
  const view = new DataView(octets.buffer, octets.byteOffset, octets.byteLength);
  return [
    load.byte(0),
    jump.anyBit(GROUP_BIT, 'for-us'),
    load.word(0),
    jump.equal(view.getUint32(0), undefined, 'drop'),
    load.half(4),
    jump.equal(view.getUint16(4), undefined, 'drop'),
  ];
}

/** Drops other packets. A becomes the next header. */
function isIpv6(): readonly Step[] {
  return [
    load.half(ETHERTYPE_AT),
    jump.equal(ETHERTYPE_IPV6, undefined, 'drop'),
    load.byte(NEXT_HEADER_AT),
  ];
}

function ends(): readonly Step[] {
  return ['take', give(WHOLE_FRAME), 'drop', give(0)];
}
