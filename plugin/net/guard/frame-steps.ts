/**
 * What the programs of the guard have in common: how they end, and looks at the length before a load.
 *
 * A frame may be longer than its packet: what is behind the packet is padding, which the receiver cuts off. So the parts
 * of a packet are looked for up to its own end (`M[END]`) only, not up to the end of the frame.
 */
import { change, give, jump, load, type Step } from '../bpf-assembler.ts';

/** linux/pkt_cls.h: TC_ACT_OK, TC_ACT_SHOT. */
const PASS = 0;
const DROP = 2;

export const verdicts: readonly Step[] = ['pass', give(PASS), 'drop', give(DROP)];

export const PAYLOAD_AT = 14;
export const UDP = 17;
export const UDP_LENGTH = 8;

/** The memory cell that has where the packet ends, counted from the Ethernet header. */
export const END = 1;

const BELOW_ZERO = 0x80000000;

/** Drops a frame that is shorter. */
export function hasLength(bytes: number): readonly Step[] {
  return [load.length(), jump.atLeast(bytes, undefined, 'drop')];
}

/** M[END] is the end of the frame. */
export const endsWithFrame: readonly Step[] = [load.length(), change.toCell(END)];

/** M[END] stays what it is unless the frame ends before. X is lost. */
export const endsWithFrameAtLatest: readonly Step[] = [
  load.length(),
  change.toX(),
  load.cell(END),
  change.subtractX(),
  jump.anyBit(BELOW_ZERO, 'end-is-known'),
  ...endsWithFrame,
  'end-is-known',
];

/** Drops unless the packet goes on for at least that many bytes from X on. */
export function hasLengthBehindX(bytes: number): readonly Step[] {
  return [
    // What lies behind the end has no length: A would wrap around.
    load.cell(END),
    change.subtractX(),
    jump.anyBit(BELOW_ZERO, 'drop'),
    jump.atLeast(bytes, undefined, 'drop'),
  ];
}
