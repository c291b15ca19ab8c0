/** The TCP port for operators on real loopback: who may ask, what it tells, and what it refuses. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openWeb } from '../../plugin/api/web/open-web.ts';
import type { PortSettings, TellingPort } from '../../plugin/runtime/telling/open-port.ts';
import { EventBus } from '../../plugin/events/event-bus.ts';
import { FakeClock } from '../support/time/fake-clock.ts';
import { leaseEntry, networkEntry } from '../support/fakes/lease-entries.ts';
import { MemoryLogger } from '../support/fakes/memory-logger.ts';
import { soon } from '../support/time/soon.ts';

const TOKEN = 'a-token-of-some-length';
const BOX = leaseEntry();
const log = new MemoryLogger();
const acted: string[] = [];
let bus: EventBus;
let port: number;
let web: TellingPort | undefined;
let folder: string;

const operator = {
  networks: () => [networkEntry()],
  leases: () => [BOX],
  renew: () => void acted.push('renew'),
  release: () => Promise.resolve(void acted.push('release')),
  probe: () => Promise.resolve((acted.push('probe'), [])),
  watch: () => (acted.push('trace'), () => undefined),
  doctor: () => Promise.resolve((acted.push('doctor'), [])),
};

async function open(settings: Partial<PortSettings> = {}): Promise<TellingPort | undefined> {
  web = await openWeb(
    { listen: `127.0.0.1:${port}`, token: undefined, tokenFile: undefined, ...settings },
    {
      ...{ bus, log, about: { version: 'test' }, operator: () => operator },
      metrics: { type: 'text/plain; version=0.0.4', text: () => Promise.resolve('vlandhcp_x 1\n') },
    },
  );
  return web;
}

/** A port of loopback that nobody uses. */
async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const found = (server.address() as AddressInfo).port;
  await new Promise((resolve) => server.close(resolve));
  return found;
}

type Headers = Record<string, string>;

function begin(path: string, headers: Headers = {}, method = 'GET'): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port, path, method, headers, agent: false as const };
    request(options, resolve).on('error', reject).end();
  });
}

async function ask(path: string, headers?: Headers, method?: string) {
  const response = await begin(path, headers, method);
  let text = '';
  for await (const chunk of response.setEncoding('utf8')) text += chunk as string;
  return { status: response.statusCode, headers: response.headers, text };
}

const statusOf = async (path: string, headers?: Headers, method?: string) =>
  (await ask(path, headers, method)).status;
const refusals = () =>
  log.lines.filter(({ level }) => level === 'error').map(({ message }) => message);

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vlandhcp-web-'));
  bus = new EventBus(new FakeClock(), 1000);
  port = await freePort();
  log.lines.length = 0;
  acted.length = 0;
});
afterEach(async () => {
  await web?.close();
  web = undefined;
  rmSync(folder, { recursive: true });
});

describe('the setting', () => {
  it('none opens no port', async () => {
    expect(await open({ listen: undefined })).toBeUndefined();
    expect(log.lines).toEqual([]);
  });

  it.each([
    ['9325', {}, 'HTTP_LISTEN=9325 is not ADDRESS:PORT, such as 127.0.0.1:9325 or [::1]:9325'],
    ['127.0.0.1:0', {}, 'HTTP_LISTEN=127.0.0.1:0 is not ADDRESS:PORT'],
    ['127.0.0.1:65536', {}, 'is not ADDRESS:PORT'],
    ['example.net:9325', {}, 'is not ADDRESS:PORT'],
    ['::1:9325', {}, 'is not ADDRESS:PORT'],
    ['0.0.0.0:9325', {}, 'HTTP_LISTEN with 0.0.0.0 needs a token of 16 characters or more'],
    ['[::]:9325', {}, 'HTTP_LISTEN with :: needs a token'],
    ['[::ffff:127.0.0.1]:9325', {}, 'needs a token'],
    ['0.0.0.0:9325', { token: 'short' }, 'the HTTP token has 5 characters; it needs 16 or more'],
    ['127.0.0.1:9325', { token: 'short' }, 'the HTTP token has 5 characters'],
    ['127.0.0.1:9325', { token: 'with a blank inside it' }, 'characters other than ASCII'],
    [
      '0.0.0.0:9325',
      { tokenFile: '/nowhere/token' },
      'HTTP_TOKEN_FILE=/nowhere/token cannot be read',
    ],
  ])('%s %j opens no port, and the log says why', async (listen, settings, why) => {
    expect(await open({ listen, ...settings })).toBeUndefined();
    expect(refusals()).toEqual([expect.stringContaining(why)]);
  });

  it('an empty token file opens no port, also on loopback', async () => {
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, '\n');
    expect(await open({ tokenFile })).toBeUndefined();
    expect(refusals()).toEqual([expect.stringContaining('is empty; write a token to it')]);
  });

  it('a port that another program has opens none, and the other one stays', async () => {
    await open();
    const first = web;
    expect(await open()).toBeUndefined();
    expect(refusals()).toEqual([expect.stringContaining('another program listens there')]);
    expect(await statusOf('/metrics')).toBe(200);
    web = first;
  });

  it('no line of the log has the token', async () => {
    await open({ token: TOKEN });
    await ask(`/?token=${TOKEN}`);
    await ask('/v1/plugin');
    expect(JSON.stringify(log.lines)).not.toContain(TOKEN);
  });
});

describe('without a token', () => {
  beforeEach(() => open());

  it('tells what the admin socket tells', async () => {
    const told = async (path: string) => JSON.parse((await ask(path)).text) as unknown;
    expect(await told('/v1/plugin')).toEqual({ version: 'test' });
    expect(await told('/v1/networks')).toMatchObject({
      networks: [{ segment: 'VLAN 500 of eth1' }],
    });
    expect(await told('/v1/leases')).toMatchObject({ leases: [{ mac: BOX.mac }] });
    expect(await told(`/v1/leases/${BOX.mac}`)).toMatchObject({ leases: [{ mac: BOX.mac }] });
    expect(await ask('/metrics')).toMatchObject({
      text: 'vlandhcp_x 1\n',
      headers: { 'content-type': 'text/plain; version=0.0.4' },
    });
    expect(await ask('/')).toMatchObject({ status: 200, headers: { 'content-type': 'text/html; charset=utf-8' } }); // prettier-ignore
  });

  it('changes nothing and sends nothing', async () => {
    const actions: [string, string][] = [
      [`/v1/leases/${BOX.mac}/renew`, 'GET'],
      [`/v1/leases/${BOX.mac}/renew`, 'POST'],
      [`/v1/leases/${BOX.mac}/release`, 'POST'],
      ['/v1/probe?parent=eth1', 'GET'],
      ['/v1/trace', 'GET'],
      ['/v1/doctor', 'GET'],
      ['/v1/leases/..\\doctor', 'GET'],
      ['/v1/leases/../doctor', 'GET'],
      ['/v1/leases/%2e%2e/doctor', 'GET'],
      ['/v1/leases/..\\probe?parent=eth1', 'GET'],
      ['/v1/probe?parent=eth1', 'HEAD'],
      ['/v1/events', 'OPTIONS'],
    ];
    const statuses = await Promise.all(actions.map(([path, method]) => statusOf(path, {}, method)));
    expect(statuses).toEqual([404, 405, 405, 404, 404, 404, 404, 404, 404, 404, 405, 405]);
    expect(acted).toEqual([]);
  });

  it('requests of one connection that wait for the first one take no place of others', async () => {
    await open();
    const follow = 'GET /v1/events?follow=true HTTP/1.1\r\nHost: localhost\r\n\r\n';
    for (let count = 0; count < 3; count += 1) {
      const socket = connect(port, '127.0.0.1');
      socket.write(follow.repeat(33));
      await once(socket, 'data');
      for (let look = 0; look < 10; look += 1) await statusOf('/v1/plugin'); // others get a turn
      const other = await begin('/v1/events?follow=true');
      other.destroy();
      expect(other.statusCode).toBe(200);
      socket.destroy();
      await once(socket, 'close');
    }
    await soon(async () => {
      const response = await begin('/v1/events?follow=true');
      response.destroy();
      expect(response.statusCode).toBe(200);
    });
  });

  it.each([
    '/assets/../../etc/passwd',
    '/assets/none',
    '/v1/',
    '/v2/leases',
    '//leases',
    '/%2e%2e/',
  ])('has no %s', async (path) => expect(await statusOf(path)).toBe(404));

  it.each([`127.0.0.1:1`, 'localhost', 'LOCALHOST:8080', '[::1]:80', '127.1.2.3'])(
    'serves the host %s',
    async (host) => expect(await statusOf('/v1/plugin', { host })).toBe(200),
  );

  it.each(['evil.example', 'localhost.evil.example:80', '10.0.0.1', '127.evil.example'])(
    'refuses the host %j, to which a DNS may send a browser of this host',
    async (host) => {
      const { status, text } = await ask('/v1/plugin', { host });
      expect([status, text]).toEqual([421, expect.stringContaining('only localhost')]);
    },
  );

  it('every answer has the headers that keep browsers to it, and none opens it to other sites', async () => {
    for (const path of ['/', '/metrics', '/v1/leases', '/nothing']) {
      const { headers } = await ask(path, { origin: 'http://evil.example' });
      expect(headers).toMatchObject({
        'content-security-policy': expect.stringMatching(/^default-src 'self'; frame-ancestors 'none'/) as string, // prettier-ignore
        'x-content-type-options': 'nosniff',
      });
      expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([]);
    }
  });
});

describe('with a token', () => {
  beforeEach(() => open({ token: TOKEN }));

  it('serves who has it, whatever the host is called', async () => {
    const authorization = `Bearer ${TOKEN}`;
    expect(await statusOf('/metrics', { authorization, host: 'docker7.example.net' })).toBe(200);
  });

  it.each([
    {},
    { authorization: 'Bearer another-token-of-some-length' },
    { authorization: `Basic ${TOKEN}` },
    { authorization: 'Bearer ' },
    { cookie: `vlandhcp=${TOKEN}` },
    { cookie: 'vlandhcp=' },
  ])('refuses %j, and tells nothing', async (headers) => {
    for (const path of ['/', '/metrics', '/v1/leases', '/?token=wrong']) {
      const answer = await ask(path, headers);
      expect(answer.status).toBe(401);
      expect(answer.headers['www-authenticate']).toBe('Bearer');
      expect(answer.text).toContain('Authorization: Bearer TOKEN');
    }
  });

  it('a browser gives it once in the URL, and has a cookie from then on', async () => {
    const { status, headers } = await ask(`/?a=1&token=${TOKEN}`);
    expect([status, headers.location]).toEqual([303, '/?a=1']);
    const [cookie = ''] = headers['set-cookie'] ?? [];
    expect(cookie).toMatch(/^vlandhcp=[0-9a-f]{64}; HttpOnly; SameSite=Strict; Path=\/$/);
    const [pair = ''] = cookie.split(';');
    expect(await statusOf('/v1/leases', { cookie: `other=1; ${pair}` })).toBe(200);
  });

  it.each(['//evil.example/', '/\\evil.example/', '///evil.example'])(
    '%s does not send a browser elsewhere',
    async (path) => {
      const { headers } = await ask(`${path}?token=${TOKEN}`);
      expect(headers.location).toMatch(/^\/[^/\\]/);
    },
  );

  it('the token may be in a file', async () => {
    await web?.close();
    const tokenFile = join(folder, 'token');
    writeFileSync(tokenFile, `${TOKEN}\n`);
    await open({ tokenFile });
    expect(await statusOf('/metrics')).toBe(401);
    expect(await statusOf('/metrics', { authorization: `Bearer ${TOKEN}` })).toBe(200);
  });
});

describe('events', () => {
  const ACCEPT = { accept: 'text/event-stream' };
  const started = (version: string) => bus.emit({ type: 'plugin.started', version });
  beforeEach(async () => {
    await open();
    for (const version of ['1', '2', '3']) started(version);
  });

  /** Reads until the text has what is wanted. */
  async function until(response: IncomingMessage, wanted: string): Promise<string> {
    let text = '';
    for await (const chunk of response.setEncoding('utf8')) {
      text += chunk as string;
      if (text.includes(wanted)) break;
    }
    return text;
  }

  it('are lines of JSON, or server-sent events that go on', async () => {
    const { text } = await ask('/v1/events?since=2');
    expect(JSON.parse(text)).toMatchObject({ id: 3, type: 'plugin.started' });
    const response = await begin('/v1/events?follow=true&type=plugin.started', ACCEPT);
    expect(response.headers['content-type']).toBe('text/event-stream');
    started('4');
    const told = await until(response, 'id: 4\n');
    expect(told).toMatch(/^retry: 1000\n\nid: 1\ndata: \{"id":1,.*\}\n\nid: 2\n/);
  });

  it('go on after the last one that a browser has', async () => {
    const headers = { ...ACCEPT, 'last-event-id': '2' };
    const response = await begin('/v1/events?follow=true&since=0', headers);
    expect(await until(response, 'id: 3\n')).not.toContain('id: 2\n');
  });

  it('a wrong question is refused in a sentence', async () => {
    const { status, text } = await ask('/v1/events?follow=true&type=nothing', ACCEPT);
    expect([status, text]).toEqual([400, expect.stringContaining('is not a type of event')]);
  });

  it('followers have a limit, so that Prometheus still gets an answer', async () => {
    const pages = await Promise.all(
      Array.from({ length: 32 }, () => begin('/v1/events?follow=true', ACCEPT)),
    );
    expect(await statusOf('/v1/events?follow=true', ACCEPT)).toBe(503);
    expect(await statusOf('/metrics')).toBe(200);
    for (const page of pages) page.destroy();
  });
});
