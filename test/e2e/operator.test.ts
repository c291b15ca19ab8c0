/**
 * docs/operator.md, typed from top to bottom on a host without Node: the commands find the managed
 * plugin, run its own Node, and print what the page says.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { attachment, docker, run, until } from '../support/lab/lab.ts';
import { commandsOf } from '../support/pages/page-commands.ts';
import { root } from '../support/pages/readme.ts';
import { createFw500, runBox, site } from '../support/lab/site.ts';

/** All programs of this host but Node. */
const PROGRAMS = '/run/lab/without-node';
const PLACE = '/run/lab/operator';
const INSTALLED = ['/usr/local/lib/docker/cli-plugins/docker-vlandhcp', '/usr/local/bin/vlandhcp'];
const PORT = 'http://127.0.0.1:9325';
const soon = () => AbortSignal.timeout(60_000);
const PAGE = commandsOf('docs/operator.md');
const [INSTALL = '', LINK = '', ...REST] = PAGE;

site({ server: ['dnsmasq-no-ping', '500'], plugin: 'managed', clearsAfterEach: false });

async function typed(command: string) {
  const script = `cd ${PLACE} && ${command}`;
  const { status, stdout, stderr } = await run('env', [
    `PATH=/usr/local/bin:${PROGRAMS}`,
    `${PROGRAMS}/bash`,
    '-c',
    script,
  ]);
  return { status, stdout: stdout.trim(), stderr: stderr.trim() };
}

/** What the command prints. Throws if its exit status is another. */
async function type(command: string, expected = 0): Promise<string> {
  const { status, stdout, stderr } = await typed(command);
  if (status !== expected)
    throw new Error(`$ ${command}\nended with ${String(status)}: ${stderr}${stdout}`);
  return stdout;
}

async function told(path: string): Promise<{ headers: Headers; text: string }> {
  const response = await fetch(PORT + path, { signal: soon() });
  expect([path, response.status]).toEqual([path, 200]);
  return { headers: response.headers, text: await response.text() };
}

/** The next server-sent event. */
async function firstEvent(path: string): Promise<unknown> {
  const headers = { accept: 'text/event-stream' };
  const { body } = await fetch(PORT + path, { headers, signal: soon() });
  let text = '';
  for await (const chunk of body ?? []) {
    text += Buffer.from(chunk as Uint8Array).toString();
    const [, data] = /^data: (.*)$/m.exec(text) ?? [];
    if (data !== undefined && text.endsWith('\n\n')) return JSON.parse(data) as unknown;
  }
  throw new Error(`the events ended after ${JSON.stringify(text)}`);
}

/** The same text in each run. */
const masked = (text: string) =>
  text
    .replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/g, 'TIME')
    .replace(/\b10\.50\.0\.1\d\d\b/g, 'ADDRESS')
    .replace(/\b[0-9a-f]{2}(:[0-9a-f]{2}){5}\b/g, 'MAC')
    .replace(/\b[0-9a-f]{12}\b/g, 'ID')
    .replace(/\b\d+ (s|min)\b/g, 'DURATION')
    .replace(/ {2,}/g, '  ');

beforeAll(async () => {
  mkdirSync(PLACE, { recursive: true });
  mkdirSync(PROGRAMS);
  const folders = (process.env['PATH'] ?? '').split(':').filter((folder) => existsSync(folder));
  for (const name of new Set(folders.flatMap((folder) => readdirSync(folder)))) {
    const folder = folders.find((one) => existsSync(join(one, name)));
    if (folder === undefined || /^node(js)?$/.test(name)) continue;
    symlinkSync(join(folder, name), join(PROGRAMS, name));
  }
  await createFw500();
  await runBox();
  await docker('run', '-d', '--name', 'job', '--network', 'name=fw500,driver-opt=id=job', 'bb');
  await type(INSTALL);
  await type(LINK);
});
afterAll(() => {
  for (const path of INSTALLED) rmSync(path, { force: true });
});

it('the host has no Node, and `docker --help` lists the command', async () => {
  expect((await typed('command -v node')).status).not.toBe(0);
  expect(await type('docker --help')).toMatch(
    /vlandhcp\*? +Networks, leases and events of vlandhcp/,
  );
  expect(await type('vlandhcp --version')).toBe(await type('docker vlandhcp --version'));
});

it('each command of the page works', async () => {
  const { address } = await attachment('box', 'fw500');
  const { address: held } = await attachment('job', 'fw500');
  await docker('rm', '-f', 'job');
  const printed = new Map<string, string>();
  for (const command of REST) {
    const own = command.replace('10.50.0.23', command.includes('release') ? held : address);
    printed.set(command, await type(own));
  }
  const said = (command: string) => masked(printed.get(command) ?? `no ${command} on the page`);
  expect(said('docker vlandhcp networks')).toBe(
    'NAME  SEGMENT  MODE  LINK  MTU  LEASED  WAITING  LOST  HELD\n' +
      'fw500  VLAN 500 of eth1  bridge  br500  1500  1  0  0  1',
  );
  expect(said('docker vlandhcp leases')).toBe(
    'NETWORK  CONTAINER  ADDRESS  MAC  STATE  EXPIRES IN  SERVER\n' +
      'fw500  box  ADDRESS/24  MAC  leased  DURATION  10.50.0.1\n' +
      'fw500  (gone)  ADDRESS/24  MAC  held  DURATION  10.50.0.1\n\n' +
      '1 leased, 0 waiting, 0 lost, 1 held',
  );
  expect(said('docker vlandhcp lease box')).toBe(said('docker vlandhcp lease 10.50.0.23'));
  expect(said('docker vlandhcp lease box')).toContain(
    'Container  box (ID)\nNetwork  fw500, VLAN 500 of eth1\nMAC  MAC\nState  leased\n',
  );
  expect(said('docker vlandhcp events --since 2h --network fw500')).toBe(
    'TIME  TYPE  NETWORK  CONTAINER  TEXT\n' +
      'TIME  link.made  fw500  br500\n' +
      'TIME  network.created  fw500  VLAN 500 of eth1, mode=bridge\n' +
      'TIME  lease.acquired  fw500  box  ADDRESS, server 10.50.0.1\n' +
      'TIME  lease.acquired  fw500  MAC  ADDRESS, server 10.50.0.1\n' +
      'TIME  lease.held  fw500  MAC  ADDRESS, server 10.50.0.1',
  );
  expect(said('docker vlandhcp events --since 10m --all')).toMatch(
    /call\.finished {2}fw500 {2}box {2}NetworkDriver\.Join \d+ ms/,
  );
  expect(said('docker vlandhcp renew box')).toBe('ADDRESS/24 is renewed until TIME by 10.50.0.1');
  expect(said('docker vlandhcp release 10.50.0.23')).toBe('ADDRESS/24 is given back to 10.50.0.1');
  expect(said('docker vlandhcp report report.json')).toMatch(/^report\.json is written: /);
  const report = readFileSync(join(PLACE, 'report.json'), 'utf8');
  expect(report).not.toContain(address);
  expect(JSON.parse(report)).toMatchObject({ leases: [{ state: 'leased' }] });
});

it('each command of docs/reserve-an-address.md prints what the server takes', async () => {
  const { address } = await attachment('box', 'fw500');
  const printed = new Map<string, string>();
  for (const command of commandsOf('docs/reserve-an-address.md')) {
    printed.set(
      command,
      masked((await type(command.replace('pbx', 'box'))).replace(/,01(:[0-9a-f]{2}){6},/, ',ID,')),
    );
  }
  expect(address).toMatch(/^10\.50\.0\.1\d\d$/);
  expect([...printed.values()]).toEqual([
    'dhcp-host=MAC,ADDRESS,box',
    `host box-${address.replaceAll('.', '-')} { hardware ethernet MAC; fixed-address ADDRESS; option host-name "box"; }`,
    '{"hw-address":"MAC","ip-address":"ADDRESS","hostname":"box"}',
    'network,container,mac,client-id,name,address,duid,ipv6\nfw500,box,MAC,ID,box,ADDRESS,,',
  ]);
});

it('each command of docs/trace.md shows a container that starts', async () => {
  const short = (command: string) => command.replace(/--for \d+s/, '--for 8s');
  const [ofNetwork = '', , ofBox = '', capture = ''] = commandsOf('docs/trace.md');
  const tapped = run('timeout', ['60', 'tcpdump', '-Z', 'root', '-c', '4', '-i', 'eth1', '-nn', '-w', `${PLACE}/trunk.pcap`, 'vlan 500 and udp port 67']); // prettier-ignore
  const watching = [ofNetwork, capture, ofBox].map((command) => type(short(command)));
  await until('all three are connected', async () => {
    const { stdout } = await run('ss', ['-xH', 'state', 'connected']);
    return stdout.split('\n').filter((line) => line.includes('admin.sock')).length >= 3;
  });
  await docker('run', '-d', '--name', 'late', '--network', 'fw500', 'bb');
  const { mac } = await attachment('late', 'fw500');
  const [seen = '', captured = '', box = ''] = await Promise.all(watching);
  await tapped;
  for (const text of [seen, captured]) {
    const lines = text
      .split('\n')
      .filter((line) => line.includes('DHCPv4') && !line.includes(' box '));
    expect(lines.map((line) => line.replace(/^\S+ +\S+ +(\S+) +DHCPv4 (\S+).*$/, '$1 $2'))).toEqual(
      ['sent DISCOVER', 'heard OFFER', 'sent REQUEST', 'heard ACK'],
    );
    expect(text).toMatch(/heard +DHCPv4 ACK .*server 10\.50\.0\.1, lease \d+ s/);
    expect(text).toMatch(/sent +ARP /);
  }
  expect(box).not.toContain(mac);
  // The same messages as on the trunk, of a foreign program.
  const read = async (file: string) => {
    const { stdout } = await run('tcpdump', ['-r', `${PLACE}/${file}`, '-nn', '-t', '-v', 'udp port 67 or (vlan and udp port 67)']); // prettier-ignore
    return [...stdout.matchAll(/DHCP-Message \(53\), length 1: (\w+)/g)].map(([, kind]) => kind);
  };
  expect(await read('lease.pcap')).toEqual(['Discover', 'Offer', 'Request', 'ACK']);
  expect(await read('trunk.pcap')).toEqual(['Discover', 'Offer', 'Request', 'ACK']);
  await docker('rm', '-f', 'late');
});

it('each command of docs/metrics.md works: the port is on the loopback of the host', async () => {
  const [open = '', ...looks] = commandsOf('docs/metrics.md');
  expect(open).toBe('docker vlandhcp set HTTP_LISTEN=127.0.0.1:9325');
  await type(open);
  expect(looks).toHaveLength(2);
  for (const look of looks) {
    expect(await type(look)).toMatch(
      /^vlandhcp_leases\{network="[0-9a-f]{12}",segment="VLAN 500 of eth1",state="leased"\} 1$/m,
    );
  }
  const listening = await type('ss -ltnH sport = :9325');
  expect(listening).toMatch(/^LISTEN \S+ +\S+ +127\.0\.0\.1:9325 /);
  expect(listening.split('\n')).toHaveLength(1);
  await type('docker vlandhcp set HTTP_LISTEN=');
});

describe('what needs no checkout', () => {
  it('remove refuses while a network uses the plugin', async () => {
    const { status, stderr } = await typed('docker vlandhcp remove');
    expect([status, stderr]).toEqual([
      1,
      'plugin: these networks still use the plugin, or addresses from it; remove them first: docker network rm fw500',
    ]);
  });

  it('upgrade without a registry says what to type', async () => {
    expect((await typed('docker vlandhcp upgrade')).stderr).toContain(
      'name a version in a registry: docker vlandhcp upgrade --yes REGISTRY/vlandhcp:',
    );
  });
});

it('docs/status-page.md: the port serves the page, its files, and events as they happen', async () => {
  const [set = ''] = commandsOf('docs/status-page.md');
  const { status, stderr } = await run('sh', ['-c', `cd ${root} && ${set}`]);
  expect([status, stderr]).toEqual([0, expect.anything()]);
  const { headers, text: html } = await told('/');
  expect(headers.get('content-security-policy')).toMatch(/^default-src 'self';/);
  const files = [...html.matchAll(/(?:href|src)="([^"]+)"/g)].map(([, path = '']) => path);
  expect(files).toEqual(['/assets/icon.svg', '/assets/page.css', '/assets/page.js']);
  for (const path of files) expect((await told(path)).text.length).toBeGreaterThan(100);
  const { leases } = JSON.parse((await told('/v1/leases')).text) as { leases: { state: string }[] };
  expect(leases.map(({ state }) => state)).toContain('leased');
  const last = await type("docker vlandhcp events --all --format '{{.ID}}' | tail -n 1");
  const event = firstEvent(`/v1/events?follow=true&type=lease.renewed&since=${last}`);
  await type('docker vlandhcp renew box');
  expect(await event).toMatchObject({
    ...{ type: 'lease.renewed', answerMs: expect.any(Number) as number },
  });
});

it('a restart of the plugin keeps history and numbers; a stopped plugin is named', async () => {
  const last = async () => Number(await type("docker vlandhcp events --all --format '{{.ID}}' | tail -n 1")); // prettier-ignore
  const before = await last();
  await type('docker vlandhcp disable');
  expect((await typed('docker vlandhcp leases')).stderr).toMatch(
    /^vlandhcp: nobody listens on \/var\/run\/docker\/plugins\/[0-9a-f]{64}\/admin\.sock: the plugin is stopped/,
  );
  await type('docker vlandhcp enable');
  expect(await last()).toBeGreaterThan(before);
  expect(await type('docker vlandhcp lease box')).toContain('lease.renewed');
  await docker('rm', '-f', 'box');
  await docker('network', 'rm', 'fw500');
});
