/**
 * Bad days of hub and members, with the real programs: two hosts and one token, one NAT and two, a
 * disk that is full, a VLAN that is taken away, and what a port on the Internet tells.
 */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { parseToken } from '../../../plugin/uplink/protocol/token.ts';
import { publicKeyOf } from '../../../plugin/uplink/wireguard-key.ts';
import { proves, secondsSince } from '../../support/uplink/acceptance.ts';
import { run } from '../../support/lab/netns.ts';
import { HUB_ADDRESS, UplinkSite, type Said } from '../../support/uplink/uplink-site.ts';

let site: UplinkSite;
/** The state of the hub has a disk of its own, which is small. */
let disk: string;
let token: string;
/** The hosts that used one token at once: who was first, and who was not. */
let [first, second] = ['', ''];

beforeAll(async () => {
  site = new UplinkSite();
  disk = site.file('hub', 'hub');
  mkdirSync(disk, { recursive: true });
  run('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'tmpfs', disk]);
  const init = 'hub init --site hq --trunk eth1 --endpoint 203.0.113.10 --subnet 10.83.41.0';
  expect(site.vlandhcp('hub', init)).toMatchObject({ stderr: '', status: 0 });
  await site.service('hub', 'hub');
  for (const name of ['remote', 'other']) await site.service(name, 'uplink');
});
afterAll(() => {
  run('umount', ['--lazy', disk]);
  site.dispose();
});
afterEach(({ task }) => {
  if (task.result?.state === 'fail') process.stderr.write(`${site.log.slice(-6_000)}\n`);
});

function invited(words: string): string {
  const { stdout, stderr } = site.vlandhcp('hub', `hub invite ${words}`);
  expect(stderr).toBe('');
  return /^vuj1\.\S+$/m.exec(stdout)?.[0] ?? '';
}

/** A VLAN of the uplink, with an address. What answers is the host itself. */
function addContainer(name: string, vlan: number, last: number): string {
  const [link, address] = [`uplink0.${vlan}`, `${site.subnet(vlan)}.${last}`];
  site.ip(name, `link add link uplink0 name ${link} type vlan id ${vlan}`);
  site.ip(name, `link set dev ${link} up`);
  site.ip(name, `addr add ${address}/24 dev ${link}`);
  return address;
}

const members = () =>
  JSON.parse(site.vlandhcp('hub', 'hub list --json').stdout) as {
    readonly name: string;
    readonly endpoint?: string;
  }[];

test('the port of the hub answers nobody without a key, whatever is sent', () => {
  site.nft(
    'inet',
    'answers',
    [
      'type filter hook prerouting priority 0;',
      `ip saddr ${HUB_ADDRESS} udp sport 51820 counter name told`,
      `ip saddr ${HUB_ADDRESS} icmp type destination-unreachable counter name told`,
    ],
    'counter told { }',
  );
  const told = () => site.counter('inet', 'ip', 'answers', 'told');
  const send = (port: number) => {
    for (const [at, size] of [148, 32, 1, 1400].entries()) {
      // The first one looks like the beginning of a handshake.
      const bytes = Buffer.alloc(size, 7);
      bytes.set([1, 0, 0, 0].slice(0, size));
      const file = join(site.folder, `datagram${at}`);
      writeFileSync(file, bytes);
      const words = ['bash', '-c', `cat ${file} > /dev/udp/${HUB_ADDRESS}/${port}`];
      run('ip', ['netns', 'exec', site.ns('inet'), ...words]);
    }
    // It comes after them. So what they cause has come, too.
    expect(site.pings('inet', HUB_ADDRESS)).toBe(true);
  };
  send(51_820);
  expect(told()).toBe(0);
  send(51_999); // the control: nobody listens there
  expect(told()).toBeGreaterThan(0);
  proves('attack-silent-port', '4 datagrams sent, 0 answered', '0 packets');
});

test('two hosts use one token at once: one joins, the other one hears who did, and has nothing left', async () => {
  token = invited('laptop --vlans 500,600');
  const before = Object.keys(site.links('remote')).sort();
  const said = await Promise.all(
    ['remote', 'other'].map(async (name): Promise<[string, Said]> => [
      name,
      await site.typed(name, 'uplink join', `${token}\n`),
    ]),
  );
  const [joined = [], refused = []] = [0, 1].map((status) =>
    said.filter(([, one]) => one.status === status),
  );
  expect([joined.length, refused.length]).toEqual([1, 1]);
  [[first]] = joined as [[string, Said]];
  const [[loser, { stderr }]] = refused as [[string, Said]];
  second = loser;
  expect(stderr).toMatch(/: the token was used already by \S+ \(key [0-9a-f-]{19}\) at \S+Z; /);
  expect(Object.keys(site.links(second)).sort()).toEqual(before);
  proves('day-at-once', 'one joined, the other one was told who and when');
});

test('a token that was used is refused again, with who and when', () => {
  const again = site.vlandhcp(second, 'uplink join', token);
  expect([again.status, again.stderr]).toEqual([
    1,
    expect.stringMatching(/the token was used already by \S+ \(key [0-9a-f-]{19}\) at \S+Z; if/),
  ]);
  proves('day-twice', 'refused, with who and when');
});

test('two members behind one NAT both lease, and neither takes the way of the other', () => {
  expect(site.vlandhcp(second, 'uplink join', invited('cloud --vlans 500'))).toMatchObject({
    stderr: '',
    status: 0,
  });
  const addresses = [addContainer(first, 500, 201), addContainer(second, 500, 202)];
  for (const name of [first, second]) {
    expect(site.lease(name, 'uplink0.500')).toMatch(/^10\.50\.0\.1\d\d$/);
  }
  for (const address of addresses) expect(site.pings('site', address)).toBe(true);
  const endpoints = members().map(({ endpoint = '' }) => endpoint);
  expect(endpoints).toEqual([
    expect.stringMatching(/^198\.51\.100\.7:\d+$/),
    expect.stringMatching(/^198\.51\.100\.7:\d+$/),
  ]);
  expect(new Set(endpoints).size).toBe(2);
  proves('day-one-nat', 'both lease; one address, two ports at the hub', '2 leases');
});

test('a VLAN is taken away while containers run: it is gone, and the other VLAN and member go on', () => {
  const in500 = `${site.subnet(500)}.201`;
  const in600 = addContainer(first, 600, 201);
  expect(site.pings('site', in500) && site.pings('site', in600)).toBe(true);
  site.vlandhcp('hub', 'hub vlans laptop 600');
  expect(site.pings('site', in500)).toBe(false);
  expect(site.pings('site', in600) && site.pings('site', `${site.subnet(500)}.202`)).toBe(true);
  site.vlandhcp('hub', 'hub vlans laptop 500,600');
  expect(site.pings('site', in500)).toBe(true);
  proves('day-vlan', 'no ping in that VLAN when the command returned; in the others all');
});

test('a member gets no packet through the hub into other networks', () => {
  site.exec('hub', 'sysctl -qw net.ipv4.ip_forward=1'); // as on every Docker host
  const [key] = site.exec(first, 'wg show wg-uplink0 peers').split('\n');
  site.exec(first, `wg set wg-uplink0 peer ${key} allowed-ips 0.0.0.0/0`);
  site.ip(first, 'route add 203.0.113.1 dev wg-uplink0');
  site.nft(
    'inet',
    'through',
    ['type filter hook prerouting priority 0;', 'ip saddr 10.83.41.0/24 counter name came'],
    'counter came { }',
  );
  const routed = () => site.counter('hub', 'inet', 'vlandhcp_vdhub', 'routed');
  const came = () => site.counter('inet', 'ip', 'through', 'came');
  const before = routed();
  expect(site.pings(first, '203.0.113.1')).toBe(false);
  expect([routed() - before, came()]).toEqual([1, 0]);
  // The test can fail: without the rule the packet goes on.
  site.exec('hub', 'nft flush chain inet vlandhcp_vdhub forward');
  site.pings(first, '203.0.113.1');
  expect(came()).toBe(1);
  site.ip(first, 'route del 203.0.113.1');
  proves('attack-routed', '1 packet sent, 0 arrived; without the rule 1');
});

test('the disk of the hub has no one-time token, used or not', () => {
  const open = invited('spare --vlans 500');
  const files = readdirSync(disk, { recursive: true, encoding: 'utf8' }).filter((path) =>
    path.endsWith('.json'),
  );
  const text = files.map((path) => readFileSync(join(disk, path), 'utf8')).join('\n');
  for (const one of [token, open]) {
    const { secret } = parseToken(one, Date.now());
    expect([text.includes(secret), text.includes(one)]).toEqual([false, false]);
    // The test can fail: what belongs to the token is there.
    expect(text).toContain(publicKeyOf(secret));
  }
  site.vlandhcp('hub', 'hub revoke spare');
  proves('attack-disk', 'of 2 tokens the public half only', `${files.length} files`);
});

test('behind two NATs a host joins while the disk of the hub is full: it hears why, joins with the same token, and leases', async () => {
  expect(site.vlandhcp(first, 'uplink leave').status).toBe(0);
  site.nft('inet', 'second', [
    'type nat hook postrouting priority 100;',
    'oifname "hub" ip saddr != 203.0.113.1 masquerade',
  ]);
  const again = invited('laptop --vlans 500');
  const full = join(disk, 'full');
  run('bash', ['-c', `head -c 1M /dev/zero > ${full} 2>/dev/null || :`]);
  const refused = site.vlandhcp('hub', 'hub invite nobody --vlans 500');
  expect([refused.status, refused.stderr]).toEqual([1, expect.stringMatching(/ENOSPC|no space/)]);
  const late = site.vlandhcp(first, 'uplink join', again);
  expect([late.status, late.stderr]).toEqual([
    1,
    expect.stringMatching(/answers, and cannot make this host a member: .*(ENOSPC|no space)/),
  ]);
  expect(members().map(({ name }) => name)).toEqual(['cloud', 'laptop']); // it is invited
  // Now there is room for the member, and none for what comes after the answer.
  run('bash', ['-c', `truncate -s -4096 ${full}`]);
  const from = performance.now();
  const said = site.vlandhcp(first, 'uplink join', again);
  expect([said.stderr, said.status]).toEqual(['', 0]);
  const joinedIn = secondsSince(from);
  // Another address than before: the site knows the MAC that .201 had.
  addContainer(first, 500, 203);
  expect(site.lease(first, 'uplink0.500')).toMatch(/^10\.50\.0\.1\d\d$/);
  const endpoint = members().find(({ name }) => name === 'laptop')?.endpoint;
  expect(endpoint).toMatch(/^203\.0\.113\.1:\d+$/); // the outer one
  proves('shows-two-nats', 'joined, and leased in VLAN 500');
  // A hub that dies with a full disk has its member again.
  run('bash', ['-c', `head -c 1M /dev/zero >> ${full} 2>/dev/null || :`]);
  await site.kill('hub');
  await site.service('hub', 'hub');
  expect(site.pings('site', `${site.subnet(500)}.203`)).toBe(true);
  run('rm', [full]);
  proves(
    'day-disk-full',
    'refused with the reason; then, with room for one file, joined',
    joinedIn,
  );
});
