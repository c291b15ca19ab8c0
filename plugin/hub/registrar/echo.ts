/**
 * Sends back each datagram as it came, inside the tunnel: the word of a member. By it a member
 * knows that the hub is there, and how long the way takes. Who sends is tied to a key, and the
 * answer is as long as the question. So it is no help in an attack.
 */
import { createSocket } from 'node:dgram';
import { PluginError } from '../../vocabulary/errors.ts';

export async function openEcho(
  address: string,
  port: number,
  onFailure: (error: unknown) => void,
): Promise<{ close(): void }> {
  const socket = createSocket('udp4');
  socket.on('message', (message, { address: to, port: toPort }) => {
    // A peer that went meanwhile is no failure of ours.
    socket.send(message, toPort, to, () => undefined);
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, address, resolve);
  }).catch((cause: unknown) => {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new PluginError('SOCKET_FAILED', `cannot answer on UDP ${address}:${port}: ${reason}`, {
      cause,
    });
  });
  socket.on('error', onFailure);
  return { close: () => void socket.close() };
}
