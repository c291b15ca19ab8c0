/**
 * The acceptance table of IPv6, first part: what each kind of router and server gives a container,
 * and how soon it can talk; starts under a flood of advertisements. On each engine.
 */
import { spawn } from 'node:child_process';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  inspectContainer,
  removeAllContainersAndNetworks,
  removeContainer,
  startContainer,
} from '../support/lab/engine.ts';
import {
  createSix,
  ENGINE,
  inside,
  leases6,
  madeOf,
  neighbourOf,
  OFFICE,
  reaches,
  reportOf,
  shown,
  startReporter,
} from '../support/modes/ipv6-acceptance.ts';
import { captured, daemonLog, docker, ip, lab, until } from '../support/lab/lab.ts';
import { outcome, recordOutcomes } from '../support/lab/outcomes.ts';
import { floodAdvertisements } from '../support/servers/router-flood.ts';
import { site } from '../support/lab/site.ts';

recordOutcomes();
site({});

beforeAll(async () => {
  await lab('ipv6-up', '500');
  await lab('capture-up', 'vlan and ip6');
});
afterEach(async () => {
  await removeAllContainersAndNetworks(); // while the server still takes their leases back
  await lab('server-down');
});
afterAll(async () => {
  await lab('capture-down');
  await lab('ipv6-down', '500');
});

const dnsmasq = (...flags: string[]) =>
  lab('server-up', 'dnsmasq-no-ping', '500', '--', '--enable-ra', ...flags);
/** IPv4 comes from dnsmasq, IPv6 from these. */
const others = (lines: readonly string[], server?: string) => async () => {
  await lab('server-up', 'dnsmasq-no-ping', '500');
  if (server !== undefined) await lab('server6-up', server, '500');
  await lab('router-up', '500', ...lines);
};
const POOL = '2001:db8:500::100,2001:db8:500::1ff';
const ON_LINK = 'prefix 2001:db8:500::/64 { AdvAutonomous off; };';
const AUTONOMOUS = 'prefix 2001:db8:500::/64 { };';
const MANAGED = 'AdvManagedFlag on;';

interface Row {
  readonly what: string;
  readonly start: () => Promise<unknown>;
  /** Where the address comes from that Docker shows. */
  readonly from: 'slaac' | 'dhcp';
  /** True if a server is asked for configuration without an address. */
  readonly informed?: boolean;
}

const ROWS: readonly Row[] = [
  {
    what: 'slaac, dnsmasq',
    start: () => dnsmasq('--dhcp-range=2001:db8:500::,slaac,64,600'),
    from: 'slaac',
  },
  { what: 'slaac, radvd', start: others([AUTONOMOUS]), from: 'slaac' },
  {
    what: 'stateless, dnsmasq',
    start: () => dnsmasq('--dhcp-range=2001:db8:500::,ra-stateless,64'),
    ...{ from: 'slaac', informed: true },
  },
  {
    what: 'stateless, radvd and ISC',
    start: others(['AdvOtherConfigFlag on;', AUTONOMOUS], 'isc'),
    ...{ from: 'slaac', informed: true },
  },
  { what: 'dhcp, dnsmasq', start: () => dnsmasq(`--dhcp-range=${POOL},64,600`), from: 'dhcp' },
  { what: 'dhcp, radvd and Kea', start: others([MANAGED, ON_LINK], 'kea'), from: 'dhcp' },
  { what: 'dhcp, radvd and ISC', start: others([MANAGED, ON_LINK], 'isc'), from: 'dhcp' },
  {
    what: 'dhcp and slaac, dnsmasq',
    start: () => dnsmasq(`--dhcp-range=${POOL},slaac,64,600`),
    from: 'dhcp',
  },
  {
    what: 'dhcp and slaac, radvd and Kea',
    start: others([MANAGED, AUTONOMOUS], 'kea'),
    from: 'dhcp',
  },
];

describe('inspect, container and server agree, and the container talks at once', () => {
  it.each(ROWS)('$what', async ({ what, start, from, informed = false }) => {
    const row = outcome('IPv6', `${what}, engine ${ENGINE}`);
    await start();
    await createSix('ipv6=auto', 'ipv6_patience=5s');
    await startReporter('box');
    await until(
      'the box has reached the office',
      async () => (await reportOf('box')) !== undefined,
    );
    const { addresses, reachedAfterMs, failedPings } = (await reportOf('box'))!;
    const { ipv6, mac } = await shown('box');
    row.seen = `${ipv6}, past the router ${reachedAfterMs} ms after the first instruction, ${failedPings} pings failed`;
    expect(addresses).toContain(ipv6);
    if (from === 'slaac') {
      expect(ipv6).toBe(madeOf(mac));
      expect(await neighbourOf(ipv6)).toContain(mac);
    } else {
      expect(ipv6).toMatch(/^2001:db8:500::1[0-9a-f]{2}$/);
      expect(await leases6()).toContain(ipv6);
    }
    if (/ and slaac/.test(what)) {
      await until('its kernel has an address of the prefix, too', async () =>
        (await inside('box', 'ip', '-6', 'addr')).includes(madeOf(mac)),
      );
    }
    if (informed) {
      const frames = await captured('dhcp6 inf-req');
      expect(frames.some((frame) => frame.includes(mac))).toBe(true);
    }
    // A ping without a route fails at once, some 50 in a second. Its kernel alone would need 1 s
    // for its link-local address before it asks for a router.
    expect(failedPings).toBeLessThan(20);
    expect(await inside('box', 'ip', '-6', 'route')).toMatch(
      /default via fe80::[0-9a-f:]+ dev eth0 .*metric 2048/,
    );
    await removeAllContainersAndNetworks();
    row.leftovers = 0;
  });
});

/** Fewer are enough to see whether the test works. */
const STARTS = Number(process.env['IPV6_STARTS'] ?? 50);

it(`${STARTS} starts under an advertisement each 2 ms; then an IPv6 network of Docker is connected`, async () => {
  const row = outcome(
    'IPv6',
    `${STARTS} starts, a router advertisement each 2 ms, engine ${ENGINE}`,
  );
  await lab('server-up', 'dnsmasq-no-ping', '500');
  const { length: ofOthers } = await daemonLog('vlandhcp'); // of the files before this one
  await createSix('ipv6=auto', 'ipv6_patience=5s');
  const state = async () => [await ip('-6', '-o', 'addr'), await ip('-6', 'route')].join('\n');
  const before = (await state()).replace(/ (valid|preferred)_lft \S+/g, '');
  // Links of containers are closed before they come up, so the kernel reports none of their own.
  const monitor = spawn('ip', ['-6', '-o', 'monitor', 'address', 'route']);
  let changes = '';
  monitor.stdout.on('data', (chunk: Buffer) => (changes += chunk.toString()));
  const flood = await floodAdvertisements('trunk.500', '2001:db8:500::/64', 2);
  let worked = 0;
  try {
    await until('the flood runs', () => flood.sent() > 10);
    for (let index = 0; index < STARTS; index += 1) {
      const name = `box${index}`;
      await startContainer(name, 'six');
      const { ipv4, ipv6, mac } = await shown(name);
      expect([ipv4.startsWith('10.50.0.'), ipv6]).toEqual([true, madeOf(mac)]);
      worked += 1;
      if (index < STARTS - 1) await removeContainer(name);
    }
    expect((await state()).replace(/ (valid|preferred)_lft \S+/g, '')).toBe(before);
    // The monitor works once it has reported a change that we make now.
    await ip('-6', 'addr', 'add', '2001:db8::77/128', 'dev', 'lo');
    await until('the monitor tells', () => changes.includes('2001:db8::77'));
    await ip('-6', 'addr', 'del', '2001:db8::77/128', 'dev', 'lo');
    const told = changes
      .split('\n')
      .filter((line) => line !== '' && !line.includes('2001:db8::77'));
    expect(told).toEqual([]);
    const last = `box${STARTS - 1}`;
    await until('the last box reaches the office', () => reaches(last, OFFICE));
    await docker('network', 'create', '--ipv6', '--subnet', 'fd00:77::/64', 'other');
    await docker('network', 'connect', 'other', last);
    const { Networks } = (await inspectContainer(last)).NetworkSettings;
    expect(Networks['other']?.GlobalIPv6Address).toMatch(/^fd00:77::/);
    const routes = await inside(last, 'ip', '-6', 'route');
    expect(routes).toMatch(/default via fe80::[0-9a-f:]+ dev eth0 .*metric 2048/);
    expect(routes).toMatch(/default via fd00:77::1 dev eth1/);
  } finally {
    flood.stop();
    monitor.kill();
    row.seen = `${worked} of ${STARTS} started with their address, ${flood.sent()} advertisements; the host has no other address or route`;
  }
  expect(worked).toBe(STARTS);
  const log = (await daemonLog('vlandhcp')).slice(ofOthers);
  expect(log).not.toContain('could not be given its IPv6 address');
  row.leftovers = 0;
}, 1_500_000);
