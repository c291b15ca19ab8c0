/**
 * The hub's TCP port with real TLS and WebSockets, and a UDP socket in the place of WireGuard. It
 * faces the Internet: most of what comes is not from members.
 */
import { createSocket, type Socket as Udp } from 'node:dgram';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { connect, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { proves } from '../../support/uplink/acceptance.ts';
import { WebSocket } from 'ws';
import { makeCertificate, type TlsIdentity } from '../../../plugin/hub/streams/certificate.ts';
import { ANSWERED_WITHIN } from '../../../plugin/hub/streams/relay.ts';
import { TlsServer } from '../../../plugin/hub/streams/tls-server.ts';
import type { DatagramStream } from '../../../plugin/uplink/streams/datagram-stream.ts';
import { openWebSocket } from '../../../plugin/uplink/streams/web-socket.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { until } from '../../support/lab/netns.ts';
import { cookie, data, initiation, response } from '../../support/frames/wireguard-messages.ts';

let identity: TlsIdentity;
let clock: FakeClock;
let server: TlsServer;
let port: number;
let wireguard: Udp;
/** What WireGuard got, and from which port. */
let got: { message: Buffer; from: number }[];
const sockets: Socket[] = [];
const streams: DatagramStream[] = [];

beforeAll(async () => {
  identity = await makeCertificate('hub.example.net', Date.now());
});
beforeEach(async () => {
  clock = new FakeClock();
  got = [];
  wireguard = createSocket('udp4');
  wireguard.on('message', (message, { port: from }) => got.push({ message, from }));
  await new Promise<void>((resolve) => wireguard.bind(0, '127.0.0.1', resolve));
  const wireguardPort = wireguard.address().port;
  server = new TlsServer({ clock, identity, limits: { all: 20, fromOne: 20 }, wireguardPort });
  port = await server.listen(0, '127.0.0.1');
});
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  for (const stream of streams.splice(0)) stream.close();
  await server.close();
  wireguard.close();
});

function member() {
  const state = { isOpen: false, ended: undefined as string | undefined, heard: [] as Buffer[] };
  const stream = openWebSocket(`wss://127.0.0.1:${port}/vlandhcp`, {
    opened: () => (state.isOpen = true),
    datagram: (datagram) => state.heard.push(datagram),
    ended: (why) => (state.ended = why),
  });
  streams.push(stream);
  return { ...stream, state, opened: () => until('it is open', () => state.isOpen) };
}

async function tcp(): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

const answer = (message: Buffer, at = 0): void => {
  wireguard.send(message, got[at]!.from, '127.0.0.1');
};

describe('a member over TLS', () => {
  it('reaches WireGuard by a port of its own, and is answered there', async () => {
    const [one, two] = [member(), member()];
    await Promise.all([one.opened(), two.opened()]);
    one.send(initiation(1));
    await until('WireGuard has it', () => got.length === 1);
    two.send(initiation(2));
    await until('WireGuard has both', () => got.length === 2);
    expect(got.map(({ message }) => message)).toEqual([initiation(1), initiation(2)]);
    expect(got[0]!.from).not.toBe(got[1]!.from);
    answer(response(1), 0);
    answer(response(2), 1);
    await until('both are answered', () => one.state.heard.length + two.state.heard.length === 2);
    expect([one.state.heard, two.state.heard]).toEqual([[response(1)], [response(2)]]);
    expect(server.clientAt(got[0]!.from)).toBe('127.0.0.1');
    expect(server.clientAt(1)).toBeUndefined();
  });

  it('stays as long as WireGuard answers, and is closed 30 s after its last answer', async () => {
    const one = member();
    await one.opened();
    one.send(initiation());
    await until('WireGuard has it', () => got.length === 1);
    answer(response());
    await until('it is answered', () => one.state.heard.length === 1);
    await clock.pass(ANSWERED_WITHIN - 1);
    answer(data());
    await until('it is answered', () => one.state.heard.length === 2);
    await clock.pass(ANSWERED_WITHIN - 1);
    expect(one.state.ended).toBeUndefined();
    await clock.pass(1);
    await until('it is closed', () => one.state.ended !== undefined);
    await until('its place is free', () => server.size === 0);
  });

  it('begins a few handshakes at once, and then one a second', async () => {
    const one = member();
    await one.opened();
    for (let at = 0; at < 10; at += 1) one.send(initiation());
    one.send(data());
    await until('the data came', () => got.some(({ message }) => message[0] === 4));
    expect(got.filter(({ message }) => message[0] === 1)).toHaveLength(4);
    await clock.pass(2_500);
    for (let at = 0; at < 10; at += 1) one.send(initiation());
    one.send(data());
    await until('more data came', () => got.filter(({ message }) => message[0] === 4).length === 2);
    expect(got.filter(({ message }) => message[0] === 1)).toHaveLength(6);
  });

  it('is told by a reverse proxy of this host who it is', async () => {
    const headers = { 'X-Forwarded-For': '10.9.9.9, 198.51.100.7' };
    const url = `wss://127.0.0.1:${port}/`;
    const socket = new WebSocket(url, { rejectUnauthorized: false, headers });
    await once(socket, 'open');
    socket.send(initiation());
    await until('WireGuard has it', () => got.length === 1);
    expect(server.clientAt(got[0]!.from)).toBe('198.51.100.7');
    socket.terminate();
  });
});

describe('what is no member', () => {
  it.each<[string, Buffer | string, string?]>([
    ['text', 'hello'],
    ['what is no message of WireGuard', Buffer.alloc(100, 7), 'attack-tls-garbage'],
    ['a frame that is too long', data(2_049)],
    ['a frame of 10 MB', Buffer.alloc(10_000_000, 4)],
  ])('%s ends the stream, and reaches nobody', async (_, sent, key) => {
    const socket = new WebSocket(`wss://127.0.0.1:${port}/`, { rejectUnauthorized: false });
    socket.on('error', () => undefined);
    await once(socket, 'open');
    socket.send(sent);
    await once(socket, 'close');
    await until('its place is free', () => server.size === 0);
    expect(got).toEqual([]);
    if (key !== undefined) proves(key, 'the stream is closed, and nothing reaches WireGuard');
  });

  it('a request gets 404, and nothing about what is here', async () => {
    const asked = request({ host: '127.0.0.1', port, rejectUnauthorized: false, agent: false });
    asked.end();
    const [response] = (await once(asked, 'response')) as [IncomingMessage];
    expect([response.statusCode, response.headers['server']]).toEqual([404, undefined]);
    response.resume();
    await once(response, 'close');
  });

  it('garbage in place of TLS, and in place of HTTP, ends the connection', async () => {
    const bare = await tcp();
    bare.write('SSH-2.0-OpenSSH_9.2\r\n'.repeat(10));
    const encrypted = connectTls({ host: '127.0.0.1', port, rejectUnauthorized: false });
    sockets.push(encrypted);
    encrypted.on('error', () => undefined);
    await once(encrypted, 'secureConnect');
    encrypted.write('\x00'.repeat(20_000));
    await until('both are gone', () => server.size === 0);
  });

  it('a connection that does nothing has 30 s, and no more', async () => {
    const socket = await tcp();
    await until('it is in', () => server.size === 1);
    await clock.pass(ANSWERED_WITHIN);
    await until('it is gone', () => server.size === 0 && socket.destroyed);
  });

  it('a cookie of WireGuard is no proof, so the stream ends all the same', async () => {
    const one = member();
    await one.opened();
    one.send(initiation());
    await until('WireGuard has it', () => got.length === 1);
    await clock.pass(ANSWERED_WITHIN - 1);
    answer(cookie());
    await until('it came', () => one.state.heard.length === 1);
    await clock.pass(1);
    await until('it is closed', () => one.state.ended !== undefined);
  });

  it('a thousand idle connections keep no member out, and cost none its stream', async () => {
    const before = member();
    await before.opened();
    before.send(initiation());
    await until('WireGuard has it', () => got.length === 1);
    answer(response());
    await until('it is answered', () => before.state.heard.length === 1);
    for (let at = 0; at < 1_000; at += 50) await Promise.all(Array.from({ length: 50 }, tcp));
    expect(server.size).toBeLessThanOrEqual(20);
    const late = member();
    await late.opened();
    late.send(initiation());
    await until('WireGuard has it', () => got.length === 2);
    answer(data());
    answer(response(), 1);
    await until(
      'both are answered',
      () => before.state.heard.length + late.state.heard.length === 3,
    );
    expect([before.state.ended, late.state.ended]).toEqual([undefined, undefined]);
  });
});
