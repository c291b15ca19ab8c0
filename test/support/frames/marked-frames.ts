/** Frames with a mark, that tests send and hear on links of this namespace, tagged or not. */
import { openPacketSocket, type PacketSocket } from '../../../plugin/net/sockets/packet-socket.ts';

let sockets: PacketSocket[] = [];

export function closeTaps(): void {
  for (const socket of sockets) socket.close();
  sockets = [];
}

const EVERYTHING = [{ code: 0x06, jt: 0, jf: 0, k: 0x40000 }];
/** An EtherType for local experiments (IEEE 802). No other frame on the link has it. */
const EXPERIMENTAL = [0x88, 0xb5];
export const IPV4 = [0x08, 0x00];
const BROADCAST = [255, 255, 255, 255, 255, 255];
export const ad = (id: number) => [0x88, 0xa8, id >> 8, id & 255];
export const q = (id: number) => [0x81, 0x00, id >> 8, id & 255];

/** Hears frames on the link. `seen` has their last octets. */
export function tap(link: string): {
  send(frame: Uint8Array): void;
  seen: number[];
  lengths: number[];
} {
  const seen: number[] = [];
  const lengths: number[] = [];
  const socket = openPacketSocket({
    ...{ link, netnsPath: undefined, filter: EVERYTHING, promiscuous: true, protocol: 'ipv4' },
    onFrame: (frame) => {
      if (frame[12] !== EXPERIMENTAL[0] || frame[13] !== EXPERIMENTAL[1]) return;
      seen.push(frame.at(-1)!);
      lengths.push(frame.length);
    },
    onError: () => undefined,
  });
  sockets.push(socket);
  return { send: (frame) => void socket.send(frame), seen, lengths };
}

export function frame(
  mark: number,
  {
    tags = [],
    to = BROADCAST,
    type = EXPERIMENTAL,
    length = 46,
  }: {
    tags?: readonly number[];
    to?: readonly number[];
    type?: readonly number[];
    length?: number;
  } = {},
): Uint8Array {
  const header = [...to, 2, 0, 0, 0, 0, 0x99, ...tags, ...type];
  return Uint8Array.from([...header, ...new Uint8Array(length - 1), mark]);
}
