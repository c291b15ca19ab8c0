/** For tests that hand random bytes to decoders. */
import { MalformedError } from '../../../plugin/wire/malformed-error.ts';

/** The value of `decode`, or undefined if the bytes are malformed. */
export function valueOf<Value>(decode: () => Value): Value | undefined {
  try {
    return decode();
  } catch (error) {
    if (error instanceof MalformedError) return undefined;
    throw error;
  }
}
