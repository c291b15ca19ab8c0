/** Which VLANs of a trunk answer DHCP: real tags, real servers, and no link made. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClock } from '../../plugin/clock.ts';
import { probeTrunk } from '../../plugin/leasing/segment/trunk-probe.ts';
import { boottime } from '../../plugin/net/boottime.ts';
import { openTrunkSocket } from '../../plugin/net/trunk-socket.ts';
import { outcome, recordOutcomes } from '../support/outcomes.ts';
import { addParent, enterSandbox, ip, linkNames, until, type Sandbox } from '../support/netns.ts';

recordOutcomes();

let sandbox: Sandbox;
let far: string;
let folder: string;
let servers: ChildProcess[] = [];

beforeEach(() => {
  sandbox = enterSandbox();
  folder = mkdtempSync(join(tmpdir(), 'vlandhcp-trunk-'));
  addParent('eth1', 'port1');
  far = sandbox.addNamespace().name;
  ip(`link set port1 netns ${far}`);
  ip(`-n ${far} link set port1 up`);
});

afterEach(async () => {
  const ended = servers.map((child) => new Promise((resolve) => child.once('exit', resolve)));
  for (const child of servers) child.kill();
  await Promise.all(ended);
  servers = [];
  sandbox.dispose();
  rmSync(folder, { recursive: true });
});

/** A firewall's end of that VLAN, with dnsmasq. 0: no tag. */
async function serve(vlan: number): Promise<void> {
  const link = vlan === 0 ? 'port1' : `port1.${vlan}`;
  if (vlan !== 0) {
    ip(`-n ${far} link add link port1 name ${link} type vlan id ${vlan}`);
    ip(`-n ${far} link set ${link} up`);
  }
  const net = `10.${vlan >> 8}.${vlan & 0xff}`;
  ip(`-n ${far} address add ${net}.1/24 dev ${link}`);
  let printed = '';
  const child = spawn(
    'ip',
    [
      ...['netns', 'exec', far, 'dnsmasq', '-k', '--conf-file=/dev/null', '--port=0'],
      ...['--bind-interfaces', `--interface=${link}`, '--except-interface=lo', '--user=root'],
      ...['--pid-file=', '--dhcp-authoritative', '--no-ping', '--log-facility=-', '--log-dhcp'],
      ...[`--dhcp-leasefile=${folder}/${vlan}`, `--dhcp-range=${net}.100,${net}.200,1h`],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  servers.push(child);
  child.stderr.on('data', (part) => (printed += String(part)));
  await until(`dnsmasq serves VLAN ${vlan}`, () => /DHCP, IP range/.test(printed));
}

test('4,094 VLANs and the one without a tag: those with a server are found, and no link is made', async () => {
  const row = outcome('O', 'probe of a whole trunk');
  for (const vlan of [0, 10, 500, 4094]) await serve(vlan);
  const before = linkNames();
  const clock = createClock(boottime);
  const progress: number[] = [];
  const found = await probeTrunk(
    { clock, random: Math.random, openTrunkSocket },
    {
      parent: 'eth1',
      vlans: Array.from({ length: 4095 }, (_, vlan) => vlan),
      signal: new AbortController().signal,
      onProgress: (asked) => progress.push(asked),
    },
  );
  expect(found.map(({ vlan, server, askedVlan }) => [vlan, server, askedVlan])).toEqual([
    [0, '10.0.0.1', undefined],
    [10, '10.0.10.1', undefined],
    [500, '10.1.244.1', undefined],
    [4094, '10.15.254.1', undefined],
  ]);
  expect(found[2]?.terms).toMatchObject({ prefixLength: 24, gateway: '10.1.244.1' });
  expect(progress.at(-1)).toBe(2 * 4095);
  expect(linkNames()).toEqual(before);
  row.seen = '0, 10, 500 and 4094 of 4,095 answer; links before = after';
  row.leftovers = 0;
});

test('no such parent: one sentence', async () => {
  const clock = createClock(boottime);
  const question = { parent: 'eth9', vlans: [1], signal: new AbortController().signal };
  await expect(
    probeTrunk({ clock, random: Math.random, openTrunkSocket }, question),
  ).rejects.toThrow(/cannot open a packet socket on link eth9/);
});
