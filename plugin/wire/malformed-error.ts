/**
 * The one exception a decoder may throw: the bytes are not what they claim to be.
 *
 * The shell that receives frames counts it as an ignored packet; nothing else may escape a decoder.
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
