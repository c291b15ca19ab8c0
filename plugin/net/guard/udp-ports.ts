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
 * X is how far the frame's header is moved by tags: 0 without. Goes on with X at the UDP header less PAYLOAD_AT. What is no
 * UDP, and a later fragment, passes: without its first fragment, which is looked at, it is worth nothing.
 */
export function udpPorts(): readonly Step[] {
  return [
    ...endsWithFrame,
    ...hasLengthBehindX(PAYLOAD_AT + IPV4_LENGTH),
    load.byteAtX(PAYLOAD_AT + 9),
    jump.equal(UDP, undefined, 'pass'),
    load.halfAtX(PAYLOAD_AT + 6),
    jump.anyBit(0x1fff, 'pass'),
    // Its own length says where it ends.
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

/** Behind `udpPorts`: what a DHCP server sends, and what clients would take for it, is dropped. A is the port it is for. */
export const noServerPorts: readonly Step[] = [
  load.halfAtX(PAYLOAD_AT),
  jump.equal(DHCP.server, 'drop'),
  load.halfAtX(PAYLOAD_AT + 2),
  jump.equal(DHCP.client, 'drop'),
];
