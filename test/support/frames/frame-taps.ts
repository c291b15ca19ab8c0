/** Taps on links, which hear all frames and send frames as they are. */
import { expect } from 'vitest';
import { openPacketSocket, type PacketSocket } from '../../../plugin/net/sockets/packet-socket.ts';
import { ethernet, type NamedFrame } from './guard-frames.ts';
import { until } from '../lab/netns.ts';

const EVERYTHING = [{ code: 0x06, jt: 0, jf: 0, k: 0x40000 }];

export interface Tap {
  readonly socket: PacketSocket;
  /** The frames that it has heard, in hexadecimal digits. */
  readonly seen: readonly string[];
}

export class FrameTaps {
  readonly #sockets: PacketSocket[] = [];

  open(link: string, netnsPath?: string): Tap {
    const seen: string[] = [];
    const socket = openPacketSocket({
      ...{ link, netnsPath, filter: EVERYTHING, promiscuous: true, protocol: 'ipv4' },
      receiveBufferBytes: 1024 * 1024,
      onFrame: (frame) => seen.push(Buffer.from(frame).toString('hex')),
      onError: () => undefined,
    });
    this.#sockets.push(socket);
    return { socket, seen };
  }

  close(): void {
    for (const socket of this.#sockets.splice(0)) socket.close();
  }
}

/** Sends the frames, and a last one. @returns the names of those that the witness has heard. */
export async function whatPasses(
  frames: readonly NamedFrame[],
  { socket: sender }: Tap,
  { seen }: Tap,
): Promise<string[]> {
  const before = seen.length;
  const hex = (frame: readonly number[]) => Buffer.from(frame).toString('hex');
  for (const [, frame] of frames) {
    try {
      sender.send(Uint8Array.from(frame));
    } catch (error) {
      // What the guard drops, the kernel reports to the sender.
      expect(error).toMatchObject({ evidence: { errno: 'ENOBUFS' } });
    }
  }
  const mark = ethernet(0x88b5, [...Buffer.from(`the end ${performance.now()}`)]);
  sender.send(Uint8Array.from(mark));
  await until('the last frame arrives', () => seen.some((one) => one.startsWith(hex(mark))));
  const heard = seen.slice(before);
  return frames
    .filter(([, frame]) => heard.some((one) => one.startsWith(hex(frame))))
    .map(([what]) => what);
}
