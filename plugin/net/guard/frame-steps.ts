/**
 * The steps that the programs of the guard share: verdicts, and checks of the length before a load.
 *
 * A frame may be longer than its packet. The bytes behind the packet are padding, which the
 * receiver cuts off. So the programs look for parts of a packet only up to the end of the packet
 * (`M[END]`), not up to the end of the frame.
 */
import { change, give, jump, load, type Step } from '../bpf-assembler.ts';

/** linux/pkt_cls.h: TC_ACT_OK, TC_ACT_SHOT. */
const PASS = 0;
const DROP = 2;

export const verdicts: readonly Step[] = ['pass', give(PASS), 'drop', give(DROP)];

/** Ends a part of a program that lets nothing pass. */
export const onlyDrop: readonly Step[] = ['drop', give(DROP)];

export const PAYLOAD_AT = 14;
export const UDP = 17;
export const UDP_LENGTH = 8;

/** The memory cell that says where the packet ends, counted from the Ethernet header. */
export const END = 1;

const BELOW_ZERO = 0x80000000;

/** Drops a frame with fewer bytes. */
export function hasLength(bytes: number): readonly Step[] {
  return [load.length(), jump.atLeast(bytes, undefined, 'drop')];
}

/** Sets M[END] to the end of the frame. */
export const endsWithFrame: readonly Step[] = [load.length(), change.toCell(END)];

/** Sets M[END] to the end of the frame if the frame ends earlier. Changes X. */
export const endsWithFrameAtLatest: readonly Step[] = [
  load.length(),
  change.toX(),
  load.cell(END),
  change.subtractX(),
  jump.anyBit(BELOW_ZERO, 'end-is-known'),
  ...endsWithFrame,
  'end-is-known',
];

/** Drops the frame if the packet has fewer than that many bytes from X on. */
export function hasLengthBehindX(bytes: number): readonly Step[] {
  return [
    // Checks X against the end first: behind the end, A would wrap around.
    load.cell(END),
    change.subtractX(),
    jump.anyBit(BELOW_ZERO, 'drop'),
    jump.atLeast(bytes, undefined, 'drop'),
  ];
}
