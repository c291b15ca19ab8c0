/**
 * Writes classic BPF programs with names instead of distances. A program is a list of steps and
 * labels. A jump names the label that it goes to. Instruction codes are those of
 * linux/bpf_common.h.
 */

/** One `struct sock_filter`. Jumps count from the next instruction. */
export interface BpfInstruction {
  readonly code: number;
  readonly jt: number;
  readonly jf: number;
  readonly k: number;
}

/** A step without a jump. `k` is the constant, the offset or the memory cell. */
interface Plain {
  readonly code: number;
  readonly k: number;
}

/**
 * Goes to `then` if the comparison is true, else to `otherwise`. A missing label means the next
 * step.
 */
interface Branch extends Plain {
  readonly then?: string;
  readonly otherwise?: string;
}

/** A text is a label for the step after it. */
export type Step = string | Plain | Branch;

const plain =
  (code: number) =>
  (k = 0): Plain => ({ code, k });
const branch =
  (code: number) =>
  (k: number, then?: string, otherwise?: string): Branch => ({
    code,
    k,
    ...(then === undefined ? {} : { then }),
    ...(otherwise === undefined ? {} : { otherwise }),
  });

/**
 * A is the accumulator, X the index register, M the memory cells. Offsets count from the Ethernet
 * header.
 */
export const load = {
  word: plain(0x20),
  half: plain(0x28),
  byte: plain(0x30),
  /** At the offset X + `k`. */
  wordAtX: plain(0x40),
  halfAtX: plain(0x48),
  byteAtX: plain(0x50),
  length: plain(0x80),
  number: plain(0x00),
  cell: plain(0x60),
  fromX: plain(0x87),
  numberToX: plain(0x01),
} as const;

export const change = {
  add: plain(0x04),
  addX: plain(0x0c),
  subtractX: plain(0x1c),
  and: plain(0x54),
  shiftLeft: plain(0x64),
  toX: plain(0x07),
  toCell: plain(0x02),
} as const;

export const jump = {
  equal: branch(0x15),
  atLeast: branch(0x35),
  anyBit: branch(0x45),
  always: (to: string): Branch => ({ code: JUMP_ALWAYS, k: 0, then: to }),
} as const;

export const give = plain(0x06);

/** This jump has its distance in `k`. The other jumps have one byte for each distance. */
const JUMP_ALWAYS = 0x05;
const FARTHEST = 255;

/**
 * A label may appear several times. A jump goes to the next one after it.
 * @throws RangeError if a label does not come after the jump, or is too far away. This is a mistake
 * in the program. The tests of the program find it.
 */
export function assemble(steps: readonly Step[]): readonly BpfInstruction[] {
  let at = steps.reduce((count, step) => count + (typeof step === 'string' ? 0 : 1), 0);
  const instructions = new Array<BpfInstruction>(at);
  // From the end to the beginning: of a label's places, the map then has the next one.
  const places = new Map<string, number>();
  const distance = (label: string | undefined, most: number): number => {
    if (label === undefined) return 0;
    const steps = (places.get(label) ?? NaN) - at - 1;
    if (!(steps <= most)) throw new RangeError(`label ${label} cannot be reached`);
    return steps;
  };
  for (let index = steps.length - 1; index >= 0; index -= 1) {
    const step = steps[index]!;
    if (typeof step === 'string') {
      places.set(step, at);
      continue;
    }
    at -= 1;
    const { code, k, then, otherwise }: Plain & Partial<Branch> = step;
    instructions[at] =
      code === JUMP_ALWAYS
        ? { code, jt: 0, jf: 0, k: distance(then, Infinity) }
        : { code, jt: distance(then, FARTHEST), jf: distance(otherwise, FARTHEST), k };
  }
  return instructions;
}
