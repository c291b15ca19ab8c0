/**
 * The ways to a hub beside UDP, with the real programs and a real WireGuard: a NAT that drops UDP,
 * wholly or in one direction, and lets TCP pass.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { proves } from '../../support/uplink/acceptance.ts';
import { until } from '../../support/lab/netns.ts';
import { outcome, recordOutcomes } from '../../support/lab/outcomes.ts';
import { UplinkSite } from '../../support/uplink/uplink-site.ts';

recordOutcomes();
const OUTWARDS = 'udp dport 51820';
const INWARDS = 'udp sport 51820';
let site: UplinkSite;

beforeAll(async () => {
  site = new UplinkSite([500]);
  site.addCafe();
  const init = '--site hq --trunk eth1 --endpoint 203.0.113.10 --subnet 10.83.41.0 --tls 443';
  const made = site.vlandhcp('hub', `hub init ${init}`);
  expect([made.stderr, made.status]).toEqual(['', 0]);
  await site.service('hub', 'hub');
  await site.service('remote', 'uplink');
});
afterAll(() => site.dispose());
afterEach(({ task }) => {
  if (task.result?.state === 'fail') process.stderr.write(`${site.log.slice(-8_000)}\n`);
});

const token = () => site.vlandhcp('hub', 'hub invite laptop --vlans 500').stdout.split('\n').at(-2);
const block = (nat: string, packets: string) =>
  site.exec(nat, `nft insert rule ip filter forward ${packets} counter drop`);
const status = () => site.vlandhcp('remote', 'uplink status').stdout;
const speaksBy = (way: string) => () => new RegExp(`  up .*  ${way} `).test(status());

/** What the NAT lets pass from now on: all, as at the beginning. */
function open(nat: string): void {
  site.exec(nat, 'nft flush chain ip filter forward');
  site.exec(nat, 'nft add rule ip filter forward iifname lan1 accept');
  site.exec(nat, 'nft add rule ip filter forward ct state established,related accept');
}

/** From one network to another one. */
function move(from: string, to: string, gateway: string): void {
  site.ip('remote', `link set dev ${from} down`);
  site.ip('remote', `link set dev ${to} up`);
  site.ip('remote', `route add default via ${gateway}`);
}

test('a host whose UDP is dropped joins over TLS, without a word from the user, and leases', () => {
  const row = outcome('U', 'uplink: UDP is dropped, and a host joins');
  block('nat', 'meta l4proto udp');
  const joined = site.vlandhcp('remote', 'uplink join', `${token()}\n`);
  expect([joined.stderr, joined.status]).toEqual(['', 0]);
  expect(joined.stdout).toMatch(
    /^joined "hq" as 10\.83\.41\.3 over TLS in \d+\.\d s; uplink0 carries/,
  );
  row.seen = /over TLS in [\d.]+ s/.exec(joined.stdout)?.[0] ?? '?';
  proves('shows-tls-join', 'joined over TLS', row.seen.replace('over TLS in ', ''));
  site.ip('remote', 'link add link uplink0 name uplink0.500 type vlan id 500');
  site.ip('remote', 'link set dev uplink0.500 up');
  expect(site.lease('remote', 'uplink0.500')).toMatch(/^10\.50\.0\.1\d\d$/);
  site.ip('remote', 'addr add 10.50.0.201/24 dev uplink0.500');
  expect(site.pings('site', '10.50.0.201', '-M do -s 1472')).toBe(true);
});

test('both ends tell the way', () => {
  expect(status()).toMatch(
    /^uplink0 {3}hq {3}up \d+ s {3}tls 203\.0\.113\.10:443 {3}last word \d s ago/,
  );
  expect(site.vlandhcp('hub', 'hub list').stdout).toContain('   tls 198.51.100.7   ');
});

test('a kill -9 of the service ends the stream, and its restart brings it back', async () => {
  const before = site.links('remote');
  await site.kill('remote');
  expect(site.pings('site', '10.50.0.201')).toBe(false);
  await site.service('remote', 'uplink');
  await until('the tunnel is back', () => site.pings('site', '10.50.0.201'));
  expect(site.links('remote')).toEqual(before);
});

test('a hub that was killed and started is reached over TLS again', async () => {
  await site.kill('hub');
  expect(site.pings('site', '10.50.0.201')).toBe(false);
  await site.service('hub', 'hub');
  await until('the tunnel is back', () => site.pings('site', '10.50.0.201'));
});

test('in a network where UDP is open the member is back on UDP', async () => {
  move('eth0', 'eth1', '192.168.9.1');
  await until('it speaks by UDP', speaksBy('udp'));
  expect(site.pings('site', '10.50.0.201')).toBe(true);
  expect(site.exec('remote', 'ss -Htnp state established dport = :443')).toBe('');
});

test.each([
  ['what the hub sends', INWARDS, ['day-udp-in', 'shows-tls-back']],
  ['what the member sends', OUTWARDS, ['day-udp-out']],
])(
  'UDP that loses %s is left for TLS, and taken again when it opens',
  async (what, packets, keys) => {
    const row = outcome('U', `uplink: UDP loses ${what}`);
    block('cafe', packets);
    const from = Date.now();
    await until('it speaks by TLS', speaksBy('tls'));
    const wayTook = `${((Date.now() - from) / 1000).toFixed(1)} s`;
    row.seen = `over TLS after ${wayTook}`;
    await until('frames pass', () => site.pings('site', '10.50.0.201'));
    open('cafe');
    await until('it speaks by UDP', speaksBy('udp'));
    expect(site.pings('site', '10.50.0.201')).toBe(true);
    for (const key of keys) proves(key, 'over TLS, and back by UDP when it opened', wayTook);
  },
);

test('leave tells the hub over TLS, too, and leaves nothing', async () => {
  move('eth1', 'eth0', '192.168.7.1'); // where UDP is dropped
  await until('frames pass', () => site.pings('site', '10.50.0.201'));
  expect(status()).toContain('   tls ');
  expect(site.vlandhcp('remote', 'uplink leave').stdout).toBe(
    'uplink0 is gone, here and at the hub\n',
  );
  expect(Object.keys(site.links('remote')).sort()).toEqual(['eth0', 'eth1', 'lo']);
  await until('the hub has no stream', () => site.exec('hub', 'ss -Htn sport = :443') === '');
});
