/** Names of containers by Docker's API: a daemon of the test's own on a real unix socket. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ContainerNames } from '../../../plugin/dockerapi/container-names.ts';
import { openDockerApi } from '../../../plugin/dockerapi/docker-api.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { MemoryLogger } from '../../support/fakes/memory-logger.ts';
import { soon } from '../../support/time/soon.ts';

const OURS = 'a'.repeat(64);
let folder: string;
let server: Server;
let streams: ServerResponse[];
let asked: string[];
/** The labels of containers, and how often they were asked for. */
let labels: Record<string, Record<string, string>>;
let askedLabels: string[][];
let containers: Record<string, { Name: string; EndpointID: string }>;
let names: ContainerNames;
let heard: [string, string][];
let clock: FakeClock;
let log: MemoryLogger;
const path = () => join(folder, 'docker.sock');

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'names-'));
  [streams, asked, heard, askedLabels] = [[], [], [], []];
  labels = {};
  containers = { c1: { Name: 'pbx', EndpointID: 'e1' } };
  [clock, log] = [new FakeClock(), new MemoryLogger()];
  server = createServer((request, response) => {
    if (request.url?.startsWith('/events') === true) {
      streams.push(response);
      response.writeHead(200).flushHeaders();
    } else if (request.url?.startsWith('/containers/json') === true) {
      const { searchParams } = new URL(request.url, 'http://docker');
      const { id } = JSON.parse(searchParams.get('filters') ?? '') as { id: string[] };
      askedLabels.push(id);
      response.end(JSON.stringify(id.map((Id) => ({ Id, Labels: labels[Id] ?? null }))));
    } else {
      asked.push(request.url ?? '');
      response.end(JSON.stringify({ Name: 'fw500', Containers: containers }));
    }
  });
  names = new ContainerNames({
    ...{ api: openDockerApi(path())!, clock, log, networks: () => [OURS] },
    onName: (endpointId, { name }) => heard.push([endpointId, name]),
  });
  await listen();
});

afterEach(async () => {
  names.close();
  await hangUp();
  rmSync(folder, { recursive: true });
});

const listen = () => new Promise<void>((resolve) => server.listen(path(), resolve));
const hangUp = () =>
  new Promise<void>((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
const tell = (event: object) => streams.at(-1)?.write(`${JSON.stringify(event)}\n`);
const event = (type: string, id: string, attributes: Record<string, string> = {}) =>
  tell({ Type: type, Action: 'x', Actor: { ID: id, Attributes: attributes } });
/** Lets the plugin's time pass until the daemon has been asked that often. */
const askedTimes = (times: number) =>
  soon(async () => {
    await clock.pass(100);
    expect(asked.length).toBe(times);
  });
const opened = () => soon(() => expect(streams.length).toBeGreaterThan(0));

test('containers that run already are named; a burst of starts is one question', async () => {
  names.start();
  await opened();
  await askedTimes(1);
  await soon(() => expect(heard).toEqual([['e1', 'pbx']]));
  containers = { ...containers, c2: { Name: 'web', EndpointID: 'e2' } };
  for (let count = 0; count < 20; count += 1) event('network', OURS, { container: 'c2' });
  event('network', 'b'.repeat(64));
  await askedTimes(2);
  await soon(() => expect(names.nameOf('e2')).toMatchObject({ id: 'c2', name: 'web' }));
  expect(asked).toEqual([`/networks/${OURS}`, `/networks/${OURS}`]);
  expect(heard.length).toBe(2);
});

test('services of Compose and Swarm: each container is asked about once, and forgotten when it is gone', async () => {
  containers = Object.fromEntries(
    Array.from({ length: 60 }, (_, n) => [`c${n}`, { Name: `box-${n}`, EndpointID: `e${n}` }]),
  );
  labels = {
    c1: { 'com.docker.compose.service': 'web', 'com.docker.compose.project': 'shop' },
    c2: { 'com.docker.swarm.service.name': 'queue' },
    c3: { 'com.docker.compose.service': '' },
  };
  names.start();
  await opened();
  await askedTimes(1);
  await soon(() => expect(askedLabels.map(({ length }) => length)).toEqual([50, 10]));
  await soon(() => expect(names.serviceOf('e1')).toBe('web'));
  const services = ['e0', 'e2', 'e3', 'none'].map((id) => names.serviceOf(id));
  expect(services).toEqual([undefined, 'queue', undefined, undefined]);
  containers = { c1: containers['c1']!, c99: { Name: 'new', EndpointID: 'e99' } };
  event('network', OURS, { container: 'c99' });
  await askedTimes(2);
  await soon(() => expect(askedLabels.slice(2)).toEqual([['c99']]));
  expect([names.serviceOf('e1'), names.serviceOf('e2')]).toEqual(['web', undefined]);
});

test('a thousand times docker rename is one question; who left is forgotten', async () => {
  names.start();
  await opened();
  await askedTimes(1);
  await soon(() => expect(heard.length).toBe(1));
  containers = { c1: { Name: 'phone', EndpointID: 'e1' } };
  for (let count = 0; count < 1_000; count += 1) {
    event('container', 'c1', { oldName: '/pbx', name: `phone-${count}` });
  }
  await askedTimes(2);
  await soon(() => expect(heard.at(-1)).toEqual(['e1', 'phone']));
  containers = {};
  event('network', OURS, { container: 'c1' });
  await askedTimes(3);
  await soon(() => expect(names.nameOf('e1')).toBeUndefined());
});

test('the daemon restarts: one warning, and it is asked again', async () => {
  names.start();
  await opened();
  await hangUp();
  await soon(() => expect(log.messages('warn').length).toBe(1));
  await clock.pass(1_000); // nobody is there
  streams = [];
  await listen();
  await soon(async () => {
    await clock.pass(1_000);
    expect(streams.length).toBe(1);
  });
  expect(log.messages('warn').length).toBe(1);
  await askedTimes(1);
});

test.each([
  ['no JSON', 'hello\n'],
  ['a line without an end', 'x'.repeat(100_000) + '\n'],
])('%s ends the stream, and nothing else', async (_what, bytes) => {
  names.start();
  await opened();
  streams.at(-1)?.write(bytes);
  await soon(() => expect(log.messages('warn').length).toBe(1));
});

test.each([
  ['an event of another shape', { hello: 1 }],
  ['an event without an actor', { Type: 'network' }],
])('%s is passed over', async (_what, object) => {
  names.start();
  await opened();
  tell(object);
  event('network', OURS);
  await askedTimes(1);
  expect(log.messages('warn')).toEqual([]);
});

test('closed: nothing is asked any more', async () => {
  names.start();
  await opened();
  names.close();
  await clock.pass(100_000);
  expect([asked.length, clock.pending]).toEqual([0, 0]);
});

test('a daemon that opens the stream and ends it at once is tried ever more rarely, with one warning', async () => {
  names.start();
  let opens = 0;
  for (let second = 0; second < 60; second += 1) {
    await soon(() => expect(log.messages('warn').length).toBeLessThan(2));
    const open = streams.splice(0);
    opens += open.length;
    for (const stream of open) stream.end();
    await clock.pass(1_000);
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(opens).toBeLessThan(10);
  expect(log.messages('warn').length).toBe(1);
});
