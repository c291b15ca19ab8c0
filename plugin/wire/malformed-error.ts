/**
 * The only exception that a decoder may throw: the bytes break a rule of their format.
 *
 * The code that receives frames counts it as an ignored packet.
 */
export class MalformedError extends Error {
  override readonly name = 'MalformedError';
  /** The field or rule that failed, in the RFC's words. */
  readonly what: string;
  /** Octets from the start of the structure being decoded. */
  readonly offset: number;

  constructor(what: string, offset: number) {
    super(`malformed ${what} at octet ${offset}`);
    this.what = what;
    this.offset = offset;
  }
}
