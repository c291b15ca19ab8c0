/**
 * Hosts whose kernel has no WireGuard: `wireguard-go` makes the tunnel at both ends. It finds what
 * a narrow way carries, goes over TLS where UDP is blocked, and ends with its uplink.
 */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { run, until } from '../../support/lab/netns.ts';
import { transfer } from '../../support/uplink/tunnel-traffic.ts';
import { UplinkSite } from '../../support/uplink/uplink-site.ts';
import { withoutKernelWireguard } from '../../support/uplink/no-wireguard.ts';

const ONE = 1024 * 1024;
let site: UplinkSite;

beforeAll(async () => {
  site = new UplinkSite([500]);
  withoutKernelWireguard(site);
  const init = 'hub init --site hq --trunk eth1 --endpoint 203.0.113.10 --subnet 10.83.41.0';
  expect(site.vlandhcp('hub', `${init} --tls 443`)).toMatchObject({ stderr: '', status: 0 });
  await site.service('hub', 'hub');
  await site.service('remote', 'uplink');
});
afterAll(() => {
  // wireguard-go outlives a namespace, but not its link.
  for (const name of ['hub', 'remote']) {
    for (const link of ['vdhub', 'wg-uplink0']) site.tried(name, `ip link del ${link}`);
  }
  site.dispose();
});
afterEach(({ task }) => {
  if (task.result?.state === 'fail') process.stderr.write(`${site.log.slice(-8_000)}\n`);
});

interface Status {
  readonly state: string;
  readonly way: string;
  readonly pathMtu?: number;
  readonly tunnel?: { readonly kind: string };
}

function status(): Status | undefined {
  const { stdout } = site.vlandhcp('remote', 'uplink status --json');
  return (JSON.parse(stdout) as Status[])[0];
}

const kindOf = (name: string, link: string) =>
  (JSON.parse(site.ip(name, `-j -d link show dev ${link}`)) as [{ linkinfo?: object }])[0].linkinfo;

/** A ping of 1500 bytes with DF, both ways. */
const longPings = () => [
  site.pings('remote', '10.50.0.1', '-M do -s 1472'),
  site.pings('site', '10.50.0.201', '-M do -s 1472'),
];

async function expectTraffic(): Promise<void> {
  expect(longPings()).toEqual([true, true]);
  const [there, here] = [site.where('site'), site.where('remote')];
  expect(await transfer(there, here, '10.50.0.1', 1)).toBe(ONE);
  expect(await transfer(here, there, '10.50.0.201', 1)).toBe(ONE);
}

test('a host joins by UDP, both ends say that it is wireguard-go, and 1500 bytes pass', async () => {
  const token = site.vlandhcp('hub', 'hub invite laptop --vlans 500').stdout.split('\n').at(-2);
  expect(site.vlandhcp('remote', 'uplink join', token)).toMatchObject({ stderr: '', status: 0 });
  const kinds = [kindOf('hub', 'vdhub'), kindOf('remote', 'wg-uplink0')];
  expect(kinds).toEqual([1, 2].map(() => expect.objectContaining({ info_kind: 'tun' }) as object));
  expect(status()).toMatchObject({ state: 'up', way: 'udp', tunnel: { kind: 'wireguard-go' } });
  expect(site.vlandhcp('remote', 'uplink status').stdout).toContain('   wireguard-go');
  site.ip('remote', 'link add link uplink0 name uplink0.500 type vlan id 500');
  site.ip('remote', 'link set dev uplink0.500 up');
  expect(site.lease('remote', 'uplink0.500')).toMatch(/^10\.50\.0\.1\d\d$/);
  site.ip('remote', 'addr add 10.50.0.201/24 dev uplink0.500');
  await until('the way is known', () => status()?.pathMtu === 1420);
  await expectTraffic();
});

test('a way of 1280 bytes without ICMP is found, and everything passes', async () => {
  await site.kill('remote');
  site.nft('inet', 'hole', ['type filter hook forward priority 0;', 'meta length > 1280 drop']);
  await site.service('remote', 'uplink');
  await until('the way is known', () => status()?.pathMtu === 1196);
  const hubRoute = () => site.ip('hub', 'route show 10.83.41.3 dev vdhub');
  await until('the hub knows', () => hubRoute().includes('mtu 1196'));
  await expectTraffic();
});

test('UDP that is dropped is left for TLS, which cuts packets of 1420 bytes into segments that pass', async () => {
  site.exec('nat', 'nft insert rule ip filter forward meta l4proto udp counter drop');
  await until('it speaks by TLS', () => status()?.state === 'up' && status()?.way === 'tls');
  await until('the way is known', () => status()?.pathMtu === 1420);
  await expectTraffic();
});

test('leave ends wireguard-go', async () => {
  const running = () => {
    const pids = run('ip', ['netns', 'pids', site.ns('remote')])
      .trim()
      .split('\n')
      .join(',');
    return run('ps', ['-o', 'comm=', '-p', pids]);
  };
  expect(running()).toContain('wireguard-go');
  expect(site.vlandhcp('remote', 'uplink leave').stdout).toContain('here and at the hub');
  expect(Object.keys(site.links('remote')).sort()).toEqual(['eth0', 'lo']);
  await until('it has ended', () => !running().includes('wireguard-go'));
});
