/** Datagrams over a pair of pipes, with their lengths in front: both ends of ssh. */
import type { Readable, Writable } from 'node:stream';
import { MOST_UNSENT, type DatagramStream } from './datagram-stream.ts';
import { framed, Unframer } from './framing.ts';
import { messageOf } from '../../vocabulary/errors.ts';

export interface Pipes {
  readonly input: Readable;
  readonly output: Writable;
}

/**
 * @param ended with why nothing more can be read.
 * @param from takes each chunk first, for example a preface out of it.
 */
export function passOverPipes(
  { input, output }: Pipes,
  datagram: (datagram: Buffer) => void,
  ended: (why: string) => void,
  from: (chunk: Buffer) => Buffer | undefined = (chunk) => chunk,
): Pick<DatagramStream, 'send'> {
  const unframer = new Unframer();
  let isEnded = false;
  const end = (why: string): void => {
    if (isEnded) return;
    isEnded = true;
    ended(why);
  };
  input.on('data', (chunk: Buffer) => {
    if (isEnded) return;
    try {
      const rest = from(chunk);
      if (rest !== undefined) unframer.take(rest).forEach(datagram);
    } catch (error) {
      end(messageOf(error));
    }
  });
  input.on('end', () => end('the other end closed it'));
  for (const pipe of [input, output]) pipe.on('error', (error: Error) => end(error.message));
  return {
    send(one) {
      if (isEnded || output.writableLength > MOST_UNSENT) return;
      output.write(framed(one));
    },
  };
}
