/**
 * Sends back each datagram as it came, inside the tunnel: the word of a member. By it a member
 * knows that the hub is there, and how long the way takes. Who sends is tied to a key, and the
 * answer is as long as the question. So it is no help in an attack. The answer comes whole, or not
 * at all: by that a member finds what passes.
 */
import { openWholeEcho } from '../../uplink/path/whole-socket.ts';
import { messageOf, PluginError } from '../../vocabulary/errors.ts';

export async function openEcho(
  address: string,
  port: number,
  onFailure: (error: unknown) => void,
  onWord: (from: string) => void = () => undefined,
): Promise<{ close(): void }> {
  const socket = await openWholeEcho(address, port).catch((cause: unknown) => {
    const reason = messageOf(cause);
    throw new PluginError('SOCKET_FAILED', `cannot answer on UDP ${address}:${port}: ${reason}`, {
      cause,
    });
  });
  socket.on('error', onFailure);
  socket.on('message', (_, { address: from }) => onWord(from));
  return { close: () => void socket.close() };
}
