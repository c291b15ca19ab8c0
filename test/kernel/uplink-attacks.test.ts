/**
 * What a hostile member of the uplink tries, each with the counter of the rule that stopped it, and
 * with the same attempt while the rules are away: if that did not get through, the test proves
 * nothing.
 */
import { spawn } from 'node:child_process';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { nftText } from '../../plugin/hub/kernel/guards.ts';
import type { WgKey } from '../../plugin/uplink/wireguard-key.ts';
import { sendFromLink } from '../../plugin/net/sockets/link-sender.ts';
import { inNetns } from '../../plugin/net/sandbox/netns.ts';
import { UplinkSite } from '../support/uplink-site.ts';
import { run, until } from '../support/netns.ts';

/** `remote` is the laptop with VLAN 500. `other` is the attacker, with VLAN 600. */
let site: UplinkSite;
const LAPTOP = '10.83.41.3';
const LAPTOP_VNI = 0x766403;

function joined(name: string, host: string, vlans: string): void {
  const { stdout } = site.vlandhcp('hub', `hub invite ${name} --vlans ${vlans}`);
  const said = site.vlandhcp(host, 'uplink join', /^vuj1\.\S+$/m.exec(stdout)?.[0]);
  expect([said.stderr, said.status]).toEqual(['', 0]);
}

beforeAll(async () => {
  site = new UplinkSite();
  site.vlandhcp(
    'hub',
    'hub init --site hq --trunk eth1 --endpoint 203.0.113.10 --subnet 10.83.41.0',
  );
  await site.service('hub', 'hub');
  await site.service('remote', 'uplink');
  await site.service('other', 'uplink');
  joined('laptop', 'remote', '500');
  joined('mallory', 'other', '600');
  // Nobody needs the services for what follows, and nobody mends what a control takes away.
  for (const name of ['hub', 'remote', 'other']) await site.kill(name);
  site.ip('remote', 'link add link uplink0 name uplink0.500 type vlan id 500');
  site.ip('remote', 'addr add 10.50.0.201/24 dev uplink0.500');
  site.ip('remote', 'link set dev uplink0.500 up');
  site.ip('other', 'link add link uplink0 name uplink0.600 type vlan id 600');
  site.ip('other', 'addr add 10.60.0.202/24 dev uplink0.600');
  site.ip('other', 'link set dev uplink0.600 up');
});
afterAll(() => site.dispose());

function counter(family: string, name: string): number {
  const text = site.exec('hub', `nft list counter ${family} vlandhcp_hub ${name}`);
  return Number(/packets (\d+)/.exec(text)?.[1]);
}

/** The guards, as the hub has made them. */
function guards(): string {
  const members = [
    { number: 3, vlans: [500] },
    { number: 5, vlans: [600] },
  ].map(({ number, vlans }) => ({
    ...{ name: 'x', number, vlans, publicKey: '' as WgKey, mesh: false },
    ...{ address: `10.83.41.${number}`, vni: 0x766400 + number },
  }));
  return nftText({
    ...{ device: 'vdhub', privateKey: '' as WgKey, listenPort: 51820, trunk: 'eth1', mtu: 1500 },
    ...{ address: '10.83.41.1', prefixLength: 24, members, guests: [] },
  });
}

/** Runs `work` while this table of the guards is away. */
function without<Result>(family: string, work: () => Result): Result {
  site.exec('hub', `nft delete table ${family} vlandhcp_hub`);
  try {
    return work();
  } finally {
    run('ip', ['netns', 'exec', site.ns('hub'), 'nft', '-f', '-'], guards());
  }
}

/** True if the firewall of the site has heard of that address in that VLAN. */
function isHeard(vlan: number, address: string): boolean {
  const seen = site.ip('site', `neigh show dev trunk.${vlan}`).includes(`${address} lladdr`);
  site.tried('site', `ip neigh flush dev trunk.${vlan}`);
  return seen;
}

test('each reaches its own VLAN', () => {
  expect(site.pings('remote', '10.50.0.1')).toBe(true);
  expect(site.pings('other', '10.60.0.1')).toBe(true);
});

test('a VLAN that it was not given has no link at the hub', () => {
  site.ip('other', 'link add link uplink0 name uplink0.500 type vlan id 500');
  site.ip('other', 'addr add 10.50.0.66/24 dev uplink0.500');
  site.ip('other', 'link set dev uplink0.500 up');
  expect(site.pings('other', '10.50.0.1')).toBe(false);
  expect(isHeard(500, '10.50.0.66')).toBe(false);
  site.ip('other', 'link del dev uplink0.500');
});

test('the number of another member carries nothing (the binding rule)', () => {
  site.ip(
    'other',
    `link add name evil type vxlan id ${LAPTOP_VNI} local 10.83.41.5 remote 10.83.41.1 dstport 4790 nolearning`,
  );
  site.ip('other', 'link set dev evil up');
  site.ip('other', 'link add link evil name evil.500 type vlan id 500');
  site.ip('other', 'addr add 10.50.0.67/24 dev evil.500');
  site.ip('other', 'link set dev evil.500 up');
  const own = site.ip('other', '-4 addr show dev wg-uplink0');
  expect(own).toContain('10.83.41.5/24');
  isHeard(500, '');
  site.pings('other', '10.50.0.1');
  expect(isHeard(500, '10.50.0.67')).toBe(false);
  expect(counter('inet', 'unbound')).toBeGreaterThan(0);
  without('inet', () => {
    site.tried('other', 'ip neigh flush dev evil.500');
    site.pings('other', '10.50.0.1');
    expect(isHeard(500, '10.50.0.67')).toBe(true);
  });
  site.ip('other', 'link del dev evil');
});

test('the ports of the hub are closed, but for the registrar', async () => {
  const server = ['busybox', 'httpd', '-f', '-p', '2222'];
  const listener = spawn('ip', ['netns', 'exec', site.ns('hub'), ...server], { stdio: 'ignore' });
  const connects = () =>
    site.tried('other', 'curl -s -o /dev/null -m 2 http://10.83.41.1:2222/').status === 0;
  try {
    await until('it listens', () => site.exec('hub', 'ss -tln').includes(':2222'));
    expect(connects()).toBe(false);
    expect(counter('inet', 'hub_ports')).toBeGreaterThan(0);
    without('inet', () => expect(connects()).toBe(true));
  } finally {
    listener.kill('SIGKILL');
  }
});

test('another member is not reached through the tunnel', () => {
  site.exec('hub', 'sysctl -qw net.ipv4.ip_forward=1');
  for (const name of ['remote', 'other']) {
    const peer = site.exec(name, 'wg show wg-uplink0 peers').trim();
    site.exec(name, `wg set wg-uplink0 peer ${peer} allowed-ips 10.83.41.0/24`);
  }
  expect(site.pings('other', LAPTOP)).toBe(false);
  expect(counter('inet', 'between_members')).toBeGreaterThan(0);
  without('inet', () => expect(site.pings('other', LAPTOP)).toBe(true));
  site.exec('hub', 'sysctl -qw net.ipv4.ip_forward=0');
});

test('frames without a tag do not reach the hub itself', () => {
  site.ip('hub', 'addr add 198.18.0.1/32 dev lo');
  site.ip('other', 'addr add 198.18.0.66/24 dev uplink0');
  const [, port = ''] = /link\/ether (\S+)/.exec(site.ip('hub', 'link show dev vdu5')) ?? [];
  site.ip('other', `neigh add 198.18.0.1 lladdr ${port} dev uplink0`);
  expect(site.pings('other', '198.18.0.1')).toBe(false);
  expect(counter('inet', 'untagged')).toBeGreaterThan(0);
  site.ip('other', 'addr del 198.18.0.66/24 dev uplink0');
});

test('BPDUs, frames of switches, router advertisements and floods of broadcasts end at the hub', () => {
  const mac = (text: string) => Uint8Array.from(text.split(':').map((part) => parseInt(part, 16)));
  const send = (destination: string, rest: Uint8Array, times = 1) => {
    const frame = Buffer.concat([mac(destination), mac('02:00:00:00:00:66'), rest]);
    const padded = Buffer.concat([frame, Buffer.alloc(Math.max(0, 60 - frame.length))]);
    inNetns(`/run/netns/${site.ns('other')}`, () => {
      for (let sent = 0; sent < times; sent += 1) sendFromLink('uplink0.600', padded);
    });
  };
  send('01:80:c2:00:00:00', Uint8Array.of(0, 38, 0x42, 0x42, 3));
  send('01:00:0c:cc:cc:cd', Uint8Array.of(0, 38, 0xaa, 0xaa, 3));
  const ra = Buffer.from(
    `86dd6000000000103aff${'fe80'.padEnd(31, '0')}1${'ff02'.padEnd(31, '0')}1860000000000000000000000000000000`,
    'hex',
  );
  send('33:33:00:00:00:01', ra);
  expect({
    bpdu: counter('bridge', 'bpdu'),
    cisco: counter('bridge', 'cisco'),
    advertisements: counter('bridge', 'router_advertisement'),
  }).toEqual({ bpdu: 1, cisco: 1, advertisements: 1 });
  // A slow machine sends fewer than 1,000 in a second, so it goes on until the limit is met.
  for (let tries = 0; tries < 20 && counter('bridge', 'broadcasts') === 0; tries += 1) {
    send('ff:ff:ff:ff:ff:ff', Uint8Array.of(0x88, 0xb5), 300);
  }
  expect(counter('bridge', 'broadcasts')).toBeGreaterThan(0);
});

test('a DHCP server of a member is not heard in the VLAN', async () => {
  const rogue = spawn('ip', [
    ...[
      'netns',
      'exec',
      site.ns('other'),
      'dnsmasq',
      '--keep-in-foreground',
      '--conf-file=/dev/null',
    ],
    ...['--port=0', '--no-ping', '--bind-interfaces', '--interface=uplink0.600', '--user=root'],
    ...['--leasefile-ro', '--pid-file=', '--dhcp-range=10.60.0.220,10.60.0.230,1h'],
  ]);
  try {
    await until('it listens', () => site.exec('other', 'ss -uln').includes(':67'));
    // The server of the site does not hear what its own host sends.
    expect(site.lease('site', 'trunk.600')).toBeUndefined();
    expect(counter('bridge', 'dhcp_server')).toBeGreaterThan(0);
    without('bridge', () =>
      expect(site.lease('site', 'trunk.600')).toMatch(/^10\.60\.0\.2[23]\d$/),
    );
  } finally {
    rogue.kill('SIGKILL');
  }
});

test('members of one VLAN do not reach each other', async () => {
  site.ip('hub', 'link add link vdu5 name vdu5.500 type vlan id 500');
  site.ip('hub', 'link set dev vdu5.500 master br500');
  site.ip('hub', 'link set dev vdu5.500 type bridge_slave isolated on');
  site.ip('hub', 'link set dev vdu5.500 up');
  site.ip('other', 'link add link uplink0 name uplink0.500 type vlan id 500');
  site.ip('other', 'addr add 10.50.0.202/24 dev uplink0.500');
  site.ip('other', 'link set dev uplink0.500 up');
  expect(site.pings('other', '10.50.0.1')).toBe(true);
  expect(site.pings('other', '10.50.0.201')).toBe(false);
  site.ip('hub', 'link set dev vdu5.500 type bridge_slave isolated off');
  await until('the control passes', () => site.pings('other', '10.50.0.201'));
});

test('TCP is clamped to one packet of WireGuard', async () => {
  const syn = async (from: string, to: string): Promise<string | undefined> => {
    const sniffer = spawn('ip', [
      ...['netns', 'exec', site.ns('site'), 'tcpdump', '-lnvi', 'trunk.500', '-c', '2'],
      'tcp[tcpflags] & tcp-syn != 0',
    ]);
    let text = '';
    let said = '';
    sniffer.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
    sniffer.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await until('tcpdump listens', () => said.includes('listening on'));
    const ended = new Promise((resolve) => sniffer.once('exit', resolve));
    spawn('ip', ['netns', 'exec', site.ns(from), 'busybox', 'nc', '-w', '2', to, '2222'], {
      stdio: 'ignore',
    });
    await until('a SYN was seen', () => /mss \d+/.test(text));
    sniffer.kill();
    await ended;
    return /mss (\d+)/.exec(text)?.[1];
  };
  expect(await syn('remote', '10.50.0.1')).toBe('1326');
});
