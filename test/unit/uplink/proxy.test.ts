/** The HTTP proxy before the way over TLS: which one is used, and what it answers. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:https';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocketServer } from 'ws';
import { makeCertificate } from '../../../plugin/hub/streams/certificate.ts';
import type { DatagramStream } from '../../../plugin/uplink/streams/datagram-stream.ts';
import {
  checkProxy,
  parseProxy,
  proxyChooser,
  proxyWords,
} from '../../../plugin/uplink/streams/proxy/proxy-way.ts';
import { openWebSocket } from '../../../plugin/uplink/streams/web-socket.ts';
import { until } from '../../support/lab/netns.ts';
import { data } from '../../support/frames/wireguard-messages.ts';

describe('a proxy', () => {
  it.each<[string, object, string]>([
    ['http://proxy.example.net:3128', { isTls: false, host: 'proxy.example.net', port: 3128 }, ''],
    ['proxy:3128', { isTls: false, host: 'proxy', port: 3128 }, ''],
    ['http://proxy', { isTls: false, port: 80 }, 'proxy:80'],
    ['https://proxy/', { isTls: true, port: 443 }, 'proxy:443'],
    ['http://me:a%40b@10.0.0.1:8080', { credentials: 'me:a@b' }, '10.0.0.1:8080'],
    ['http://[2001:db8::1]:3128', { host: '2001:db8::1', port: 3128 }, '[2001:db8::1]:3128'],
  ])('%s is one', (typed, parts, words) => {
    const proxy = parseProxy(typed);
    expect(proxy).toMatchObject(parts);
    if (words !== '') expect(proxy && proxyWords(proxy)).toBe(words);
  });

  it.each([
    ...['', 'socks5://proxy:1080', 'http://proxy:0', 'http://proxy:70000', 'http://proxy/path'],
    ...['http://proxy?x=1', 'http://a b', `http://${'a'.repeat(600)}`, 'http://%ff@proxy'],
  ])('%s is none', (typed) => {
    expect(() => checkProxy(typed)).toThrow(/^--proxy .* is no HTTP proxy; write it as http:/);
  });

  it('that is wrong is named without its password', () => {
    expect(() => checkProxy('http://me:secret@proxy/path')).toThrow('--proxy http://…@proxy/path');
    expect(() => checkProxy('me:secret@proxy/path')).toThrow('--proxy …@proxy/path');
    expect(() => checkProxy('me:sec\nret@proxy')).toThrow('--proxy …@proxy is');
  });
});

describe('which proxy', () => {
  const chosen = (environment: Record<string, string>, url: string, typed?: string) => {
    const told: string[] = [];
    const proxy = proxyChooser(environment, (text) => told.push(text))(url, typed);
    return [proxy && proxyWords(proxy), ...told];
  };
  const HUB = 'wss://hub.example.net/';

  it('is none, or what the environment names, or what was typed', () => {
    expect(chosen({}, HUB)).toEqual([undefined]);
    expect(chosen({ HTTPS_PROXY: 'http://a:1' }, HUB)).toEqual(['a:1']);
    expect(chosen({ HTTPS_PROXY: 'http://a:1', https_proxy: 'b:2' }, HUB)).toEqual(['b:2']);
    expect(chosen({ HTTPS_PROXY: 'http://a:1', NO_PROXY: '*' }, HUB, 'c:3')).toEqual(['c:3']);
  });

  it('is none if the environment names none of HTTP, and that is told without a password', () => {
    expect(chosen({ HTTPS_PROXY: 'socks5://me:secret@a' }, HUB)).toEqual([
      undefined,
      expect.stringMatching(/^HTTPS_PROXY socks5:\/\/…@a is no HTTP proxy; write it as/),
    ]);
  });

  it.each<[string, string, boolean]>([
    ['*', HUB, true],
    ['other.example.net, hub.example.net', HUB, true],
    ['example.net', HUB, true],
    ['.example.net', HUB, true],
    ['*.example.net', HUB, true],
    ['ample.net', HUB, false],
    ['hub.example.net:443', HUB, true],
    ['hub.example.net:8443', HUB, false],
    ['HUB.example.net:8443', 'wss://hub.example.net:8443/x', true],
    ['203.0.113.10', 'wss://203.0.113.10/', true],
    ['203.0.113.0/24', 'wss://203.0.113.10/', true],
    ['203.0.113.0/33,203.0.112.0/24', 'wss://203.0.113.10/', false],
    ['2001:db8::/32', 'wss://[2001:db8::1]/', true],
    ['[2001:db8::1]', 'wss://[2001:db8::1]/', true],
    ['2001:DB8::1', 'wss://[2001:db8::1]/', true],
    ['[2001:db8:0::1]:443', 'wss://[2001:db8::1]/', true],
    ['2001:db8::2', 'wss://[2001:db8::1]/', false],
    ['0.113.10', 'wss://203.0.113.10/', false],
    ['', HUB, false],
  ])('NO_PROXY=%s: is %s reached directly? %s', (list, url, isDirect) => {
    const [proxy] = chosen({ HTTPS_PROXY: 'a:1', NO_PROXY: list }, url);
    expect(proxy).toBe(isDirect ? undefined : 'a:1');
  });
});

describe('a WebSocket through a proxy', () => {
  const ends: (() => void)[] = [];
  afterEach(() => {
    for (const end of ends.splice(0)) end();
  });

  async function listening(server: Server): Promise<number> {
    const sockets = new Set<Socket>();
    server.on('connection', (socket: Socket) => sockets.add(socket));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    ends.push(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return (server.address() as AddressInfo).port;
  }

  /** A proxy that asks for that, or passes. Undefined: it says nothing. */
  async function proxyWith(status: number | undefined) {
    const asked: { target: string | undefined; authorization: string | undefined }[] = [];
    const waiting: Socket[] = [];
    const server = createServer().on('connect', (call, client: Socket, head: Buffer) => {
      asked.push({ target: call.url, authorization: call.headers['proxy-authorization'] });
      client.on('error', () => undefined);
      if (status === undefined) return void waiting.push(client);
      if (status !== 200) return client.end(`HTTP/1.1 ${status} No\r\n\r\n`);
      const hub = connect(Number(call.url?.split(':')[1]), '127.0.0.1', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        hub.write(head);
        hub.pipe(client).pipe(hub);
      });
      hub.on('error', () => client.destroy());
      ends.push(() => hub.destroy());
    });
    return { asked, waiting, port: await listening(server) };
  }

  async function hub(): Promise<number> {
    const server = createTlsServer(await makeCertificate('hub.example.net', Date.now()));
    new WebSocketServer({ server }).on('connection', (socket) => {
      socket.on('message', (message) => socket.send(message));
    });
    return listening(server);
  }

  function member(url: string, typed: string) {
    const state = { isOpen: false, ended: undefined as string | undefined, heard: [] as Buffer[] };
    const events = {
      opened: () => (state.isOpen = true),
      datagram: (datagram: Buffer) => state.heard.push(datagram),
      ended: (why: string) => (state.ended = why),
    };
    const stream: DatagramStream = openWebSocket(url, events, parseProxy(typed));
    ends.push(() => stream.close());
    return { state, stream };
  }

  it('passes datagrams both ways, and the proxy resolves the name of the hub', async () => {
    const [{ asked, port }, hubPort] = [await proxyWith(200), await hub()];
    const url = `wss://hub.invalid:${hubPort}/x`;
    const { state, stream } = member(url, `http://me:a%40b@127.0.0.1:${port}`);
    await until('it is open', () => state.isOpen);
    stream.send(data(64));
    await until('it comes back', () => state.heard.length > 0);
    expect(state.heard).toEqual([data(64)]);
    const authorization = `Basic ${Buffer.from('me:a@b').toString('base64')}`;
    expect(asked).toEqual([{ target: `hub.invalid:${hubPort}`, authorization }]);
  });

  it.each<[number, string, string]>([
    [407, '', 'wants a user and a password, status 407; write them as http://USER:PASSWORD@'],
    [407, 'me:x@', 'does not take the user and password that it got, status 407'],
    [403, '', 'does not let this host reach hub.invalid:443, status 403; who runs the proxy must'],
    [502, '', 'does not reach hub.invalid:443, status 502'],
  ])('that it refuses with %d (%s) ends with one sentence', async (status, user, text) => {
    const { port } = await proxyWith(status);
    const { state } = member('wss://hub.invalid/', `http://${user}127.0.0.1:${port}`);
    await until('it has ended', () => state.ended !== undefined);
    expect(state.ended).toContain(`the proxy 127.0.0.1:${port} ${text}`);
    expect(state.ended).not.toContain('me:x');
  });

  it('that is not there ends with one sentence', async () => {
    const { port } = await proxyWith(200);
    ends.splice(0).forEach((end) => end());
    const { state } = member('wss://hub.invalid/', `127.0.0.1:${port}`);
    await until('it has ended', () => state.ended !== undefined);
    expect(state.ended).toMatch(/^the proxy 127\.0\.0\.1:\d+ cannot be reached: connect ECONNREF/);
  });

  it('that is closed while the proxy is asked ends at once, and leaves no connection', async () => {
    const { waiting, port } = await proxyWith(undefined);
    const { state, stream } = member('wss://hub.invalid/', `127.0.0.1:${port}`);
    await until('the proxy is asked', () => waiting.length > 0);
    stream.close();
    await until('it has ended', () => state.ended !== undefined);
    const [client] = waiting;
    client?.resume().write('HTTP/1.1 200 Connection established\r\n\r\n');
    await until('it is closed', () => client?.readableEnded === true || client?.destroyed === true);
  });
});
