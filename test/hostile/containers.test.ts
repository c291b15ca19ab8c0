/**
 * Sections A and C with a real engine: what a container with Docker's default capabilities can do
 * to the host and to neighbours.
 */
import { createSocket } from 'node:dgram';
import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPacketSocket } from '../../plugin/net/sockets/packet-socket.ts';
import { macToBytes, parseIpv4, parseMac, ipv4ToNumber } from '../../plugin/wire/address.ts';
import { dhcp } from '../support/frames/guard-frames.ts';
import {
  attachment,
  daemonLog,
  docker,
  ip,
  lab,
  networkCommand,
  pingSteadily,
  removeAllContainersAndNetworks,
  run,
  until,
} from '../support/lab/lab.ts';
import { site } from '../support/lab/site.ts';
import { outcome, recordOutcomes, type Outcome } from '../support/lab/outcomes.ts';

recordOutcomes();

const HOST_ADDRESS = '192.0.2.1';
const MARK = 0x5a;
let row: Outcome;

const { leftLinks } = site({
  server: ['dnsmasq-no-ping', '500'],
  clearsAfterEach: false,
  host: async () => {
    await ip('link', 'add', 'name', 'mgmt0', 'type', 'dummy');
    await ip('addr', 'add', `${HOST_ADDRESS}/24`, 'dev', 'mgmt0');
    await ip('link', 'set', 'dev', 'mgmt0', 'up');
    for (const setting of ['ip_forward=1', 'conf.all.rp_filter=0', 'conf.default.rp_filter=0']) {
      await run('sysctl', ['-qw', `net.ipv4.${setting}`]);
    }
  },
});
beforeEach(async () => {
  await docker(...networkCommand('fw500'));
});
afterEach(async () => {
  await removeAllContainersAndNetworks();
  const left = await leftLinks();
  row.leftovers = left.length;
  expect(left).toEqual([]);
});

const runBox = (name: string, ...flags: string[]) =>
  docker('run', '-d', '--name', name, `--net=fw500`, ...flags, 'bb');

/** Sends whole frames from inside a container, like a program with NET_RAW. */
async function insider(name: string) {
  const netnsPath = await docker('inspect', '-f', '{{.NetworkSettings.SandboxKey}}', name);
  const { mac } = await attachment(name, 'fw500');
  const socket = openPacketSocket({
    ...{ link: 'eth0', netnsPath, filter: [{ code: 6, jt: 0, jf: 0, k: 0 }] },
    ...{ promiscuous: false, protocol: 'ipv4' as const },
    onFrame: () => undefined,
    onError: () => undefined,
  });
  return {
    own: [...macToBytes(parseMac(mac)!)],
    send: (frame: readonly number[]) => socket.send(Uint8Array.from(frame)),
    close: () => socket.close(),
  };
}

const half = (value: number) => [value >> 8, value & 0xff];
const word = (address: string) => {
  const number = ipv4ToNumber(parseIpv4(address)!);
  return [...half(number >>> 16), ...half(number & 0xffff)];
};
const BROADCAST = [255, 255, 255, 255, 255, 255];

/** A UDP packet without a checksum, from the container to any address. */
function udp(from: string, to: string, ports: [number, number], payload: readonly number[]) {
  const header = [
    ...[
      0x45,
      0,
      ...half(28 + payload.length),
      0,
      1,
      0,
      0,
      64,
      17,
      0,
      0,
      ...word(from),
      ...word(to),
    ],
  ];
  let sum = 0;
  for (let at = 0; at < 20; at += 2) sum += (header[at]! << 8) + header[at + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  header.splice(10, 2, ...half(0xffff - sum));
  return [
    0x08,
    0,
    ...header,
    ...half(ports[0]),
    ...half(ports[1]),
    ...half(8 + payload.length),
    0,
    0,
    ...payload,
  ];
}

it('A: UDP to every address of the host by every MAC of the host reaches nobody', async () => {
  row = outcome('A', 'container sends to every address of the host by every MAC, engine 28');
  await runBox('evil');
  const heard: string[] = [];
  const listener = createSocket('udp4');
  listener.on('message', (_, from) => heard.push(from.address));
  await new Promise<void>((resolve) => listener.bind(5300, '0.0.0.0', resolve));
  const evil = await insider('evil');
  try {
    const links = JSON.parse(await ip('-j', 'addr', 'show')) as {
      address?: string;
      addr_info: { family: string; local: string }[];
    }[];
    const macs = links.flatMap(({ address }) => {
      const mac = address === undefined ? undefined : parseMac(address);
      return mac === undefined ? [] : [[...macToBytes(mac)]];
    });
    const addresses = links.flatMap(({ addr_info: infos }) =>
      infos.filter(({ family }) => family === 'inet').map(({ local }) => local),
    );
    expect(addresses).toContain(HOST_ADDRESS);
    const { address } = await attachment('evil', 'fw500');
    let sent = 0;
    for (const to of [...macs, BROADCAST, [1, 0, 0x5e, 0, 0, 1], [1, 0x80, 0xc2, 0, 0, 14]]) {
      for (const target of [...addresses, '255.255.255.255', '224.0.0.1']) {
        evil.send([...to, ...evil.own, ...udp(address, target, [4000, 5300], [MARK])]);
        sent += 1;
      }
    }
    // The listener works: it hears what this host sends to itself.
    const witness = createSocket('udp4');
    witness.send('x', 5300, HOST_ADDRESS);
    await until('the listener hears the host itself', () => heard.length > 0);
    witness.close();
    expect(heard.every((from) => from === HOST_ADDRESS)).toBe(true);
    row.seen = `${sent} datagrams to ${addresses.length} addresses, 0 received`;
  } finally {
    evil.close();
    listener.close();
  }
});

describe('C: a container among others', () => {
  const rogue =
    'printf "interface eth0\\nstart 10.50.0.200\\nend 10.50.0.220\\noption subnet 255.255.255.0\\nlease_file /tmp/l\\npidfile /tmp/p\\n" > /tmp/c; : > /tmp/l; exec udhcpd -f /tmp/c';

  it.each([
    ['guarded', 'fw500', [] as string[], 10],
    [
      'unguarded, on a network with dhcp_server=',
      'named',
      ['--network', 'name=named,driver-opt=guard=off'],
      5,
    ],
  ])('a DHCP server in a container, %s, leases to nobody', async (what, network, flags, count) => {
    row = outcome('C', `DHCP server in a container, ${what}`);
    if (network === 'named') {
      await docker(
        ...networkCommand('named', ['parent=eth1', 'vlan=500', 'dhcp_server=10.50.0.1']),
      );
    }
    const on = flags.length > 0 ? flags : [`--net=${network}`];
    await docker('run', '-d', '--name', 'rogue', ...on, 'bb', 'sh', '-c', rogue);
    const running = await docker('exec', 'rogue', 'pidof', 'udhcpd');
    expect(running).not.toBe('');
    let right = 0;
    for (let index = 0; index < count; index += 1) {
      await docker('run', '-d', '--name', `box${index}`, `--net=${network}`, 'bb');
      const { address } = await attachment(`box${index}`, network);
      if (Number(address.split('.')[3]) < 200) right += 1;
    }
    expect(right).toBe(count);
    row.seen = `${right} of ${count} leased from the site's server`;
  });

  it('who takes the MAC of a neighbour takes none of its traffic', async () => {
    row = outcome('C', "container takes its neighbour's MAC");
    await runBox('victim');
    await runBox('evil', '--cap-add', 'NET_ADMIN');
    const victim = await attachment('victim', 'fw500');
    await docker(
      'exec',
      'evil',
      'sh',
      '-c',
      `ip link set eth0 down; ip link set eth0 address ${victim.mac}; ip link set eth0 up`,
    );
    const flood = docker(
      'exec',
      'evil',
      'sh',
      '-c',
      'for i in 1 2 3 4 5; do arping -U -c 1 -I eth0 10.50.0.77; done || true',
    );
    const ping = pingSteadily(victim.address, 100);
    await flood.catch(() => undefined);
    await until('fifteen pings', () => ping.replies() >= 15);
    const { sent, lost } = await ping.stop();
    expect(sent).toBeGreaterThanOrEqual(15);
    expect(lost).toBe(0);
    row.seen = `${sent} of ${sent} pings answered by the victim`;
  });

  it('tags, BPDUs and DHCP of a container do not reach the trunk', async () => {
    row = outcome('C', 'container sends tags, BPDUs, and 150 DHCP requests under other names');
    await runBox('evil');
    const evil = await insider('evil');
    await lab(
      'capture-up',
      '-e',
      'ether',
      'src',
      evil.own.map((octet) => octet.toString(16).padStart(2, '0')).join(':'),
    );
    try {
      const { address } = await attachment('evil', 'fw500');
      const inner = udp(address, '10.50.0.1', [4000, 4001], [MARK]);
      for (const vid of [1, 500, 600, 4094]) {
        for (const tag of [
          [0x81, 0x00],
          [0x88, 0xa8],
        ]) {
          evil.send([...BROADCAST, ...evil.own, ...tag, ...half(vid), ...inner]);
        }
      }
      evil.send([
        1,
        0x80,
        0xc2,
        0,
        0,
        0,
        ...evil.own,
        0,
        38,
        0x42,
        0x42,
        3,
        ...new Array<number>(35).fill(0),
      ]);
      for (let index = 0; index < 150; index += 1) {
        const chaddr = [2, 0xee, 0, 0, 0, index];
        const discover = [...dhcp(chaddr), 99, 130, 83, 99, 53, 1, 1, 61, 7, 1, ...chaddr, 255];
        evil.send([
          ...BROADCAST,
          ...evil.own,
          ...udp('0.0.0.0', '255.255.255.255', [68, 67], discover),
        ]);
      }
      evil.send([...BROADCAST, ...evil.own, ...udp(address, '10.50.0.1', [4000, 4999], [MARK])]);
      await until('the last frame is on the trunk', async () =>
        (await daemonLog('capture')).includes('.4999'),
      );
      const seen = await daemonLog('capture');
      expect(seen).not.toMatch(/vlan (1|600|4094),|802\.1Q-QinQ|STP|BOOTP/);
      const leases = await readFile('/run/lab/dnsmasq.leases', 'utf8');
      expect(leases.trim().split('\n')).toHaveLength(1);
      await runBox('next');
      expect((await attachment('next', 'fw500')).address).toMatch(/^10\.50\.0\.1\d\d$/);
      row.seen = '0 of 159 frames on the trunk, 1 lease, the next container starts';
    } finally {
      evil.close();
      await lab('capture-down');
    }
  });
});
