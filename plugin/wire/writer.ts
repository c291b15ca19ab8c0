/**
 * Builds bytes in network order. A value that does not fit its field is a mistake of the caller and
 * throws RangeError. Nothing is truncated silently.
 */
import { ipv4ToBytes, macToBytes } from './address.ts';
import type { Ipv4, Mac } from './address.ts';
import { ipv6ToBytes } from './address6.ts';
import type { Ipv6 } from './address6.ts';

export class Writer {
  readonly #octets: number[] = [];

  get length(): number {
    return this.#octets.length;
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
    for (const octet of bytes) this.#octets.push(octet);
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
    while (this.#octets.length < length) this.#octets.push(0);
    return this;
  }

  toBytes(): Uint8Array {
    return Uint8Array.from(this.#octets);
  }

  #unsigned(value: number, width: number): this {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * width)) {
      throw new RangeError(`${value} does not fit a field of ${width} octets`);
    }
    for (let shift = width - 1; shift >= 0; shift -= 1) {
      this.#octets.push(Math.floor(value / 2 ** (8 * shift)) % 0x100);
    }
    return this;
  }
}
