/**
 * A big-endian cursor over bytes that came from the network.
 *
 * It throws MalformedError if fewer bytes are left than were asked for. A short slice would turn a
 * truncated packet into a wrong value.
 */
import { ipv4FromBytes, macFromBytes } from './address.ts';
import type { Ipv4, Mac } from './address.ts';
import { ipv6FromBytes } from './address6.ts';
import type { Ipv6 } from './address6.ts';
import { MalformedError } from './malformed-error.ts';

export class Reader {
  readonly #bytes: Uint8Array;
  readonly #base: number;
  #offset = 0;

  /**
   * @param base is added to the offset in errors. It is for bytes cut out of a larger structure.
   */
  constructor(bytes: Uint8Array, base = 0) {
    this.#bytes = bytes;
    this.#base = base;
  }

  /** Octets consumed so far, counted from the start of the larger structure. */
  get offset(): number {
    return this.#base + this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  /** A view of the next `length` octets, not a copy. @throws MalformedError if fewer are left. */
  bytes(length: number, what: string): Uint8Array {
    if (length > this.remaining) throw new MalformedError(`${what}: truncated`, this.offset);
    const start = this.#offset;
    this.#offset += length;
    return this.#bytes.subarray(start, this.#offset);
  }

  u8(what: string): number {
    return this.bytes(1, what)[0]!;
  }

  u16(what: string): number {
    const [high, low] = this.bytes(2, what);
    return high! * 0x100 + low!;
  }

  u32(what: string): number {
    return this.u16(what) * 0x10000 + this.u16(what);
  }

  ipv4(what: string): Ipv4 {
    return ipv4FromBytes(this.bytes(4, what));
  }

  ipv6(what: string): Ipv6 {
    return ipv6FromBytes(this.bytes(16, what));
  }

  mac(what: string): Mac {
    return macFromBytes(this.bytes(6, what));
  }
}
