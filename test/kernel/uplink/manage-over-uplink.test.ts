/**
 * The management of Docker over the uplink: hub, NAT, members and a workstation on the Internet are
 * namespaces, with the real programs, WireGuard and nft. Docker is a socket of the test, which says
 * how much it got when the input is over.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { proves } from '../../support/uplink/acceptance.ts';
import { FakeDocker } from '../../support/uplink/manage-clients.ts';
import { until } from '../../support/lab/netns.ts';
import { HUB_ADDRESS, UplinkSite } from '../../support/uplink/uplink-site.ts';

const MEMBER = '10.83.41.5';
const folder = mkdtempSync(join(tmpdir(), 'vlandhcp-manage-'));
const savedEnvironment = { ...process.env };
let site: UplinkSite;
let docker: FakeDocker;

beforeAll(async () => {
  docker = await FakeDocker.open();
  process.env['DOCKER_SOCKET'] = docker.path;
  process.env['PATH'] = '/usr/sbin:/usr/bin:/sbin:/bin'; // there is no `docker`
  site = new UplinkSite();
  const init = 'hub init --site hq --trunk eth1 --subnet 10.83.41.0 --endpoint 203.0.113.10';
  expect(site.vlandhcp('hub', init).status).toBe(0);
  await site.service('hub', 'hub');
  await site.service('remote', 'uplink');
  await site.service('other', 'uplink');
  join_('other', 'cloud', ' --dev uplink1');
});
afterAll(() => {
  site.dispose();
  docker.close();
  rmSync(folder, { recursive: true });
  process.env = savedEnvironment;
});
afterEach(({ task }) => {
  docker.connections = 0;
  if (task.result?.state === 'fail') process.stderr.write(`${site.log.slice(-6_000)}\n`);
});

function join_(host: string, name: string, options: string): string {
  const invited = site.vlandhcp('hub', `hub invite ${name} --vlans 500`);
  const token = /^vuj1\.\S+$/m.exec(invited.stdout)?.[0] ?? '';
  const joined = site.vlandhcp(host, `uplink join${options}`, `${token}\n`);
  expect([joined.stderr, joined.status]).toEqual(['', 0]);
  return joined.stdout;
}

const status = (host = 'remote') => site.vlandhcp(host, 'uplink status').stdout;
const servesNow = () => until('Docker is managed', () => / {3}managed {3}/.test(status()));

/** What a TLS client in that namespace hears after it said `abc`. Docker says: 3 bytes. */
function say(
  from: string,
  host: string,
  keys: string,
  { port = 2376, name = host, own = keys } = {},
): Promise<string> {
  const files = [join(keys, 'ca.pem'), ...['cert.pem', 'key.pem'].map((file) => join(own, file))];
  const client = [process.execPath, join(import.meta.dirname, '../../support/uplink/tls-say.mjs')];
  const words = [...client, host, `${port}`, name, 'abc', ...(own === '' ? [files[0]!] : files)];
  return new Promise((resolve, reject) => {
    execFile('ip', ['netns', 'exec', site.ns(from), ...words], (error: Error | null, heard) =>
      error === null ? resolve(heard) : reject(error),
    );
  });
}

/** A client for the hub's own host. @returns the folder with its files. */
function context(words = ''): string {
  const made = site.vlandhcp('hub', `hub context laptop${words}`);
  expect([made.stderr, made.status]).toEqual(['', 0]);
  return /the files are in (\S+), valid until/.exec(made.stdout)?.[1] ?? '';
}

test('a host that joined without --manage is not managed, and says how it can be', async () => {
  const asked = site.vlandhcp('hub', 'hub context cloud');
  expect(asked.stderr).toBe(
    'vlandhcp: Docker of cloud is not managed, and only its own operator can allow it; on that host: vlandhcp uplink manage on\n',
  );
  expect(status('other')).not.toContain('managed');
  expect(await say('hub', '10.83.41.3', folder, { own: '' }).catch(String)).toMatch(
    /ENOENT|SILENT/,
  );
  proves('attack-not-managed', 'hub context is refused, and the port is silent');
});

test('join --manage: the hub reaches Docker with its certificate, and the end of input passes', async () => {
  expect(join_('remote', 'laptop', ' --manage')).toContain('Docker of this host may be managed');
  await servesNow();
  const keys = context();
  expect(statSync(join(keys, 'key.pem')).mode & 0o777).toBe(0o600);
  expect(await say('hub', MEMBER, keys)).toBe('3 bytes');
  for (const name of ['laptop', 'localhost', HUB_ADDRESS, '127.0.0.1', '::1']) {
    expect([name, await say('hub', MEMBER, keys, { name })]).toEqual([name, '3 bytes']);
  }
  expect(await say('hub', MEMBER, keys, { name: 'cloud' })).toBe('!ERR_TLS_CERT_ALTNAME_INVALID');
  proves(
    'shows-certificate-names',
    'laptop, localhost, the hub, 127.0.0.1, ::1; not cloud',
    '5 names',
  );
});

test('no certificate, and the certificate of the member itself, are refused with a reason', async () => {
  const keys = context();
  expect(await say('hub', MEMBER, keys, { own: '' })).toContain('the client has no certificate');
  const { record } = JSON.parse(
    readFileSync(site.file('remote', 'uplink/manage/uplink0.json'), 'utf8'),
  ) as {
    record: { certificate: string; privateKey: string };
  };
  writeFileSync(join(folder, 'cert.pem'), record.certificate);
  writeFileSync(join(folder, 'key.pem'), record.privateKey);
  expect(await say('hub', MEMBER, keys, { own: folder })).toContain(
    'is not for the management of this host',
  );
  expect(docker.connections).toBe(0);
});

test('members reach no Docker, and a member reaches nothing from that port', async () => {
  const keys = context();
  site.vlandhcp('other', 'uplink manage on');
  await until('both are managed', () => / {3}managed {3}/.test(status('other')));
  site.exec('hub', 'sysctl -qw net.ipv4.ip_forward=1'); // as on every Docker host
  // A member that wants to sends into the tunnel what is for another one.
  const [hubKey] = site.exec('other', 'wg show wg-uplink1 peers').split('\n');
  site.exec('other', `wg set wg-uplink1 peer ${hubKey} allowed-ips 10.83.41.0/24`);
  const between = () => site.counter('hub', 'inet', 'vlandhcp_vdhub', 'between');
  const attacks = between();
  expect(await say('other', MEMBER, keys)).toBe('!SILENT');
  expect(between()).toBeGreaterThan(attacks);
  expect(docker.connections).toBe(0);
  await site.kill('other'); // its port 2376 is free for an attack
  const refused = () => site.counter('hub', 'inet', 'vlandhcp_vdhub', 'refused');
  for (const [from, words] of [
    ['other', '--local-port 2376 http://10.83.41.1:22'],
    ['remote', 'http://10.83.41.1:23765'],
  ] as const) {
    const before = refused();
    expect(site.tried(from, `curl -s -m 1 ${words}`).status).toBe(28); // curl: nobody answers
    expect([from, refused() > before]).toEqual([from, true]);
  }
  // And the hub reaches nothing else of the member.
  const atMember = () => site.counter('remote', 'inet', 'vlandhcp_uplink0', 'refused');
  const beforeThere = atMember();
  site.tried('hub', 'curl -s -m 1 http://10.83.41.5:22');
  expect(atMember()).toBeGreaterThan(beforeThere);
});

test('a workstation reaches the member by a port of the hub, with TLS from end to end', async () => {
  const bundle = join(folder, 'bundle/');
  const made = site.vlandhcp('hub', `hub context laptop --export ${bundle}`);
  expect(made.stderr + made.stdout).toMatch(
    /^\S+ has ca\.pem, cert\.pem and key\.pem, valid until .*; the key is root on laptop\. On the workstation:\nDOCKER_HOST=tcp:\/\/203\.0\.113\.10:23765 DOCKER_TLS_VERIFY=1 DOCKER_CERT_PATH=\S+ docker ps\n$/,
  );
  expect(await say('inet', HUB_ADDRESS, bundle, { port: 23765 })).toBe('3 bytes');
  const without = { port: 23765, own: '' };
  expect(await say('inet', HUB_ADDRESS, bundle, without)).toContain('has no certificate');
  const file = join(folder, 'laptop.tar');
  site.vlandhcp('hub', `hub context laptop --export ${file}`);
  expect(site.exec('hub', `tar -tvf ${file}`).match(/\S+$/gm)).toEqual([
    ...['meta.json', 'tls/docker/ca.pem', 'tls/docker/cert.pem', 'tls/docker/key.pem'],
  ]);
});

test('the port is back after a start of the hub, and so is Docker after a start of the member', async () => {
  const bundle = join(folder, 'bundle/');
  await site.kill('hub');
  await site.kill('remote');
  expect(await say('inet', HUB_ADDRESS, bundle, { port: 23765 })).toBe('!ECONNREFUSED');
  await site.service('remote', 'uplink'); // it asks nobody
  await servesNow();
  await site.service('hub', 'hub');
  expect(await say('inet', HUB_ADDRESS, bundle, { port: 23765 })).toBe('3 bytes');
});

test('--end ends all certificates that were made, and the port', async () => {
  const keys = context();
  const ended = site.vlandhcp('hub', 'hub context laptop --end');
  expect(ended.stdout).toBe('no client that was made before may manage laptop any more\n');
  const bundle = join(folder, 'bundle/');
  expect(await say('inet', HUB_ADDRESS, bundle, { port: 23765 })).toBe('!ECONNREFUSED');
  // The member hears of it with its next word.
  const old = join(folder, 'old/');
  site.exec('hub', `cp -r ${keys} ${old}`);
  let heard = await say('hub', MEMBER, old);
  while (heard === '3 bytes') heard = await say('hub', MEMBER, old);
  expect(heard).toContain('or was ended at the hub');
  expect(await say('hub', MEMBER, context())).toBe('3 bytes');
});

test('manage off closes it at once at both ends, and the key is gone; on again makes new ones', async () => {
  const keys = context();
  const off = site.vlandhcp('remote', 'uplink manage off');
  expect(off.stderr + off.stdout).toBe('Docker of this host is not managed by uplink0\n');
  expect(await say('hub', MEMBER, keys)).toBe('!SILENT');
  expect(existsSync(site.file('remote', 'uplink/manage/uplink0.json'))).toBe(false);
  await until('the hub knows', () => site.vlandhcp('hub', 'hub context laptop').status === 1);
  const on = site.vlandhcp('remote', 'uplink manage on');
  expect(on.stderr + on.stdout).toMatch(/^Docker of this host may be managed by uplink0; /);
  await servesNow();
  expect(await say('hub', MEMBER, context())).toBe('3 bytes');
});

test('a member that is revoked is not managed any more, and leave leaves no key', async () => {
  const bundle = join(folder, 'bundle/');
  site.vlandhcp('hub', `hub context laptop --export ${bundle}`);
  expect(await say('inet', HUB_ADDRESS, bundle, { port: 23765 })).toBe('3 bytes');
  site.vlandhcp('hub', 'hub revoke laptop');
  expect(await say('inet', HUB_ADDRESS, bundle, { port: 23765 })).toBe('!ECONNREFUSED');
  await until('the member knows', () => status().includes('revoked'));
  expect(site.exec('remote', 'ss -Hltn').includes(':2376')).toBe(false);
  expect(site.vlandhcp('remote', 'uplink leave').status).toBe(0);
  expect(existsSync(site.file('remote', 'uplink/manage/uplink0.json'))).toBe(false);
});
