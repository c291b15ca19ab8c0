/** Runs the classic BPF instructions that we use as the kernel does (linux/bpf_common.h). */
import type { BpfInstruction } from '../../../plugin/net/bpf-assembler.ts';

const TAG_IS_PRESENT = 0xfffff030;
const MARK = 0xfffff014; // of a socket
const TAG = 0xfffff02c;

/**
 * The value that the program returns. A load beyond the end of the frame ends it with 0. Throws for
 * an unknown instruction, and if the program has no end.
 * @param isTagged the kernel has taken an 802.1Q or 802.1ad tag out of the frame.
 * @param tag what that tag says: priority and VLAN id.
 */
export function runBpf(
  program: readonly BpfInstruction[],
  frame: Uint8Array,
  isTagged = false,
  tag = 0,
): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const cells = new Uint32Array(16);
  let a = 0;
  let x = 0;
  let at = 0;
  for (;;) {
    const instruction = program[at];
    if (instruction === undefined) throw new Error(`no instruction ${at}`);
    const { code, jt, jf, k } = instruction;
    at += 1;
    try {
      if (code === 0x06) return k;
      else if (code === 0x20 && k === TAG_IS_PRESENT) a = isTagged ? 1 : 0;
      else if (code === 0x20 && k === TAG) a = tag;
      else if (code === 0x20 && k === MARK) a = 0;
      else if (code === 0x20) a = view.getUint32(k);
      else if (code === 0x28) a = view.getUint16(k);
      else if (code === 0x30) a = view.getUint8(k);
      else if (code === 0x40) a = view.getUint32(x + k);
      else if (code === 0x48) a = view.getUint16(x + k);
      else if (code === 0x50) a = view.getUint8(x + k);
      else if (code === 0x80) a = frame.length;
      else if (code === 0x00) a = k;
      else if (code === 0x01) x = k;
      else if (code === 0x60) a = cells[k]!;
      else if (code === 0x02) cells[k] = a;
      else if (code === 0xb1) x = (view.getUint8(k) & 15) * 4;
      else if (code === 0x04) a = (a + k) >>> 0;
      else if (code === 0x0c) a = (a + x) >>> 0;
      else if (code === 0x1c) a = (a - x) >>> 0;
      else if (code === 0x54) a = (a & k) >>> 0;
      else if (code === 0x64) a = (a << k) >>> 0;
      else if (code === 0x07) x = a;
      else if (code === 0x87) a = x;
      else if (code === 0x05) at += k;
      else if (code === 0x15) at += a === k ? jt : jf;
      else if (code === 0x35) at += a >= k ? jt : jf;
      else if (code === 0x45) at += (a & k) !== 0 ? jt : jf;
      else throw new Error(`unknown code ${code}`);
    } catch (error) {
      if (error instanceof RangeError) return 0;
      throw error;
    }
  }
}

/**
 * Refuses what the kernel refuses with EINVAL (bpf_check_classic in net/core/filter.c): a program
 * that is too long, a jump out of it, a last step that is no return, and a load of a memory cell
 * that may be empty. A step behind a return counts as reached from there.
 */
export function kernelRefuses(program: readonly BpfInstruction[]): string | undefined {
  if (program.length > 4096) return 'too long';
  const masks = new Array<number>(program.length).fill(0xffff);
  let stored = 0;
  for (const [at, { code, jt, jf, k }] of program.entries()) {
    stored &= masks[at]!;
    if (code === 0x02 || code === 0x03) stored |= 1 << k;
    if ((code === 0x60 || code === 0x61) && (stored & (1 << k)) === 0) return `cell ${k} at ${at}`;
    if ((code & 0x07) !== 0x05) continue;
    for (const distance of code === 0x05 ? [k] : [jt, jf]) {
      const to = at + 1 + distance;
      if (to >= program.length) return `jump out of it at ${at}`;
      masks[to]! &= stored;
    }
    stored = 0xffff;
  }
  return program.at(-1)?.code === 0x06 ? undefined : 'no end';
}
