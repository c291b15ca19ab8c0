/**
 * `dns=lease` on a real engine: Docker is told the host's DNS server, and the container's names are
 * answered by that of its VLAN.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { docker, inspectContainer, lab, output, run, until } from '../support/lab/lab.ts';
import { createFw500, runBox, site } from '../support/lab/site.ts';

/** Nobody answers there. */
const HOST_SERVER = '10.99.0.53';
/** The office host. It has an answer of its own. */
const USERS_SERVER = '10.99.0.2';
const OF_THE_VLAN = '10.50.0.9';
const OF_THE_USER = '192.0.2.77';

const folder = mkdtempSync(join(tmpdir(), 'vlandhcp-dns-'));
const resolvConf = join(folder, 'resolv.conf');

site({
  server: [
    ...['dnsmasq-no-ping', '500', '--', '--port=53', '--no-resolv', '--no-hosts'],
    ...[`--address=/app.vlan/${OF_THE_VLAN}`, '--domain=vlan.example'],
  ],
  engine: ['--dns', HOST_SERVER],
  plugin: 'managed',
  host: async () => {
    writeFileSync(resolvConf, `nameserver ${HOST_SERVER}\n`);
    await output('mount', ['--bind', resolvConf, '/etc/resolv.conf']);
  },
});

beforeAll(async () => {
  const words = ['--conf-file=/dev/null', '--no-resolv', '--no-hosts', '--user=root'];
  await lab(
    ...(['office', 'dnsmasq', ...words] as const),
    ...[`--pid-file=${folder}/pid`, `--address=/app.vlan/${OF_THE_USER}`],
  );
});
afterAll(async () => {
  await run('pkill', ['--pidfile', `${folder}/pid`]);
  await run('umount', ['/etc/resolv.conf']);
  rmSync(folder, { recursive: true });
});
beforeEach(() => createFw500('dns=lease'));

/** What the container is told about a name. Undefined if nobody knows it, or nobody answers. */
async function asks(name: string): Promise<string | undefined> {
  return answerIn((await run('docker', ['exec', 'box', 'nslookup', '-type=a', name])).stdout);
}
const answerIn = (text: string) => /Name:.*\nAddress[^:]*: (\S+)/.exec(text)?.[1];
const hostRules = () => output('nft', ['-s', 'list', 'ruleset']);
const sandboxTables = async () => {
  const { Pid } = (await inspectContainer('box')).State;
  const tables = await output('nsenter', ['-t', String(Pid), '-n', 'nft', 'list', 'tables']);
  return tables.split('\n').filter((line) => line.includes('vlandhcp'));
};
/** A query before that would wait for the host's server, which never answers. */
const hasRules = () =>
  until('the rules are there', async () => (await sandboxTables()).length === 1);

it('a name that only the DNS of the VLAN knows, and the name of another container', async () => {
  await docker('run', '-d', '--name', 'other', '--net=fw500', 'bb');
  const rules = await hostRules();
  await runBox();
  const shown = await inspectContainer('box');
  await hasRules();
  expect(await asks('app.vlan')).toBe(OF_THE_VLAN);
  const other = (await inspectContainer('other')).NetworkSettings.Networks['fw500']?.IPAddress;
  expect(await asks('other')).toBe(other);
  expect(await inspectContainer('box')).toEqual(shown);
  expect(await hostRules()).toBe(rules);
  expect(await output('docker', ['exec', 'box', 'cat', '/etc/resolv.conf'])).toMatch(
    /nameserver 127\.0\.0\.11/,
  );
});

it('the first query of a container', async () => {
  // Engines before 28 let nobody into a sandbox before its container runs.
  const query = 'nslookup -type=a app.vlan';
  const command = process.env['ENGINE'] === '20' ? `until ${query}; do :; done` : query;
  const said = await docker('run', '--rm', '--net=fw500', 'bb', 'sh', '-c', command);
  expect(answerIn(said)).toBe(OF_THE_VLAN);
});

it('--dns wins', async () => {
  await runBox('--dns', USERS_SERVER);
  await hasRules();
  expect(await asks('app.vlan')).toBe(OF_THE_USER);
});

it('the plugin is killed, and the container restarted: as before', async () => {
  await runBox();
  await hasRules();
  await lab('plugin-kill');
  expect(await asks('app.vlan')).toBe(OF_THE_VLAN);
  await docker('restart', '-t', '0', 'box');
  await hasRules();
  expect(await asks('app.vlan')).toBe(OF_THE_VLAN);
});

it('beside another network; without this one nothing of it is left in the container', async () => {
  await docker('network', 'create', 'beside');
  await docker('run', '-d', '--name', 'box', '--net=beside', 'bb');
  await docker('network', 'connect', 'fw500', 'box');
  await hasRules();
  expect(await asks('app.vlan')).toBe(OF_THE_VLAN);
  await docker('network', 'disconnect', 'fw500', 'box');
  expect(await sandboxTables()).toEqual([]);
});
