/** Which VLANs of a trunk answer DHCP: real tags, real servers, and no link made. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClock } from '../../../plugin/clock.ts';
import { NearbyVlans } from '../../../plugin/leasing/segment/nearby-vlans.ts';
import { probeSubnet } from '../../../plugin/leasing/segment/subnet-probe.ts';
import { probeTrunk } from '../../../plugin/leasing/segment/trunk-probe.ts';
import { linuxHost } from '../../../plugin/net/host.ts';
import { openLeaseSocket } from '../../../plugin/net/sockets/lease-socket.ts';
import { boottime } from '../../../plugin/net/boottime.ts';
import { Pools } from '../../../plugin/pools/pools.ts';
import { Registry } from '../../../plugin/state/registry.ts';
import { openTrunkSocket } from '../../../plugin/net/trunk-socket.ts';
import { PluginError } from '../../../plugin/vocabulary/errors.ts';
import { refusal } from '../../support/fakes/driver-rig.ts';
import { FakeStore } from '../../support/fakes/fake-store.ts';
import { MemoryLogger } from '../../support/fakes/memory-logger.ts';
import { outcome, recordOutcomes } from '../../support/lab/outcomes.ts';
import {
  addParent,
  enterSandbox,
  ip,
  linkNames,
  until,
  type Sandbox,
} from '../../support/lab/netns.ts';

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

test('a network on a VLAN without a server: the error names the VLAN next to it, and no link stays', async () => {
  const row = outcome('O', 'network create on VLAN 501, where 500 was meant');
  await serve(500);
  const before = linkNames();
  const [clock, log] = [createClock(boottime), new MemoryLogger()];
  const registry = new Registry(new FakeStore());
  const deps = { clock, random: Math.random, openTrunkSocket };
  const pools = new Pools({
    ...{ registry, host: linuxHost, clock, log },
    nearby: new NearbyVlans({ ...deps, log, known: () => [] }),
    askSubnet: (...question) => probeSubnet({ ...deps, openSocket: openLeaseSocket }, ...question),
  });
  const request = (vlan: string) =>
    pools.request(
      {
        ...{ addressSpace: 'vlandhcp', pool: '', subPool: '', v6: false },
        options: { parent: 'eth1', vlan, lease_timeout: '2s' },
      },
      new AbortController().signal,
    );
  const { code, message } = await refusal(request('501'));
  expect(code).toBe('NO_OFFER');
  expect(message).toMatch(
    /^no DHCP server answered on VLAN 501 of eth1 in [\d.]+ s: .*; if VLAN 501 is the wrong number, these DHCP servers answer: 10\.1\.244\.1 on VLAN 500 of eth1$/,
  );
  expect(linkNames()).toEqual(before);
  expect(await request('500')).toMatchObject({ pool: '10.1.244.0/24' });
  row.seen = message.split('; ').at(-1) ?? '';
  row.leftovers = 0;
});

test("the trunk is a port of an operator's bridge that filters VLANs: asked by the port", async () => {
  const row = outcome('O', "VLANs close by, behind an operator's bridge");
  await serve(500);
  ip('link add vmbr0 type bridge vlan_filtering 1 vlan_default_pvid 0');
  ip('link set eth1 master vmbr0');
  ip('link set vmbr0 up');
  const [clock, log] = [createClock(boottime), new MemoryLogger()];
  const nearby = new NearbyVlans({
    ...{ clock, random: Math.random, openTrunkSocket, log, known: () => [] },
  });
  const silence = new PluginError('NO_OFFER', 'nobody', { evidence: { isSilent: true } });
  const watch = nearby.watch({ parent: 'vmbr0', vlan: 501, uplink: 'eth1' }, clock.now());
  const told = () => String((watch.explain(silence) as Error).message);
  await until('VLAN 500 has answered', () => told() !== 'nobody');
  watch.end();
  expect(told()).toMatch(/; if .* 10\.1\.244\.1 on VLAN 500 of eth1$/);
  expect(log.messages('debug')).toEqual([]);
  row.seen = told().split(': ').at(-1) ?? '';
  row.leftovers = 0;
});

test('no such parent: one sentence', async () => {
  const clock = createClock(boottime);
  const question = { parent: 'eth9', vlans: [1], signal: new AbortController().signal };
  await expect(
    probeTrunk({ clock, random: Math.random, openTrunkSocket }, question),
  ).rejects.toThrow(/cannot open a packet socket on link eth9/);
});

test('the tags of ARP frames are heard, with and without a tag, and none of DHCP alone', async () => {
  for (const vlan of [0, 7]) {
    const link = vlan === 0 ? 'port1' : `port1.${vlan}`;
    if (vlan !== 0) ip(`-n ${far} link add link port1 name ${link} type vlan id ${vlan}`);
    ip(`-n ${far} link set ${link} up`);
    ip(`-n ${far} address add 10.9.${vlan}.1/24 dev ${link}`);
  }
  const heard = new Set<number>();
  const frames: number[] = [];
  const socket = openTrunkSocket('eth1', {
    onFrame: (_frame, { vlanId }) => frames.push(vlanId),
    onTag: (vlan) => heard.add(vlan),
    onError: (error) => expect(error).toBeUndefined(),
  });
  for (const vlan of [0, 7]) {
    const ping = ['netns', 'exec', far, 'ping', '-c', '2', '-W', '1', `10.9.${vlan}.2`];
    servers.push(spawn('ip', ping, { stdio: 'ignore' }));
  }
  await until('both are heard', () => heard.size === 2);
  socket.close();
  expect([[...heard].sort(), frames]).toEqual([[0, 7], []]);
});
