/**
 * Builds bytes in network order. A value that does not fit its field is a mistake of the caller and
 * throws RangeError. Nothing is truncated silently.
 */
import { ipv4ToBytes, macToBytes } from './address.ts';
import type { Ipv4, Mac } from './address.ts';
import { ipv6ToBytes } from './address6.ts';
import type { Ipv6 } from './address6.ts';

/** What a header needs. V8 keeps typed arrays of at most 64 octets in its own heap. */
const FIRST_ROOM = 64;

export class Writer {
  /** Octets from `#length` on are zero, and not yet written. */
  #octets = new Uint8Array(FIRST_ROOM);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  u8(value: number): this {
    return this.#unsigned(value, 1);
  }

  u16(value: number): this {
    return this.#unsigned(value, 2);
  }

  u32(value: number): this {
    return this.#unsigned(value, 4);
  }

  bytes(bytes: Uint8Array): this {
    const at = this.#extend(bytes.length);
    this.#octets.set(bytes, at);
    return this;
  }

  ipv4(address: Ipv4): this {
    return this.bytes(ipv4ToBytes(address));
  }

  ipv6(address: Ipv6): this {
    return this.bytes(ipv6ToBytes(address));
  }

  mac(mac: Mac): this {
    return this.bytes(macToBytes(mac));
  }

  /**
   * Writes zero octets until there are `length` octets. Writes nothing if there are more already.
   */
  padTo(length: number): this {
    if (length > this.#length) this.#extend(length - this.#length);
    return this;
  }

  toBytes(): Uint8Array {
    return this.#octets.slice(0, this.#length);
  }

  #unsigned(value: number, width: number): this {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * width)) {
      throw new RangeError(`${value} does not fit a field of ${width} octets`);
    }
    let at = this.#extend(width);
    for (let shift = width - 1; shift >= 0; shift -= 1, at += 1) {
      this.#octets[at] = Math.floor(value / 2 ** (8 * shift)) % 0x100;
    }
    return this;
  }

  /** Makes room for `count` more octets. @returns where they begin. */
  #extend(count: number): number {
    const at = this.#length;
    this.#length += count;
    if (this.#length > this.#octets.length) {
      const larger = new Uint8Array(Math.max(this.#length, 2 * this.#octets.length));
      larger.set(this.#octets);
      this.#octets = larger;
    }
    return at;
  }
}
