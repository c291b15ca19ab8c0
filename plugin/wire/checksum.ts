/**
 * The Internet checksum: ones' complement of the ones' complement sum of 16-bit words (RFC 1071).
 */

/**
 * The checksum over `parts` laid end to end. Each part is padded with a zero octet to an even
 * length. If the bytes contain their own checksum and are intact, the result is 0.
 */
export function internetChecksum(...parts: readonly Uint8Array[]): number {
  let sum = 0;
  for (const part of parts) {
    // By index: an iterator would make two objects for each octet, until the engine compiles this.
    for (let index = 0; index < part.length; index += 1) {
      const octet = part[index] ?? 0;
      sum += index % 2 === 0 ? octet * 0x100 : octet;
    }
  }
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return 0xffff - sum;
}
