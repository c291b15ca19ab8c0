/** What strangers on the HTTP port may not do: push out the history, keep places of others. */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { limitedServer } from '../../../../plugin/runtime/telling/requests.ts';
import { serveWeb } from '../../../../plugin/api/web/web-server.ts';
import type { TellingPort } from '../../../../plugin/runtime/telling/open-port.ts';
import { EventBus } from '../../../../plugin/events/event-bus.ts';
import { withTroubleEvents } from '../../../../plugin/runtime/history/trouble.ts';
import { FakeClock } from '../../../support/time/fake-clock.ts';
import { leaseEntry, networkEntry } from '../../../support/fakes/lease-entries.ts';
import { MemoryLogger } from '../../../support/fakes/memory-logger.ts';
import { soon } from '../../../support/time/soon.ts';

let bus: EventBus;
let port: number;
let web: TellingPort;
const memory = new MemoryLogger();

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const found = (server.address() as AddressInfo).port;
  await new Promise((resolve) => server.close(resolve));
  return found;
}

beforeEach(async () => {
  memory.lines.length = 0;
  bus = new EventBus(new FakeClock(), 100);
  port = await freePort();
  web = await serveWeb(`127.0.0.1:${port}`, 'a-token-of-some-length', {
    ...{ bus, log: withTroubleEvents(memory, bus.emit), about: { version: 'test' } },
    metrics: { type: 'text/plain', text: () => Promise.resolve('vlandhcp_x 1\n') },
    operator: () => ({
      networks: () => [networkEntry()],
      leases: () => [leaseEntry()],
      renew: () => expect.unreachable(),
      release: () => expect.unreachable(),
      probe: () => expect.unreachable(),
      watch: () => expect.unreachable(),
      doctor: () => expect.unreachable(),
    }),
  });
});
afterEach(() => web.close());

async function dialled(text: string): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(text);
  return socket;
}

async function answered(text: string): Promise<string> {
  const socket = await dialled(text);
  let all = '';
  for await (const chunk of socket) all += String(chunk);
  return all;
}

const GET = 'GET /v1/leases HTTP/1.1\r\nHost: localhost\r\n';

describe('a stranger without the token', () => {
  it.each([
    ['goes while it sends a body', `${GET}Content-Length: 10\r\n\r\nabc`],
    ['goes in the middle of a chunk', `${GET}Transfer-Encoding: chunked\r\n\r\nff\r\nabc`],
    ['goes in the middle of the head', 'GET / HTTP/1.1\r\nHo'],
    ['goes before its answer', `${GET}\r\n`],
  ])('%s: no line of the log, and so no event of the history', async (_what, text) => {
    for (let count = 0; count < 5; count += 1) {
      const socket = await dialled(text);
      await new Promise((resolve) => socket.write('', resolve));
      socket.resetAndDestroy();
    }
    for (let look = 0; look < 10; look += 1) {
      expect(await answered(`${GET}\r\n`)).toContain('401'); // each time others get a turn
    }
    expect(memory.lines).toEqual([]);
    expect(bus.list()).toEqual([]);
  });

  it.each([
    ['a body', `${GET}Content-Length: 10\r\n\r\n0123456789`, '401'],
    ['a long body', `${GET}Content-Length: 2000\r\n\r\n${'x'.repeat(2000)}`, '413'],
    ['one long header', `${GET}X: ${'y'.repeat(20_000)}\r\n\r\n`, '431'],
    ['two hosts', `GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil\r\n\r\n`, '401'],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', '400'],
    ['another protocol', '\u0016\u0003\u0001\u0002\u0000\u0001', '400'],
    ['CONNECT', 'CONNECT localhost:22 HTTP/1.1\r\nHost: localhost\r\n\r\n', ''],
    ['PUT', 'PUT / HTTP/1.1\r\nHost: localhost\r\n\r\n', '405'],
    ['OPTIONS of another site', 'OPTIONS /v1/leases HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil\r\nAccess-Control-Request-Method: GET\r\n\r\n', '405'], // prettier-ignore
    ['a path that is none', 'GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n', '401'],
    ['an upgrade', `${GET}Connection: upgrade\r\nUpgrade: websocket\r\n\r\n`, '401'],
    ['Expect', `${GET}Expect: miracles\r\n\r\n`, '401'],
  ])('sends %s: an answer, and no line of the log', async (_what, text, status) => {
    const answer = await answered(text);
    expect(answer.split(' ')[1] ?? '').toBe(status);
    expect(answer.toLowerCase()).not.toContain('access-control');
    expect(memory.lines).toEqual([]);
  });
});

it('a request that does not come in time is refused, and its place is free', async () => {
  const sockets = new Set<Socket>();
  const times = { requestTimeout: 50, connectionsCheckingInterval: 10 };
  const server = limitedServer(() => expect.unreachable(), memory, sockets, times);
  const own = await freePort();
  await new Promise<void>((resolve) => server.listen(own, '127.0.0.1', resolve));
  const slow = await Promise.all(
    [GET, '', `${GET}Content-Length: 5\r\n\r\nab`].map(async (text) => {
      const socket = connect(own, '127.0.0.1');
      socket.write(text);
      let all = '';
      for await (const chunk of socket) all += String(chunk);
      return all;
    }),
  );
  expect(slow[0]).toMatch(/^HTTP\/1.1 408 .*"the request did not come within 0.05 s"/s);
  await soon(() => expect(sockets.size).toBe(0));
  expect(memory.lines).toEqual([]);
  server.close();
});
