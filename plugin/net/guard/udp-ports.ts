/** Finds the ports of an IPv4 datagram, and drops those of a DHCP server. */
import { change, jump, load, type Step } from '../bpf-assembler.ts';
import {
  END,
  endsWithFrame,
  endsWithFrameAtLatest,
  hasLengthBehindX,
  PAYLOAD_AT,
  UDP,
  UDP_LENGTH,
} from './frame-steps.ts';

export const DHCP = { server: 67, client: 68 } as const;
export const IPV4_LENGTH = 20;
const HEADER_END = 0;

/**
 * Finds the UDP header. Before, X is the number of bytes by which tags move the frame's header: 0
 * without tags. Afterwards, X is the offset of the UDP header less PAYLOAD_AT. Other protocols
 * pass. Later fragments pass, too: a receiver cannot use them without the first fragment, which is
 * checked.
 */
export function udpPorts(): readonly Step[] {
  return [
    ...endsWithFrame,
    ...hasLengthBehindX(PAYLOAD_AT + IPV4_LENGTH),
    load.byteAtX(PAYLOAD_AT + 9),
    jump.equal(UDP, undefined, 'pass'),
    load.halfAtX(PAYLOAD_AT + 6),
    jump.anyBit(0x1fff, 'pass'),
    // The packet's own length says where it ends.
    load.halfAtX(PAYLOAD_AT + 2),
    change.addX(),
    change.add(PAYLOAD_AT),
    change.toCell(END),
    load.byteAtX(PAYLOAD_AT),
    change.and(0x0f),
    change.shiftLeft(2),
    jump.atLeast(IPV4_LENGTH, undefined, 'drop'),
    change.addX(),
    change.toCell(HEADER_END),
    ...endsWithFrameAtLatest,
    load.cell(HEADER_END),
    change.toX(),
    ...hasLengthBehindX(PAYLOAD_AT + UDP_LENGTH),
  ];
}

/**
 * Drops what a DHCP server sends, and what clients would take as such. Runs after `udpPorts`.
 * Afterwards A is the destination port.
 */
export const noServerPorts: readonly Step[] = [
  load.halfAtX(PAYLOAD_AT),
  jump.equal(DHCP.server, 'drop'),
  load.halfAtX(PAYLOAD_AT + 2),
  jump.equal(DHCP.client, 'drop'),
];
