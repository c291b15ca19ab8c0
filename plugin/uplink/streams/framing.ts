/**
 * Datagrams in a stream of bytes, for ssh: two bytes of length, then the datagram. The relay says a
 * line first, so that a shell that answers instead of it is noticed.
 */
import { LONGEST_MESSAGE } from './wireguard-message.ts';

/** What the relay says first. A later version of the framing has another number. */
export const PREFACE = 'vlandhcp relay 1\n';

const LENGTH_BYTES = 2;

export function framed(datagram: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(LENGTH_BYTES + datagram.length);
  frame.writeUInt16BE(datagram.length, 0);
  datagram.copy(frame, LENGTH_BYTES);
  return frame;
}

/** What came is at fault: nothing after it can be read. */
export class FramingError extends Error {}

/** Takes the datagrams out of the chunks in which they come. It keeps one datagram at most. */
export class Unframer {
  #rest: Buffer = Buffer.alloc(0);

  /** @throws FramingError at a length that no message of WireGuard has. */
  take(chunk: Buffer): readonly Buffer[] {
    const bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    const datagrams: Buffer[] = [];
    let at = 0;
    while (bytes.length - at >= LENGTH_BYTES) {
      const length = bytes.readUInt16BE(at);
      if (length === 0 || length > LONGEST_MESSAGE) {
        throw new FramingError(`a frame of ${length} bytes came; frames have 1 to 2048`);
      }
      const end = at + LENGTH_BYTES + length;
      if (end > bytes.length) break;
      datagrams.push(bytes.subarray(at + LENGTH_BYTES, end));
      at = end;
    }
    // A copy, so that the chunk does not stay in memory for its last bytes.
    this.#rest = Buffer.from(bytes.subarray(at));
    return datagrams;
  }
}

/** The line before the first datagram. */
export class PrefaceReader {
  #seen: Buffer = Buffer.alloc(0);
  #isDone = false;

  /**
   * @returns what follows the line. Undefined while the line is not complete.
   * @throws FramingError if something else was said.
   */
  take(chunk: Buffer): Buffer | undefined {
    if (this.#isDone) return chunk;
    this.#seen = Buffer.concat([this.#seen, chunk.subarray(0, PREFACE.length)]);
    const head = this.#seen.subarray(0, PREFACE.length).toString('latin1');
    if (!PREFACE.startsWith(head)) {
      throw new FramingError(
        `the other end is no "vlandhcp hub relay": it said ${JSON.stringify(head.trim())}`,
      );
    }
    if (head.length < PREFACE.length) return undefined;
    this.#isDone = true;
    const before = this.#seen.length - Math.min(chunk.length, PREFACE.length);
    return chunk.subarray(PREFACE.length - before);
  }
}
