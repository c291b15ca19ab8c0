/**
 * A way of 1280 bytes between member and hub, with the real programs: what is too long for it is
 * lost without a word, or cut by a router. The member finds what passes. Both ends then cut inside
 * the encryption, and `uplink0` keeps its 1500 bytes.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { proves } from '../../support/uplink/acceptance.ts';
import { outcome, recordOutcomes } from '../../support/lab/outcomes.ts';
import { until } from '../../support/lab/netns.ts';
import { transfer } from '../../support/uplink/tunnel-traffic.ts';
import { UplinkSite } from '../../support/uplink/uplink-site.ts';

recordOutcomes();

let site: UplinkSite;

beforeAll(async () => {
  site = new UplinkSite([500]);
  const init = 'hub init --site hq --trunk eth1 --endpoint 203.0.113.10 --subnet 10.83.41.0';
  expect(site.vlandhcp('hub', init)).toMatchObject({ stderr: '', status: 0 });
  await site.service('hub', 'hub');
  await site.service('remote', 'uplink');
  const token = /^vuj1\.\S+$/m.exec(site.vlandhcp('hub', 'hub invite laptop --vlans 500').stdout);
  expect(site.vlandhcp('remote', 'uplink join', token?.[0])).toMatchObject({ stderr: '' });
  site.ip('remote', 'link add link uplink0 name uplink0.500 type vlan id 500');
  site.ip('remote', 'link set dev uplink0.500 up');
  site.ip('remote', 'addr add 10.50.0.201/24 dev uplink0.500');
  for (const name of ['hub', 'nat']) {
    const rules = [
      'type filter hook prerouting priority -450;',
      'iifname "wan" ip ecn != ect1 ip frag-off & 0x3fff != 0 counter name fragments',
    ];
    site.nft(name, 'wire', rules, 'counter fragments {}');
  }
});
afterAll(() => site.dispose());
afterEach(({ task }) => {
  if (task.result?.state === 'fail') process.stderr.write(`${site.log.slice(-6_000)}\n`);
});

/** Pieces of datagrams that came to the hub, or to the NAT of the member. Probes do not count. */
const fragments = () =>
  ['hub', 'nat']
    .map((name) => site.exec(name, 'nft list counter ip wire fragments'))
    .reduce((sum, text) => sum + Number(/packets (\d+)/.exec(text)?.[1]), 0);

/** As `uplink status` says it. */
const pathMtu = () => {
  const said = site.vlandhcp('remote', 'uplink status --json').stdout;
  return (JSON.parse(said) as { pathMtu?: number }[])[0]?.pathMtu;
};
const routeMtus = () =>
  [
    site.ip('remote', 'route show dev wg-uplink0 proto kernel'),
    site.ip('hub', 'route show 10.83.41.3 dev vdhub'),
  ].map((text) => Number(/mtu (\d+)/.exec(text)?.[1] ?? 0));

/** A ping of 1500 bytes with DF, both ways. */
const longPings = () => [
  site.pings('remote', '10.50.0.1', '-M do -s 1472'),
  site.pings('site', '10.50.0.201', '-M do -s 1472'),
];
const MEBIBYTES = 3;
const bytes = async () => [
  await transfer(site.where('site'), site.where('remote'), '10.50.0.1', MEBIBYTES),
  await transfer(site.where('remote'), site.where('site'), '10.50.0.201', MEBIBYTES),
];

/** The member notices a silence, and probes with the next word of the hub. */
async function afterSilence(change: () => void): Promise<void> {
  site.ip('nat', 'link set dev wan down');
  await until('no carrier', () => site.links('remote')['uplink0']?.up === false);
  change();
  site.ip('nat', 'link set dev wan up');
  site.ip('nat', 'route add default via 198.51.100.1');
}

/** A service that begins probes, too. */
async function afterStart(change: () => void): Promise<void> {
  await site.kill('remote');
  change();
  await site.service('remote', 'uplink');
}

const isKnown = (mtu: number) => until(`the way is known as ${mtu}`, () => pathMtu() === mtu);

test('a way of 1500 bytes carries packets of 1420, and no route has an MTU of its own', async () => {
  await isKnown(1420);
  expect(routeMtus()).toEqual([0, 0]);
  expect(longPings()).toEqual([true, true]);
});

test('1280 bytes, and no ICMP: the member finds it while it is up, and everything passes in whole datagrams', async () => {
  const row = outcome('U', 'underlay of 1280 without ICMP');
  await afterSilence(() => {
    site.nft('inet', 'hole', ['type filter hook forward priority 0;', 'meta length > 1280 drop']);
  });
  await isKnown(1196);
  await until('the hub knows', () => routeMtus()[1] === 1196);
  expect(site.vlandhcp('remote', 'uplink status').stdout).toContain('narrow way, packets of 1196');
  expect(site.links('remote')['uplink0']).toMatchObject({ up: true, mtu: 1500 });
  expect(longPings()).toEqual([true, true]);
  const before = fragments();
  expect(await bytes()).toEqual([MEBIBYTES, MEBIBYTES].map((count) => count * 1024 * 1024));
  expect(fragments() - before).toBe(0);
  // The test can fail: without what the probe has set, nothing that is long passes.
  await site.kill('remote');
  await site.kill('hub');
  const route = '10.83.41.0/24 dev wg-uplink0 proto kernel scope link src 10.83.41.3';
  site.ip('remote', `route replace ${route}`);
  site.ip('hub', 'route del 10.83.41.3 dev vdhub');
  expect(longPings()).toEqual([false, false]);
  row.seen =
    'ping of 1500 bytes with DF and 3 MiB by TCP, both ways, no fragment; without the probe no ping';
  row.leftovers = 0;
  for (const key of ['shows-1280', 'day-1280']) {
    proves(key, row.seen, '0 fragments');
  }
  // The hub has kept it on its disk.
  await site.service('hub', 'hub');
  expect(routeMtus()).toEqual([0, 1196]);
  await site.service('remote', 'uplink');
  await until('both ends know again', () => routeMtus().join() === '1196,1196');
  expect(longPings()).toEqual([true, true]);
});

test('a router that cuts: a probe in pieces does not count, so nothing is cut any more', async () => {
  await afterStart(() => {
    site.exec('inet', 'nft delete table ip hole');
    site.ip('inet', 'link set dev nat mtu 1280');
    site.ip('nat', 'link set dev wan mtu 1280');
  });
  await isKnown(1196);
  await until('the hub knows', () => routeMtus()[1] === 1196);
  const before = fragments();
  expect(longPings()).toEqual([true, true]);
  expect(await bytes()).toEqual([MEBIBYTES, MEBIBYTES].map((count) => count * 1024 * 1024));
  expect(fragments() - before).toBe(0);
  // The test can fail: with routes as they were, the router cuts.
  site.ip('hub', 'route del 10.83.41.3 dev vdhub');
  expect(site.pings('site', '10.50.0.201', '-M do -s 1472')).toBe(true);
  expect(fragments() - before).toBeGreaterThan(0);
});

test('a way that is wide again is used as wide, at both ends', async () => {
  await afterSilence(() => {
    site.ip('inet', 'link set dev nat mtu 1500');
    site.ip('nat', 'link set dev wan mtu 1500');
  });
  await isKnown(1420);
  await until('the hub knows', () => routeMtus()[1] === 0);
  expect(site.vlandhcp('remote', 'uplink status').stdout).not.toContain('narrow way');
  expect(longPings()).toEqual([true, true]);
});
