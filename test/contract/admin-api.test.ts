/** The admin API on a real unix socket: answers, refusals, and what a bad client may not do. */
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { createInterface } from 'node:readline';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { serveAdmin, type AdminServer } from '../../plugin/api/operator/admin-server.ts';
import { EventBus } from '../../plugin/events/event-bus.ts';
import type { TraceWanted } from '../../plugin/api/operator/trace-stream.ts';
import type { Probe } from '../../plugin/api/operator/probe-stream.ts';
import { FrameWatch, type FrameListener } from '../../plugin/leasing/frames/frame-watch.ts';
import type { TrunkQuestion } from '../../plugin/leasing/segment/trunk-probe.ts';
import { termsOf } from '../../plugin/state/records.ts';
import { ip, lease, mac } from '../support/frames/messages.ts';
import type { RecordedEvent } from '../../plugin/events/events.ts';
import { PluginError } from '../../plugin/vocabulary/errors.ts';
import { FakeClock } from '../support/time/fake-clock.ts';
import { leaseEntry, networkEntry } from '../support/fakes/lease-entries.ts';
import { MemoryLogger } from '../support/fakes/memory-logger.ts';
import { dial, post } from '../support/lab/unix-http.ts';

const BOX = leaseEntry();
const TWIN = leaseEntry({
  mac: '02:00:00:00:00:09',
  address: '10.60.0.23/24',
  endpoint: 'f'.repeat(64),
});
const OTHER = leaseEntry({
  mac: '02:00:00:00:00:0a',
  address: '10.60.0.23/24',
  network: 'b'.repeat(64),
  endpoint: 'd'.repeat(64),
});

let folder: string;
let server: AdminServer;
let bus: EventBus;
const log = new MemoryLogger();
let wallTime = 0;
const frames = new FrameWatch({ wall: () => wallTime });
const done: string[] = [];
let isStarted: boolean;
const metrics = {
  type: 'text/plain; version=0.0.4',
  text: () => Promise.resolve('vlandhcp_x 1\n'),
};
const operator = {
  networks: () => [networkEntry({ leases: { leased: 2 } })],
  leases: () => [BOX, TWIN, OTHER],
  renew: ({ mac }: { mac: string }) => void done.push(`renew ${mac}`),
  release: () => Promise.reject(new PluginError('LEASE_BUSY', 'a container uses it')),
  doctor: () => Promise.resolve([]),
  probe: (question: TrunkQuestion) => probing(question),
  watch: (_wanted: TraceWanted, listener: FrameListener) => frames.watch(listener),
};
const path = () => join(folder, 'vlandhcp', 'admin.sock');
const ask = async (target: string, method = 'GET', body?: string) => {
  const { status, text } = await post(path(), target, body, { method });
  return { status, text };
};
const asked = async (target: string, method = 'GET') => {
  const { status, text } = await ask(target, method);
  return [status, JSON.parse(text) as unknown];
};
const sentence = (text: string) => ({ error: expect.stringContaining(text) as string });

const FOUND = {
  ...{ vlan: 500, server: ip('10.50.0.1'), serverMac: mac('02:00:00:00:00:01') },
  ...{ terms: termsOf(lease()), roundTripMs: 1.4, askedVlan: undefined },
};
/** What a probe of the test finds, or fails with. */
let probing: Probe;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vlandhcp-admin-'));
  bus = new EventBus(new FakeClock(), 1000);
  isStarted = true;
  done.length = 0;
  probing = () => Promise.resolve([FOUND]);
  server = await serveAdmin(path(), {
    ...{ bus, log, metrics, about: { version: 'test' } },
    operator: () => (isStarted ? operator : undefined),
  });
});
afterEach(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

describe('the socket', () => {
  it('is for root only, and goes with its folder', async () => {
    expect(statSync(path()).mode & 0o777).toBe(0o600);
    await server.close();
    expect(existsSync(join(folder, 'vlandhcp'))).toBe(false);
  });

  it('stays where it is if another process serves it', async () => {
    const deps = { bus, log, metrics, about: {}, operator: () => operator };
    await expect(serveAdmin(path(), deps)).rejects.toThrow('another process already listens on');
    expect(await asked('/v1/plugin')).toEqual([200, { version: 'test' }]);
  });

  it('has metrics, also while the plugin starts', async () => {
    isStarted = false;
    expect(await ask('/metrics')).toEqual({ status: 200, text: 'vlandhcp_x 1\n' });
  });

  it('says so while the plugin starts', async () => {
    isStarted = false;
    expect(await asked('/v1/leases')).toEqual([503, sentence('the plugin is starting')]);
  });
});

it('followers have a limit, so that other commands still get an answer', async () => {
  const follow = async (target: string) => {
    const socket = await dial(path());
    socket.write(`GET ${target} HTTP/1.1\r\nHost: plugin\r\n\r\n`);
    await once(socket, 'data');
    return socket;
  };
  const targets = ['/v1/events?follow=true', '/v1/trace?network=aaaa'];
  const open = await Promise.all(Array.from({ length: 32 }, (_, index) => follow(targets[index % 2]!))); // prettier-ignore
  for (const target of targets) {
    expect(await asked(target)).toEqual([503, sentence('32 clients follow already; ')]);
  }
  expect((await ask('/v1/events')).status).toBe(200);
  expect((await ask('/v1/leases')).status).toBe(200);
  for (const socket of open) socket.destroy();
});

describe('a trace', () => {
  const client = () => ({ key: 'e', mac: mac('02:00:00:00:00:01'), segment: 'VLAN 500 of eth1' });
  const socket = () => ({
    listen: () => {},
    send: () => {},
    sendFromLink: () => {},
    close: () => {},
  });

  it('tells each frame as a line; a fault of it ends the trace, and no client', async () => {
    const opened = frames.openSocket(socket, client)({ link: 'br500' }, client().mac, {
      onFrame: () => undefined,
      onError: () => undefined,
    });
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      const options = { socketPath: path(), path: '/v1/trace?network=aaaa' };
      request(options, resolve).on('error', reject).end();
    });
    opened.send(new Uint8Array(60));
    const lines: unknown[] = [];
    const reading = async () => {
      for await (const line of createInterface({ input: response })) {
        lines.push(JSON.parse(line));
        wallTime = NaN; // a fault of ours: there is no such time
        opened.send(new Uint8Array(60));
      }
    };
    await expect(reading()).rejects.toThrow('aborted');
    expect(lines).toMatchObject([
      { direction: 'sent', type: 'malformed', mac: client().mac, link: 'br500' },
    ]);
    expect(log.messages('error')).toContain('a frame could not be shown; the trace ends');
  });
});

describe('a probe of a trunk', () => {
  const lines = async (target: string) =>
    (await ask(target)).text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as object);

  it('tells how far it is, and then what it has found', async () => {
    const questions: TrunkQuestion[] = [];
    probing = (question) => {
      questions.push(question);
      question.onProgress?.(2, 4);
      question.onProgress?.(4, 4);
      return Promise.resolve([FOUND]);
    };
    expect(await lines('/v1/probe?parent=eth1&vlans=10,500-502')).toMatchObject([
      { asked: 2, of: 4 },
      { asked: 4, of: 4 },
      { answers: [{ vlan: 500, server: '10.50.0.1', roundTripMs: 1 }] },
    ]);
    expect(questions[0]).toMatchObject({ parent: 'eth1', vlans: [10, 500, 501, 502] });
  });

  it('fails in one sentence', async () => {
    probing = () => Promise.reject(new PluginError('SOCKET_FAILED', 'no link eth9'));
    expect(await lines('/v1/probe?parent=eth9')).toEqual([{ error: 'no link eth9' }]);
    const evidence = { errno: 'ENETDOWN' };
    probing = () =>
      Promise.reject(new PluginError('SOCKET_FAILED', 'send: ENETDOWN', { evidence }));
    expect(await lines('/v1/probe?parent=eth9')).toEqual([
      { error: 'send: ENETDOWN; the link is down: ip link set eth9 up' },
    ]);
  });

  it.each([
    ['/v1/trace', 'a trace needs network=ID, or mac=MAC'],
    ['/v1/trace?mac=02:00', 'mac=02:00 is not a list of MACs'],
    ['/v1/probe', 'is not the name of a link'],
    ['/v1/probe?parent=a%2Fb', 'is not the name of a link'],
    ['/v1/probe?parent=eth1&vlans=', 'is not a list of VLANs'],
    ['/v1/probe?parent=eth1&vlans=10-5', 'is not a list of VLANs'],
    ['/v1/probe?parent=eth1&vlans=4095', 'is not a list of VLANs'],
    [`/v1/probe?parent=eth1&vlans=${'1,'.repeat(500)}x`, 'is not a list of VLANs'],
  ])('%s is refused', async (target, text) => {
    expect(await asked(target)).toEqual([400, sentence(text)]);
  });
});

it("the history of a container has no event of another network's container with the same MAC", async () => {
  const ofLease = { segment: 'x', mac: BOX.mac, family: 4, address: '10.0.0.1' } as const;
  for (const network of [BOX.network, 'b'.repeat(64)]) {
    bus.emit({ type: 'lease.renewed', ...ofLease, network, endpoint: `of ${network}` });
  }
  const { history } = (await asked(`/v1/leases/${BOX.endpoint}`))[1] as {
    history: RecordedEvent[];
  };
  expect(history).toMatchObject([{ network: BOX.network }]);
  const all = (await asked(`/v1/leases/${BOX.mac}`))[1] as { history: RecordedEvent[] };
  expect(all.history).toHaveLength(2);
});

describe('answers', () => {
  it('networks have counts in place of their leases', async () => {
    const answer = await asked('/v1/networks');
    expect(answer).toMatchObject([200, { networks: [{ bridge: 'br500', leases: { leased: 2 } }] }]);
    expect(JSON.stringify(answer)).not.toContain('endpoints');
  });

  it('leases, and those of one network', async () => {
    expect(await asked('/v1/leases')).toMatchObject([200, { leases: [{}, {}, {}] }]);
    expect(await asked('/v1/leases?network=bbbb')).toMatchObject([
      200,
      { leases: [{ mac: OTHER.mac }] },
    ]);
  });

  it.each([
    ['an address', '10.50.0.23'],
    ['a MAC', '02:74:52:1F:FE:E0'],
    ["an endpoint's id", 'e'.repeat(12)],
  ])('a lease by %s, with its history', async (_what, key) => {
    const { mac, endpoint, segment } = BOX;
    bus.emit({
      ...{ type: 'address.conflict', endpoint, segment, mac, address: '10.50.0.23' },
      by: '02:00:00:00:00:01',
    });
    expect(await asked(`/v1/leases/${key}`)).toMatchObject([
      200,
      { leases: [{ mac }], history: [{ id: 1, type: 'address.conflict' }] },
    ]);
  });

  it('who had an address that nobody has any more', async () => {
    const { endpoint, segment, mac } = TWIN;
    bus.emit({
      ...{ type: 'lease.given-back', endpoint, segment, mac, family: 4, address: '10.50.0.99' },
    });
    expect(await asked('/v1/leases/10.50.0.99')).toMatchObject([
      200,
      { leases: [], history: [{ mac }] },
    ]);
  });

  it('renew and release', async () => {
    expect(await asked(`/v1/leases/10.50.0.23/renew`, 'POST')).toMatchObject([202, { lease: {} }]);
    expect(done).toEqual([`renew ${BOX.mac}`]);
    expect(await asked(`/v1/leases/10.50.0.23/release`, 'POST')).toEqual([
      409,
      { error: 'a container uses it' },
    ]);
  });
});

describe('refusals are one sentence', () => {
  it.each([
    [404, '/', 'GET', 'the admin API has no GET /; it has GET /v1/plugin, '],
    [404, '/v2/leases', 'GET', 'the admin API has no GET /v2/leases'],
    [404, '/v1/leases', 'DELETE', 'the admin API has no DELETE /v1/leases'],
    [404, '/v1/leases/10.50.0.23/renew', 'GET', 'the admin API has no GET'],
    [404, '/v1/leases/10.50.0.77', 'GET', 'nobody has 10.50.0.77 now, and no event'],
    [404, '/v1/leases/10.50.0.77/renew', 'POST', 'no lease of this host is of 10.50.0.77'],
    [
      409,
      '/v1/leases/10.60.0.23/renew',
      'POST',
      `name one by its endpoint: ${TWIN.endpoint} (VLAN 500 of eth1), ${OTHER.endpoint} (`,
    ],
    [400, '/v1/leases/box', 'GET', '"box" is not an address, a MAC, or 4 characters'],
    [400, '/v1/leases/%E0%A4%A', 'GET', 'is not a path of a URL'],
    [400, '/v1/events?since=yesterday', 'GET', 'since=yesterday is not the number of an event'],
    [400, '/v1/events?type=lease.sold', 'GET', 'type=lease.sold is not a type of event; there are'],
    [400, '/v1/events?follow=maybe', 'GET', 'follow=maybe is not true or false'],
  ])('%i %s %s', async (status, target, method, text) => {
    expect(await asked(target, method)).toEqual([status, sentence(text)]);
  });
});

describe('a bad client', () => {
  it('a body is refused', async () => {
    expect(await ask('/v1/leases', 'GET', 'x'.repeat(100_000))).toMatchObject({ status: 413 });
    expect(await asked('/v1/plugin')).toMatchObject([200, {}]);
  });

  it.each([
    ['a path without an end', `GET /${'x'.repeat(20_000)} HTTP/1.1\r\n\r\n`, '431 '],
    ['what is not HTTP', 'hello\r\n\r\n', '400 '],
  ])('%s', async (_what, text, status) => {
    const socket = await dial(path());
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(text);
    await closed;
    expect(answer).toContain(`HTTP/1.1 ${status}`);
    expect(answer).toContain('{"error":"');
  });

  it('more connections than are served are closed, and those of before go on', async () => {
    const sockets = await Promise.all(Array.from({ length: 64 }, () => dial(path())));
    const late = await dial(path());
    await new Promise((resolve) => late.once('close', resolve));
    const answer = new Promise<string>((resolve) =>
      sockets[0]?.once('data', (chunk: Buffer) => resolve(chunk.toString())),
    );
    sockets[0]?.write('GET /v1/plugin HTTP/1.1\r\nHost: x\r\n\r\n');
    expect(await answer).toContain('200 OK');
    for (const socket of sockets) socket.destroy();
  });
});

describe('events', () => {
  const started = (version: string) => bus.emit({ type: 'plugin.started', version });
  const idsOf = (text: string) =>
    text
      .split('\n')
      .filter(Boolean)
      .map((line) => (JSON.parse(line) as RecordedEvent).id);

  it('those of before, after a number, by type', async () => {
    for (const version of ['1', '2', '3']) started(version);
    bus.emit({ type: 'plugin.stopped', version: '3' });
    expect(idsOf((await ask('/v1/events')).text)).toEqual([1, 2, 3, 4]);
    expect(idsOf((await ask('/v1/events?since=2')).text)).toEqual([3, 4]);
    expect(idsOf((await ask('/v1/events?type=plugin.stopped')).text)).toEqual([4]);
    const at = new FakeClock().wall() + 1;
    const later = new Date(at).toISOString();
    expect(idsOf((await ask(`/v1/events?since=${later}`)).text)).toEqual([]);
  });

  it('those to come follow, in one stream without a gap', async () => {
    started('1');
    const texts: string[] = [];
    const follows = (count: number) =>
      new Promise<void>((resolve) => {
        const call = request({ socketPath: path(), path: '/v1/events?follow=true' }, (response) => {
          response.on('error', () => undefined);
          response.on('data', (chunk: Buffer) => {
            texts.push(chunk.toString());
            if (idsOf(texts.join('')).length < count) return;
            call.destroy();
            resolve();
          });
          started('2');
          started('3');
        });
        call.on('error', () => undefined);
        call.end();
      });
    await follows(3);
    expect(idsOf(texts.join(''))).toEqual([1, 2, 3]);
  });

  it('a client that does not read is cut off, and the plugin does not keep its events', async () => {
    const socket = await dial(path());
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('error', () => undefined);
    const head = new Promise((resolve) => socket.once('data', resolve));
    socket.write('GET /v1/events?follow=true HTTP/1.1\r\nHost: x\r\n\r\n');
    await head;
    socket.pause();
    for (let count = 0; count < 4_000; count += 1) started('x'.repeat(1000));
    socket.resume();
    await closed;
    expect(await asked('/v1/plugin')).toMatchObject([200, {}]);
  });
});
