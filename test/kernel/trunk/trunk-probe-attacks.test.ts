/** A probe of a trunk where somebody floods it, and on links that are no trunk. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClock } from '../../../plugin/clock.ts';
import { encodeFrame } from '../../../plugin/dhcp4/frame.ts';
import { probeTrunk, type VlanAnswer } from '../../../plugin/leasing/segment/trunk-probe.ts';
import type { PluginError } from '../../../plugin/vocabulary/errors.ts';
import { boottime } from '../../../plugin/net/boottime.ts';
import { openPacketSocket, type PacketSocket } from '../../../plugin/net/sockets/packet-socket.ts';
import { openTrunkSocket } from '../../../plugin/net/trunk-socket.ts';
import { ip as address, mac, offer } from '../../support/frames/messages.ts';
import { outcome, recordOutcomes } from '../../support/lab/outcomes.ts';
import {
  addParent,
  enterSandbox,
  ip,
  linkSnapshot,
  until,
  type Sandbox,
  type TestNamespace,
} from '../../support/lab/netns.ts';

recordOutcomes();

let sandbox: Sandbox;
let far: TestNamespace;
let folder: string;
let server: ChildProcess | undefined;

beforeEach(() => {
  sandbox = enterSandbox();
  folder = mkdtempSync(join(tmpdir(), 'vlandhcp-trunk-'));
  addParent('eth1', 'port1');
  far = sandbox.addNamespace();
  ip(`link set port1 netns ${far.name}`);
  ip(`-n ${far.name} link set port1 up`);
});
afterEach(async () => {
  const ended = server && new Promise((resolve) => server?.once('exit', resolve));
  server?.kill();
  await ended;
  server = undefined;
  sandbox.dispose();
  rmSync(folder, { recursive: true });
});

const probe = (parent: string, vlans: readonly number[]): Promise<readonly VlanAnswer[]> =>
  probeTrunk(
    { clock: createClock(boottime), random: Math.random, openTrunkSocket },
    { parent, vlans, signal: AbortSignal.timeout(60_000) },
  );

/** A DHCP server on VLAN 500 of the far end. */
async function serve(): Promise<void> {
  ip(`-n ${far.name} link add link port1 name port1.500 type vlan id 500`);
  ip(`-n ${far.name} link set port1.500 up`);
  ip(`-n ${far.name} address add 10.50.0.1/24 dev port1.500`);
  let printed = '';
  server = spawn(
    'ip',
    [
      ...['netns', 'exec', far.name, 'dnsmasq', '-k', '--conf-file=/dev/null', '--port=0'],
      ...['--bind-interfaces', '--interface=port1.500', '--except-interface=lo', '--user=root'],
      ...['--pid-file=', '--dhcp-authoritative', '--no-ping', '--log-facility=-'],
      ...[`--dhcp-leasefile=${folder}/leases`, '--dhcp-range=10.50.0.100,10.50.0.200,1h'],
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  server.stderr?.on('data', (part) => (printed += String(part)));
  await until('dnsmasq serves VLAN 500', () => /DHCP, IP range/.test(printed));
}

/** Offers that nobody asked for, on VLAN 500 and 666: foreign xids, giant options, rubbish. */
function flood(socket: PacketSocket): { sent: () => number; stop: () => void } {
  const from = mac('02:66:66:66:66:66');
  const giant = Array.from({ length: 4 }, () => [43, Buffer.alloc(255, 7)] as const);
  let count = 0;
  const tagged = (frame: Uint8Array, vlan: number) =>
    Uint8Array.from([...frame.subarray(0, 12), 0x81, 0, vlan >> 8, vlan & 0xff, ...frame.subarray(12)]); // prettier-ignore
  const frames = Array.from({ length: 50 }, (_, index) => {
    const serverId = address(`192.0.2.${index + 1}`);
    const message = offer({ xid: (index * 0x01010101) >>> 0, serverId, header: {} });
    for (const [code, value] of index % 2 === 0 ? giant : []) {
      (message.options as Map<number, Uint8Array>).set(code, value);
    }
    const frame = encodeFrame({
      ...{ sourceMac: from, destinationMac: mac('ff:ff:ff:ff:ff:ff') },
      ...{ sourceAddress: serverId, destinationAddress: address('255.255.255.255'), message },
    });
    return tagged(index % 5 === 0 ? frame.subarray(0, 100) : frame, index % 2 === 0 ? 500 : 666);
  });
  const timer = setInterval(() => {
    for (const frame of frames) socket.send(frame);
    count += frames.length;
  }, 5);
  return { sent: () => count, stop: () => clearInterval(timer) };
}

test('a flood of offers that nobody asked for adds nothing and hides nothing', async () => {
  const row = outcome('O', 'probe of a trunk on which a host floods offers');
  await serve();
  const before = linkSnapshot();
  const socket = openPacketSocket({
    ...{ link: 'port1', netnsPath: far.path, promiscuous: false, protocol: 'ipv4' },
    filter: [{ code: 0x06, jt: 0, jf: 0, k: 0 }],
    onFrame: () => undefined,
    onError: (error) => expect(error).toBeUndefined(),
  });
  const attack = flood(socket);
  try {
    // Two at once do not disturb each other either.
    const both = await Promise.all([probe('eth1', [499, 500, 666]), probe('eth1', [500])]);
    for (const found of both) {
      expect(found.map(({ vlan, server: by }) => [vlan, by])).toEqual([[500, '10.50.0.1']]);
    }
    expect(attack.sent()).toBeGreaterThan(1_000);
  } finally {
    attack.stop();
    socket.close();
  }
  expect(linkSnapshot()).toEqual(before);
  row.seen = `VLAN 500 alone, among ${attack.sent() > 1_000 ? 'thousands of' : 'few'} made-up offers`;
  row.leftovers = 0;
});

test('parents that are no trunk: nothing, or one sentence, and no trace', async () => {
  const row = outcome('O', 'probe of the loopback, a bridge, a VLAN link, links that are down');
  for (const setup of [
    'link set lo up',
    'link add br7 up type bridge',
    'link add link eth1 name eth1.7 up type vlan id 7',
    'link add bond7 type bond',
    'link add down7 type dummy',
  ]) {
    ip(setup);
  }
  const before = linkSnapshot();
  const parents = ['lo', 'br7', 'eth1.7', 'bond7', 'down7'];
  const seen = await Promise.all(
    parents.map((parent) =>
      probe(parent, [0, 7]).catch((error: unknown) => (error as PluginError).message),
    ),
  );
  const silent = expect.stringMatching(
    /^cannot send on link (bond7|down7): send: ENETDOWN$/,
  ) as string;
  expect(seen).toEqual([[], [], [], silent, silent]);
  expect(linkSnapshot()).toEqual(before);
  row.seen = `nothing found; ${JSON.stringify(seen[3])}`;
  row.leftovers = 0;
});
