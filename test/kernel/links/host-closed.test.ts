/**
 * The host takes no part in a VLAN (D12). Frames of every kind, with every MAC that could be the
 * host's, come from a container and from the VLAN. The kernel counts what its IP stacks receive in
 * this namespace. They must receive nothing.
 */
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { removeEndpointLink } from '../../../plugin/net/endpoints/endpoint-links.ts';
import { ensureVethPort, guardEndpoints } from '../../../plugin/net/endpoints/veth-port.ts';
import { readLink } from '../../../plugin/net/links/link-info.ts';
import { ensureNetworkLinks } from '../../../plugin/net/links/links.ts';
import { openPacketSocket, type PacketSocket } from '../../../plugin/net/sockets/packet-socket.ts';
import { ipv4ToNumber, macToBytes, parseIpv4, parseMac } from '../../../plugin/wire/address.ts';
import { outcome, recordOutcomes } from '../../support/lab/outcomes.ts';
import {
  addParent,
  enterSandbox,
  ip,
  linkNames,
  run,
  until,
  type Sandbox,
  type TestNamespace,
} from '../../support/lab/netns.ts';

recordOutcomes();

const MAC = parseMac('02:00:00:00:00:aa')!;
const HOST_ADDRESS = '192.0.2.1';
const HOST_ADDRESS6 = '2001:db8::1';
const SPEC = { hostEnd: 'vh0', containerEnd: 'vc0', mac: MAC, mtu: 1500 };
const OFF = { mode: 'off', mac: MAC, addresses: [], leases: false, noServer: false } as const;
const MAC_ONLY = { ...OFF, mode: 'mac' } as const;
const EVERYTHING = [{ code: 0x06, jt: 0, jf: 0, k: 0x40000 }];

let sandbox: Sandbox;
let container: TestNamespace;
/** The namespace of the parent's other end, with the other hosts of the network. */
let lan: TestNamespace;
let sockets: PacketSocket[] = [];

/** The most careless settings of a host: it forwards, and accepts any source. */
function openUp(link: string): void {
  const settings = ['ipv4/conf/LINK/rp_filter=0', 'ipv4/conf/LINK/accept_local=1'];
  for (const setting of settings) set(setting.replace('LINK', link));
}

function set(setting: string): void {
  run('sh', ['-c', `echo ${setting.split('=')[1]} > /proc/sys/net/${setting.split('=')[0]}`]);
}

beforeEach(() => {
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
  lan = sandbox.addNamespace();
  lan.run(() => set('ipv6/conf/default/disable_ipv6=1'));
  ip(`link set dev port1 netns ${lan.name}`);
  lan.run(() => ip('link set dev port1 up'));
  ip('link add name mgmt0 type dummy');
  ip(`addr add ${HOST_ADDRESS}/24 dev mgmt0`);
  ip('link set dev mgmt0 up');
  ip(`-6 addr add ${HOST_ADDRESS6}/64 dev mgmt0 nodad`);
  for (const link of ['all', 'default', 'eth1', 'mgmt0']) openUp(link);
  set('ipv4/ip_forward=1');
});

afterEach(() => {
  for (const socket of sockets) socket.close();
  sockets = [];
  sandbox.dispose();
});

async function attach(bridge: string, rules: typeof OFF | typeof MAC_ONLY): Promise<void> {
  await ensureVethPort({ ...SPEC, bridge, rules: { ...rules, leases: true } });
  container = sandbox.addNamespace();
  ip(`link set dev vc0 netns ${container.name}`);
  container.run(() => ip('link set dev vc0 name eth0 up'));
  expect(await guardEndpoints([{ hostEnd: 'vh0', rules }])).toEqual([]);
}

function speaker(link: string, netnsPath?: string): PacketSocket {
  const socket = openPacketSocket({
    ...{ link, netnsPath, filter: EVERYTHING, promiscuous: true, protocol: 'ipv4' },
    onFrame: () => undefined,
    onError: () => undefined,
  });
  sockets.push(socket);
  return socket;
}

/** What the IP stacks of this namespace have received so far: IPv4, IPv6 and their ICMP. */
function received(): Record<string, number> {
  const lines = readFileSync('/proc/thread-self/net/snmp', 'utf8').split('\n');
  const [names, values] = lines.filter((line) => line.startsWith('Ip:')).map((l) => l.split(/\s+/));
  const six = readFileSync('/proc/thread-self/net/snmp6', 'utf8');
  return {
    ipv4: Number(values![names!.indexOf('InReceives')]),
    forwarded: Number(values![names!.indexOf('ForwDatagrams')]),
    ipv6: Number(/Ip6InReceives\s+(\d+)/.exec(six)![1]),
  };
}

const half = (value: number) => [value >> 8, value & 0xff];
const word = (address: string) => {
  const number = ipv4ToNumber(parseIpv4(address)!);
  return [...half(number >>> 16), ...half(number & 0xffff)];
};
const sum = (bytes: readonly number[]) => {
  let total = 0;
  for (let at = 0; at < bytes.length; at += 2) total += (bytes[at]! << 8) + (bytes[at + 1] ?? 0);
  while (total > 0xffff) total = (total & 0xffff) + (total >>> 16);
  return half(0xffff - total);
};

function ipv4(protocol: number, to: string, payload: readonly number[], from = '10.50.0.23') {
  const header = [
    ...[0x45, 0, ...half(20 + payload.length), 0, 1, 0, 0, 64, protocol, 0, 0],
    ...[...word(from), ...word(to)],
  ];
  const [high, low] = sum(header);
  return [0x08, 0x00, ...header.with(10, high!).with(11, low!), ...payload];
}
const UDP = [...half(4000), ...half(5353), ...half(8), 0, 0];
const ECHO = [8, 0, 0xf7, 0xff, 0, 0, 0, 0];
const SYN = [...half(4000), ...half(22), 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xff, 0xff, 0, 0, 0, 0];
const TO6 = [0x20, 0x01, 0x0d, 0xb8, ...new Array<number>(11).fill(0), 1];
const ALL_NODES = [0xff, 0x02, ...new Array<number>(13).fill(0), 1];
const FROM6 = [0xfe, 0x80, ...new Array<number>(13).fill(0), 9];
const ipv6 = (next: number, to: readonly number[], payload: readonly number[]) => [
  ...[0x86, 0xdd, 0x60, 0, 0, 0, ...half(payload.length), next, 255],
  ...[...FROM6, ...to, ...payload],
];
/**
 * An advertisement of a router that offers a prefix (RFC 4861 §4.2). The checksum includes the
 * pseudo-header (RFC 8200 §8.1).
 */
function advertisement(): number[] {
  const prefix = [3, 4, 64, 0xc0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
  const body = [134, 0, 0, 0, 64, 0, 0x07, 8, ...new Array<number>(8).fill(0), ...prefix];
  body.push(0x20, 0x01, 0x0d, 0xb8, 0, 0x50, ...new Array<number>(10).fill(0));
  const [high, low] = sum([
    ...FROM6,
    ...ALL_NODES,
    0,
    0,
    ...half(body.length),
    0,
    0,
    0,
    58,
    ...body,
  ]);
  return ipv6(58, ALL_NODES, body.with(2, high!).with(3, low!));
}
const ARP = [
  ...[0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1, ...macToBytes(MAC), ...word('10.50.0.23')],
  ...[0, 0, 0, 0, 0, 0, ...word(HOST_ADDRESS)],
];

const FROM_NOWHERE = ipv4(17, '255.255.255.255', UDP, '0.0.0.0');
/** Every payload that an IP stack could accept. */
const PAYLOADS: readonly (readonly number[])[] = [
  ipv4(17, HOST_ADDRESS, UDP),
  ipv4(17, HOST_ADDRESS, UDP, HOST_ADDRESS),
  ipv4(17, '255.255.255.255', UDP),
  FROM_NOWHERE,
  ipv4(17, '192.0.2.255', UDP),
  ipv4(17, '224.0.0.1', UDP),
  ipv4(2, '224.0.0.1', [0x11, 0x64, 0xee, 0x9b, 0, 0, 0, 0]),
  ipv4(1, HOST_ADDRESS, ECHO),
  ipv4(6, HOST_ADDRESS, SYN),
  ipv4(17, '192.0.2.77', UDP),
  ipv4(17, '127.0.0.1', UDP),
  ipv6(17, TO6, UDP),
  ipv6(58, TO6, ECHO.with(0, 128)),
  ipv6(58, ALL_NODES, ECHO.with(0, 128)),
  advertisement(),
  ARP,
];

/** All MACs of this namespace, and the group addresses that a host listens to. */
async function destinations(): Promise<readonly (readonly number[])[]> {
  const links = await Promise.all(linkNames().map((name) => readLink(name)));
  const macs = links.flatMap((link) =>
    link?.mac === undefined ? [] : [[...macToBytes(link.mac)]],
  );
  return [
    ...macs,
    [0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    [1, 0, 0x5e, 0, 0, 1],
    [0x33, 0x33, 0, 0, 0, 1],
    [1, 0x80, 0xc2, 0, 0, 0],
    [1, 0x80, 0xc2, 0, 0, 14],
    [1, 0x80, 0xc2, 0, 0, 3],
  ];
}

/**
 * Sends all of it. veth hands a frame on at once. So the kernel has handled it when `send` returns,
 * or soon after.
 */
async function attack(
  from: PacketSocket,
  tag: readonly number[] = [],
  payloads = PAYLOADS,
): Promise<number> {
  let count = 0;
  for (const to of await destinations()) {
    for (const payload of payloads) {
      from.send(Uint8Array.from([...to, ...macToBytes(MAC), ...tag, ...payload]));
      count += 1;
    }
  }
  return count;
}

describe.each([
  ['tagged', 500],
  ['untagged', undefined],
])('a host of a %s network, with ip_forward=1 and rp_filter=0', (_what, vlan) => {
  const makeNetwork = () =>
    ensureNetworkLinks({ parent: 'eth1', vlan, bridge: 'br0', mtu: undefined });

  test.each([
    ['off', OFF],
    ['mac', MAC_ONLY],
  ])('receives nothing from a container with guard=%s', async (mode, rules) => {
    const row = outcome(
      'A',
      `${mode === 'off' ? 'unguarded ' : ''}container, ${_what} network: every MAC and protocol`,
    );
    await makeNetwork();
    await attach('br0', rules);
    const before = received();
    const sent = await attack(speaker('eth0', container.path));
    expect(sent).toBeGreaterThan(100);
    expect(received()).toEqual(before);
    expect(ip('neigh show')).toBe('');
    row.seen = `${sent} frames sent, 0 received by the host`;
    // The test can fail: the same frames reach a host whose bridge is open.
    run('tc', ['qdisc', 'del', 'dev', 'br0', 'ingress']);
    openUp('br0');
    await attack(speaker('eth0', container.path));
    expect(received()['ipv4']).toBeGreaterThan(before['ipv4']!);
    row.leftovers = 0;
  });

  test('receives nothing from other hosts of the network', async () => {
    const row = outcome('A', `other host, ${_what} network: every MAC and protocol`);
    await makeNetwork();
    await attach('br0', MAC_ONLY);
    const before = received();
    const tag = vlan === undefined ? [] : [0x81, 0, ...half(vlan)];
    const sent = await attack(speaker('port1', lan.path), tag);
    if (vlan !== undefined) {
      expect(received()).toEqual(before);
    } else {
      // The parent's own IP stack belongs to its owner. It may receive only frames that were sent
      // to no link of ours.
      expect(received()['forwarded']).toBe(before['forwarded']);
    }
    row.seen = `${sent} frames sent, 0 received by links of ours`;
    row.leftovers = 0;
  });
});

test('a link is closed before it comes up, and while it is, by mistake, no port', async () => {
  const row = outcome('A', 'VLAN link and port taken out of the bridge');
  await ensureNetworkLinks({ parent: 'eth1', vlan: 500, bridge: 'br0', mtu: undefined });
  await attach('br0', OFF);
  ip('link set dev eth1.500 nomaster');
  ip('link set dev vh0 nomaster');
  set('ipv4/conf/all/rp_filter=2');
  const before = received()['forwarded'];
  // The settings of a link refuse all but a datagram from 0.0.0.0 to all. Only the bridge stops
  // that one.
  const payloads = PAYLOADS.filter((payload) => payload !== FROM_NOWHERE);
  const sent =
    (await attack(speaker('port1', lan.path), [0x81, 0, ...half(500)], payloads)) +
    (await attack(speaker('eth0', container.path), [], payloads));
  // The IP stack sees broadcasts and refuses them: there is no socket, route or neighbour for them.
  expect(run('nstat', ['-az', 'IpInDelivers'])).toMatch(/IpInDelivers\s+0 /);
  expect(received()['forwarded']).toBe(before);
  expect(ip('neigh show')).toBe('');
  row.seen = `${sent} frames sent, 0 delivered`;
  row.leftovers = 0;
});

test('100 starts in a storm of router advertisements change no address and no route of the host', async () => {
  const row = outcome('A', '100 links made and removed under a router advertisement each ms');
  await ensureNetworkLinks({ parent: 'eth1', vlan: 500, bridge: 'br0', mtu: undefined });
  const state = () => [ip('-6 -o addr show'), ip('-6 route show'), ip('-o addr show')].join('\n');
  // The kernel still checks the address that it gave eth1 itself.
  await until('no address is tentative', () => !ip('-6 -o addr show').includes('tentative'));
  const router = speaker('port1', lan.path);
  const frame = Uint8Array.from([
    ...[0x33, 0x33, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x81, 0, ...half(500)],
    ...advertisement(),
  ]);
  let storms = 0;
  const storm = setInterval(() => {
    router.send(frame);
    storms += 1;
  }, 1);
  // Runs until the kernel has reported each change, even one that was undone.
  const monitor = spawn('ip', ['-6', '-o', 'monitor', 'address', 'route']);
  let changes = '';
  monitor.stdout.on('data', (chunk: Buffer) => (changes += chunk.toString()));
  try {
    const before = state();
    for (let index = 0; index < 100; index += 1) {
      await ensureVethPort({ ...SPEC, bridge: 'br0', rules: { ...MAC_ONLY, leases: true } });
      const seen = storms;
      await until('an advertisement came', () => storms > seen + 1);
      await removeEndpointLink('vh0');
    }
    expect(state()).toBe(before);
    // The monitor works once it has reported a change that we make now.
    ip('-6 addr add 2001:db8::77/128 dev mgmt0 nodad');
    await until('the monitor tells', () => changes.includes('2001:db8::77'));
    const others = changes
      .split('\n')
      .filter((line) => line !== '' && !line.includes('2001:db8::77'));
    expect(others).toEqual([]);
    expect(storms).toBeGreaterThan(100);
    // The test can fail: a link without our protection takes an address from the same storm.
    ip('link add name open0 type veth peer name open1');
    ip('link set dev open1 master br0 up');
    ip('link set dev open0 up');
    await until('an open link gets an address', () =>
      ip('-6 addr show dev open0').includes('2001:db8:50:'),
    );
    row.seen = `${storms} advertisements, no address or route changed`;
    row.leftovers = 0;
  } finally {
    clearInterval(storm);
    monitor.kill();
  }
}, 120_000);
