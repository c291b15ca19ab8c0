/** The management of Docker over the tunnel, with real TLS on loopback and a Docker of our own. */
import { once } from 'node:events';
import { connect as connectPlain } from 'node:net';
import { connect } from 'node:tls';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { DockerProxy } from '../../../plugin/uplink/manage/docker-proxy.ts';
import { makeClient } from '../../../plugin/uplink/manage/certificates.ts';
import type { Identity } from '../../../plugin/uplink/manage/x509.ts';
import {
  CLIENT,
  dial,
  FakeDocker,
  makeSite,
  soon,
  talk,
} from '../../support/uplink/manage-clients.ts';
import { MemoryLogger } from '../../support/fakes/memory-logger.ts';

const HOUR = 3_600_000;
let site: Awaited<ReturnType<typeof makeSite>>;
let own: Identity;
let docker: FakeDocker;
let proxy: DockerProxy;
let log: MemoryLogger;

const open = (dockerSocket = docker.path): Promise<DockerProxy> =>
  DockerProxy.open(
    { address: '127.0.0.1', port: 0, dockerSocket, name: 'laptop', now: () => Date.now(), log },
    { credentials: site.server, client: CLIENT },
  );
const say = (client: Identity | undefined, said = 'x', more = {}): Promise<string> =>
  talk(proxy.port, site.authority.certificate, client, said, more);
const reasonIn = (answer: string): unknown => {
  const [head = '', body = ''] = answer.split('\r\n\r\n');
  expect(head).toMatch(/^HTTP\/1\.1 403 /);
  return (JSON.parse(body) as { message: unknown }).message;
};

beforeAll(async () => {
  site = await makeSite();
  own = await site.client();
  docker = await FakeDocker.open();
});
afterAll(() => docker.close());
beforeEach(async () => {
  log = new MemoryLogger();
  docker.connections = 0;
  proxy = await open();
  return () => proxy.close();
});

it('the end of input reaches Docker, and what Docker says then reaches the client', async () => {
  expect(await say(own, 'y'.repeat(300_000))).toBe('300000 bytes');
});

it('localhost, the name of the hub and the address are names of the server; others are not', async () => {
  for (const servername of ['localhost', 'hub.example.net', 'laptop']) {
    expect(await say(own, 'abc', { servername })).toBe('3 bytes');
  }
  expect(await say(own, 'abc', { servername: 'evil.example.net' })).toBe(
    '!ERR_TLS_CERT_ALTNAME_INVALID',
  );
});

describe('a client is told why it is refused, and Docker hears nothing', () => {
  it.each<[string, () => Promise<Identity | undefined>, RegExp]>([
    ['no certificate', () => Promise.resolve(undefined), /the client has no certificate; make/],
    [
      'another authority',
      async () => (await makeSite()).client(),
      /is not of the hub's authority; make/,
    ],
    [
      "the member's own certificate",
      () => Promise.resolve(site.server),
      /is not for the management of this host/,
    ],
    [
      'a certificate for another member',
      () => site.client({ names: [CLIENT.replace('laptop', 'cloud')] }),
      /is not for the management of this host, or was ended/,
    ],
    [
      'a name too many',
      () => site.client({ names: [CLIENT, CLIENT.replace('laptop', 'cloud')] }),
      /is not for the management of this host/,
    ],
    [
      'a certificate that ended',
      () => site.client({ from: Date.now() - 2 * HOUR, until: Date.now() - HOUR }),
      /ended at \S+Z, and the clock here says \S+Z; set the clock/,
    ],
    [
      'a certificate of the future',
      () => site.client({ from: Date.now() + HOUR, until: Date.now() + 2 * HOUR }),
      /begins at \S+Z, and the clock here says \S+Z; set the clock/,
    ],
  ])('%s', async (_, client, reason) => {
    expect(reasonIn(await say(await client()))).toMatch(reason);
    expect(docker.connections).toBe(0);
  });
});

it('a certificate that a client signed with its own key is refused', async () => {
  const names = [CLIENT];
  const forged = await makeClient(own, { subject: 'x', names, ...soon() });
  const chain = { ...forged, certificate: forged.certificate + own.certificate };
  expect(reasonIn(await say(chain))).toMatch(/is not of the hub's authority/);
  expect(docker.connections).toBe(0);
});

it('TLS 1.2 is refused, and a stranger without TLS is cut off', async () => {
  const keys = { key: own.privateKey, cert: own.certificate, ca: site.authority.certificate };
  const where = { host: '127.0.0.1', port: proxy.port, servername: 'localhost' };
  const old = connect({ ...where, ...keys, maxVersion: 'TLSv1.2' });
  const [error] = (await once(old, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  const stranger = connectPlain(proxy.port, '127.0.0.1');
  stranger.on('error', () => undefined);
  stranger.write('GET /_ping HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(stranger, 'close');
  expect(docker.connections).toBe(0);
});

it('no session comes back without its certificate', async () => {
  const sessions: Buffer[] = [];
  const first = dial(proxy.port, site.authority.certificate, own);
  first.on('session', (session) => sessions.push(session));
  first.end('abc');
  first.resume();
  await once(first, 'close');
  const again = connect({
    ...{ host: '127.0.0.1', port: proxy.port, servername: 'localhost' },
    ...{ ca: site.authority.certificate, session: sessions.at(-1) },
  });
  await once(again, 'secureConnect');
  expect(again.isSessionReused()).toBe(false);
  again.destroy();
});

it('clients that were ended are cut off at once, and their certificates with them', async () => {
  const socket = dial(proxy.port, site.authority.certificate, own);
  socket.on('error', () => undefined);
  socket.write('abc');
  await once(socket, 'secureConnect');
  const next = CLIENT.replace(/1$/, '2');
  while (docker.connections === 0) await new Promise((resolve) => setImmediate(resolve));
  proxy.trust({ credentials: site.server, client: next });
  socket.resume();
  await once(socket, 'close');
  expect(reasonIn(await say(own))).toMatch(/was ended at the hub/);
  expect(await say(await site.client({ names: [next] }), 'ab')).toBe('2 bytes');
});

it('a Docker that is away is told as Docker would say it', async () => {
  await proxy.close();
  proxy = await open('/nowhere/docker.sock');
  expect(await say(own)).toMatch(
    /^HTTP\/1\.1 502 [^]*"vlandhcp on laptop: Docker's socket \/nowhere\/docker\.sock cannot be used: connect ENOENT/,
  );
});

it('many that are refused fill one line of the log', async () => {
  await Promise.all(Array.from({ length: 20 }, () => say(undefined)));
  expect(log.messages('warn')).toEqual(['management: client refused']);
});
