/**
 * `vlandhcp hub relay`: the one thing that the key of a member may do at the hub, by ssh (U3). It
 * passes messages of WireGuard between its pipes and the hub's UDP port, and does nothing else.
 * It needs no rights, reads no file and takes no word from the client.
 */
import type { Clock } from '../../clock.ts';
import { PREFACE } from '../../uplink/streams/framing.ts';
import { passOverPipes, type Pipes } from '../../uplink/streams/pipe-stream.ts';
import { openRelay } from './relay.ts';

/** Resolves with why it has ended. */
export function relayPipes(
  pipes: Pipes,
  port: number,
  clock: Pick<Clock, 'now' | 'at'>,
): Promise<string> {
  return new Promise((resolve) => {
    const end = (why: string): void => {
      relay.close();
      resolve(why);
    };
    const stream = passOverPipes(pipes, (datagram) => relay.take(datagram), end);
    const relay = openRelay(stream, { clock, port, end });
    pipes.output.write(PREFACE);
  });
}
