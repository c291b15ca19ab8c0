/**
 * The uplink with everything real but the wires: hub, NAT and remote host are namespaces, with the
 * programs, WireGuard, VXLAN, nft and a DHCP server.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { proves, secondsSince } from '../../support/uplink/acceptance.ts';
import { UplinkSite } from '../../support/uplink/uplink-site.ts';
import { until } from '../../support/lab/netns.ts';

let site: UplinkSite;
let token = '';
let linksBefore: string[];

beforeAll(async () => {
  site = new UplinkSite();
  linksBefore = Object.keys(site.links('remote')).sort();
  const made = site.vlandhcp(
    'hub',
    'hub init --site hq --trunk eth1 --endpoint 203.0.113.10 --subnet 10.83.41.0',
  );
  expect([made.stderr, made.status]).toEqual(['', 0]);
  await site.service('hub', 'hub');
  await site.service('remote', 'uplink');
});
afterAll(() => site.dispose());
afterEach(({ task }) => {
  if (task.result?.state === 'fail') process.stderr.write(`${site.log.slice(-6_000)}\n`);
});

test('a host behind NAT joins with a token and leases from the DHCP server of the site', () => {
  const invited = site.vlandhcp('hub', 'hub invite laptop --vlans 500');
  expect(invited.stderr).toBe('');
  token = /^vuj1\.\S+$/m.exec(invited.stdout)?.[0] ?? '';
  const joined = site.vlandhcp('remote', 'uplink join', `${token}\n`);
  expect([joined.stderr, joined.status, site.log.match(/"level":"error".*/g)]).toEqual([
    '',
    0,
    null,
  ]);
  expect(joined.stdout).toMatch(
    /^joined "hq" as 10\.83\.41\.3 over UDP in \d+\.\d s; uplink0 carries VLANs 500 \(1500 bytes\)\ndocker network create -d vlandhcp --ipam-driver null -o parent=uplink0 -o vlan=500 fw500\n$/,
  );
  expect(site.links('remote')['uplink0']).toMatchObject({
    alias: 'vlandhcp uplink hq vlans 500',
    up: true,
  });
  site.ip('remote', 'link add link uplink0 name uplink0.500 type vlan id 500');
  site.ip('remote', 'link set dev uplink0.500 up');
  expect(site.lease('remote', 'uplink0.500')).toMatch(/^10\.50\.0\.1\d\d$/);
});

test('1500 bytes with DF pass both ways', () => {
  site.ip('remote', 'addr add 10.50.0.201/24 dev uplink0.500');
  expect(site.pings('remote', '10.50.0.1', '-M do -s 1472')).toBe(true);
  expect(site.pings('site', '10.50.0.201', '-M do -s 1472')).toBe(true);
  proves('shows-1500-df', 'member to site, and site to member', '1500 bytes');
});

test('status and list show both ends', () => {
  const status = site.vlandhcp('remote', 'uplink status');
  expect(status.stdout).toMatch(
    /^uplink0 {3}hq {3}up \d+ s {3}udp 203\.0\.113\.10:51820 {3}last word \d s ago {3}[\d.]+ ms {3}VLANs 500 {3}kernel WireGuard\n$/,
  );
  const list = JSON.parse(site.vlandhcp('hub', 'hub list --json').stdout) as unknown[];
  expect(list).toMatchObject([
    { name: 'laptop', state: 'member', address: '10.83.41.3', vlans: [500] },
  ]);
  expect((list[0] as { endpoint: string }).endpoint).toMatch(/^198\.51\.100\.7:\d+$/); // the NAT
});

test('the token a second time is refused with who and when, and nothing is left of it', async () => {
  await site.service('other', 'uplink');
  const again = site.vlandhcp('other', 'uplink join', token);
  expect([again.status, again.stdout]).toEqual([1, '']);
  expect(again.stderr).toMatch(
    /^vlandhcp: the hub of "hq" refuses: the token was used already by \S+ \(key [0-9a-f-]{19}\) at \S+Z; if that host is not yours, revoke it at the hub; then ask for a new token\n$/,
  );
  expect(Object.keys(site.links('other')).sort()).toEqual(linksBefore);
  proves('shows-token-again', 'refused: used already by whom, with which key, and when');
  expect(site.ip('other', 'route show type blackhole')).toBe('');
});

test('a kill -9 of hub and uplink loses no ping and changes no link', async () => {
  const before = [site.links('hub'), site.links('remote')];
  const pings = site.tried.bind(site, 'remote', 'ping -n -i 0.02 -c 40 -q 10.50.0.1');
  await site.kill('hub');
  await site.kill('remote');
  expect(pings().stdout).toMatch(/40 packets transmitted, 40 received/);
  await site.service('hub', 'hub');
  await site.service('remote', 'uplink');
  expect(pings().stdout).toMatch(/40 packets transmitted, 40 received/);
  expect([site.links('hub'), site.links('remote')]).toEqual(before);
});

test('a VLAN that is added works at once, and one that is taken away is gone when the command returns', async () => {
  expect(site.vlandhcp('hub', 'hub vlans laptop 500,600').stdout).toBe(
    'laptop may use VLANs 500,600\n',
  );
  await until(
    'the alias has both',
    () => site.links('remote')['uplink0']?.alias === 'vlandhcp uplink hq vlans 500,600',
  );
  site.ip('remote', 'link add link uplink0 name uplink0.600 type vlan id 600');
  site.ip('remote', 'link set dev uplink0.600 up');
  expect(site.lease('remote', 'uplink0.600')).toMatch(/^10\.60\.0\.1\d\d$/);
  const from = performance.now();
  site.vlandhcp('hub', 'hub vlans laptop 600');
  const tookAway = secondsSince(from);
  expect(site.pings('remote', '10.50.0.1')).toBe(false);
  expect(Object.keys(site.links('hub')).filter((name) => /500/.test(name))).toEqual([]);
  expect(site.lease('remote', 'uplink0.600')).toMatch(/^10\.60\.0\.1\d\d$/);
  site.vlandhcp('hub', 'hub vlans laptop 500,600');
  expect(site.pings('remote', '10.50.0.1')).toBe(true);
  proves('shows-vlan-taken', 'no ping when the command returned', `command ${tookAway}`);
});

test('a new key is changed over to, at both ends, and the old one is gone', () => {
  const key = () => site.exec('remote', 'wg show wg-uplink0 public-key').trim();
  const before = key();
  const rotated = site.vlandhcp('remote', 'uplink rotate');
  expect(rotated.stdout + rotated.stderr).toMatch(/^uplink0 has a new key, [0-9a-f-]{19}\n$/);
  expect(key()).not.toBe(before);
  expect(site.pings('remote', '10.50.0.1')).toBe(true);
  const peers = site.exec('hub', 'wg show vdhub peers');
  expect([peers.includes(key()), peers.includes(before)]).toEqual([true, false]);
});

test('a hub that is silent takes the carrier of the trunk, and gives it back with its next word', async () => {
  const isUp = (name: string) => site.links('remote')[name]?.up;
  site.ip('nat', 'link set dev wan down');
  await until('no carrier', () => isUp('uplink0') === false && isUp('uplink0.500') === false);
  expect(site.vlandhcp('remote', 'uplink status').stdout).toContain('down, hub silent');
  site.ip('nat', 'link set dev wan up');
  site.ip('nat', 'route add default via 198.51.100.1');
  await until('carrier', () => isUp('uplink0') === true && isUp('uplink0.500') === true);
  expect(site.pings('remote', '10.50.0.1')).toBe(true);
});

test('without the tunnel nothing of the trunk leaves by another link', async () => {
  const frames = async (): Promise<string> => {
    const sniffer = spawn('ip', [
      ...['netns', 'exec', site.ns('nat'), 'tcpdump', '-lni', 'lan1', 'udp port 4790'],
    ]);
    let [seen, said] = ['', ''];
    sniffer.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()));
    sniffer.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await until('tcpdump listens', () => said.includes('listening on'));
    site.pings('remote', '10.50.0.1');
    const ended = once(sniffer, 'exit');
    sniffer.kill();
    await ended;
    return seen.trim();
  };
  await site.kill('remote');
  site.ip('remote', 'link set dev wg-uplink0 down');
  expect(await frames()).toBe('');
  site.ip('remote', 'route del blackhole 10.83.41.0/24'); // the control
  expect(await frames()).not.toBe('');
  await site.service('remote', 'uplink'); // it mends both
  await until('the route is back', () =>
    site.ip('remote', 'route show type blackhole').includes('10.83.41.0/24'),
  );
  await until('the tunnel is back', () => site.pings('remote', '10.50.0.1'));
});

test('a hub that is a Docker host lets the frames of members through, whenever Docker starts', async () => {
  const iptables = (words: string) => site.exec('hub', `iptables-nft -w ${words}`);
  const reaches = () => site.pings('remote', '10.50.0.1');
  site.exec('hub', 'sysctl -qw net.bridge.bridge-nf-call-iptables=1');
  for (const words of ['-N DOCKER-USER', '-I FORWARD -j DOCKER-USER', '-P FORWARD DROP']) {
    iptables(words);
  }
  await until('Docker has started', reaches);
  await site.kill('hub');
  iptables('-F DOCKER-USER');
  iptables('-F FORWARD');
  expect(reaches()).toBe(false); // the control
  await site.service('hub', 'hub');
  await until('the hub has started', reaches);
  iptables('-F');
  await until('the firewall was reloaded', reaches);
  iptables('-P FORWARD ACCEPT');
  site.exec('hub', 'sysctl -qw net.bridge.bridge-nf-call-iptables=0');
});

test('a member that is revoked has no frame through when the command returns, and says why', async () => {
  const from = performance.now();
  expect(site.vlandhcp('hub', 'hub revoke laptop').stdout).toBe('laptop is no member any more\n');
  const tookAway = secondsSince(from);
  expect(site.pings('remote', '10.50.0.1')).toBe(false);
  await until('the member knows', () => site.links('remote')['uplink0']?.up === false);
  const status = site.vlandhcp('remote', 'uplink status');
  expect([status.status, status.stdout]).toEqual([
    2,
    expect.stringContaining('down, revoked by the hub'),
  ]);
  expect(Object.keys(site.links('hub')).sort()).toEqual(['eth1', 'lo', 'vdhub', 'wan']);
  proves('shows-revoked', 'no ping when the command returned', `command ${tookAway}`);
});

test('uplink leave leaves nothing', () => {
  expect(site.vlandhcp('remote', 'uplink leave').stdout).toMatch(/^uplink0 is gone here; /);
  expect(Object.keys(site.links('remote')).sort()).toEqual(linksBefore);
  expect(site.ip('remote', 'route show type blackhole')).toBe('');
  expect(site.vlandhcp('remote', 'uplink leave').stderr).toBe(
    'vlandhcp: this host has no uplink; join one: vlandhcp uplink join\n',
  );
});
