/** Traffic between network namespaces: bulk transfers, steady pings, and changes that are seen. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, connect, type AddressInfo } from 'node:net';
import { inside } from './tunnel-site.ts';
import { until, type TestNamespace } from '../lab/netns.ts';

/** Sends mebibytes by TCP. @returns the number of bytes that arrived. */
export async function transfer(
  server: Pick<TestNamespace, 'path'>,
  client: Pick<TestNamespace, 'path'>,
  address: string,
  mebibytes: number,
): Promise<number> {
  const piece = Buffer.alloc(1024 * 1024, 7);
  const listener = createServer((socket) => {
    for (let count = 0; count < mebibytes; count += 1) socket.write(piece);
    socket.end();
  });
  await inside(server, () => once(listener.listen(0, '0.0.0.0'), 'listening'));
  const { port } = listener.address() as AddressInfo;
  try {
    // The socket is made in the namespace in which the thread is at that moment.
    const socket = await inside(client, async () => {
      const made = connect(port, address);
      await once(made, 'connect');
      return made;
    });
    let bytes = 0;
    socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
    await once(socket, 'close');
    return bytes;
  } finally {
    listener.close();
  }
}

/** Pings every 50 ms until `stop`. */
export function pingSteadily(from: TestNamespace, to: string) {
  const child = spawn('ip', ['netns', 'exec', from.name, 'ping', '-i', '0.05', '-W', '1', to], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  return {
    /** After one more answer, so that the last ping counts. */
    async stop(): Promise<{ sent: number; received: number }> {
      const before = text.split('\n').length;
      await until('a ping is answered', () => text.split('\n').length > before);
      child.kill('SIGINT');
      await ended;
      const [, sent, received] = /(\d+) packets transmitted, (\d+) received/.exec(text) ?? [];
      return { sent: Number(sent), received: Number(received) };
    },
  };
}

/** Writes down every change of links and addresses that the kernel reports. */
export function watchKernel(where: TestNamespace): { stop(): string } {
  const child = spawn('ip', ['-n', where.name, 'monitor', 'link', 'address'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  return {
    stop() {
      child.kill();
      return text;
    },
  };
}
