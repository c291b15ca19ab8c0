/**
 * The acceptance table of IPv6, second part: what does not go as it should. IPv4 starts all the
 * same, IPv6 comes later, leases keep their identity, and containers follow their routers without
 * the plugin. On each engine.
 */
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import {
  createSix,
  ENGINE,
  inside,
  madeOf,
  OFFICE,
  reaches,
  shown,
} from '../support/modes/ipv6-acceptance.ts';
import {
  captured,
  daemonLog,
  docker,
  ip,
  lab,
  labWith,
  removeAllContainersAndNetworks,
  run,
  until,
} from '../support/lab/lab.ts';
import { outcome, recordOutcomes, type Outcome } from '../support/lab/outcomes.ts';
import { site } from '../support/lab/site.ts';

recordOutcomes();
site({ server: ['dnsmasq-no-ping', '500'] });

const MANAGED = ['AdvManagedFlag on;', 'prefix 2001:db8:500::/64 { AdvAutonomous off; };'];
const row = (what: string): Outcome => outcome('IPv6', `${what}, engine ${ENGINE}`);

beforeAll(async () => {
  await lab('ipv6-up', '500');
  // Verbose, so that a DHCPv6 message shows its DUID and IAID.
  await lab('capture-up', '-v', 'vlan and ip6');
});
afterEach(async () => {
  await removeAllContainersAndNetworks(); // while the server still takes their leases back
  await lab('ipv6-servers-down');
});
afterAll(async () => {
  await lab('capture-down');
  await lab('ipv6-down', '500');
});

const startBox = (...flags: string[]) =>
  docker('run', '-d', '--name', 'box', '--net=six', ...flags, 'bb');
const addresses = (name = 'box') => inside(name, 'ip', '-6', 'address', 'show', 'dev', 'eth0');

/** The box has started with IPv4 alone. Then `cure` is done, and IPv6 comes to the running box. */
async function comesLater(seen: Outcome, cure: () => Promise<unknown>, expected: RegExp) {
  const { ipv4, ipv6 } = await shown('box');
  expect([ipv4.startsWith('10.50.0.'), ipv6]).toEqual([true, '']);
  await cure();
  await until('the address comes', async () => expected.test(await addresses()), 120_000);
  await until('the box reaches the office', () => reaches('box', OFFICE));
  seen.seen = `started with ${ipv4} alone; IPv6 came to the running container`;
  await removeAllContainersAndNetworks();
  seen.leftovers = 0;
}

it('no router: IPv4 starts, and IPv6 comes when a router does', async () => {
  const seen = row('no router advertisement');
  await createSix('ipv6=auto');
  await startBox();
  expect(await daemonLog('vlandhcp')).toContain('no IPv6 address within ipv6_patience');
  await comesLater(seen, () => lab('router-up', '500'), /inet6 2001:db8:500:0:/);
});

it('the M flag and no server: IPv4 starts, and the lease comes when a server does', async () => {
  const seen = row('M flag and no DHCPv6 server');
  await lab('router-up', '500', ...MANAGED);
  await createSix('ipv6=auto');
  await startBox();
  await comesLater(seen, () => lab('server6-up', 'kea', '500'), /inet6 2001:db8:500::1[0-9a-f]{2}/);
});

it('NoAddrsAvail: IPv4 starts, and the lease comes when an address is free again', async () => {
  const seen = row('DHCPv6 pool of one address, which is taken');
  await lab('router-up', '500', ...MANAGED);
  await labWith({ POOL6_LAST: '100' }, 'server6-up', 'kea', '500');
  await createSix('ipv6=auto', 'ipv6_patience=3s');
  await docker('run', '-d', '--name', 'first', '--net=six', 'bb');
  expect((await shown('first')).ipv6).toBe('2001:db8:500::100');
  await startBox();
  expect(await daemonLog('vlandhcp')).toContain('DHCPv6 server refused');
  await comesLater(seen, () => docker('rm', '-f', 'first'), /inet6 2001:db8:500::100/);
});

it('a duplicate address: IPv4 starts, the address is not used, and the log names the other host', async () => {
  const seen = row('another host has the address');
  const mac = '02:42:0a:32:00:63';
  const taken = madeOf(mac);
  await ip('-n', 'fw', 'address', 'add', `${taken}/64`, 'dev', 'trunk.500', 'nodad');
  try {
    await lab('router-up', '500');
    await createSix('ipv6=slaac', 'acd=fast', 'ipv6_patience=3s');
    await startBox('--mac-address', mac);
    const { ipv4, ipv6 } = await shown('box');
    expect([ipv4.startsWith('10.50.0.'), ipv6]).toEqual([true, '']);
    expect(await daemonLog('vlandhcp')).toContain('IPv6 address not used: another host has it');
    // The kernel of the container looks for itself, if it comes to that.
    const lines = (await addresses()).split('\n').filter((line) => line.includes(taken));
    expect(lines.filter((line) => !/tentative|dadfailed/.test(line))).toEqual([]);
    seen.seen = `started with ${ipv4} alone; the log names the other host`;
  } finally {
    await ip('-n', 'fw', 'address', 'delete', `${taken}/64`, 'dev', 'trunk.500');
  }
  await removeAllContainersAndNetworks();
  seen.leftovers = 0;
});

it('restart and kill -9: the same address, DUID and IAID, and a RENEW of each time on the wire', async () => {
  const seen = row('container restarted, plugin killed, leases of 20 s');
  await lab('router-up', '500', ...MANAGED);
  await labWith({ LEASE: '20' }, 'server6-up', 'kea', '500');
  await createSix('ipv6=dhcp', 'ipv6_patience=5s');
  await docker('run', '-d', '--name', 'box', '--network', 'name=six,driver-opt=id=pbx', 'bb');
  const { ipv6, mac } = await shown('box');
  expect(ipv6).toMatch(/^2001:db8:500::1[0-9a-f]{2}$/);
  const messages = async (type: string) =>
    (await captured(`dhcp6 ${type}`)).filter((line) => line.includes(mac.replaceAll(':', '')));
  const renewed = async (what: string) => {
    const { length } = await messages('renew');
    await until(`RENEW ${what}`, async () => (await messages('renew')).length > length);
  };
  await renewed('of the first');
  await docker('restart', '-t', '0', 'box');
  expect((await shown('box')).ipv6).toBe(ipv6);
  await renewed('after the restart');
  await lab('service-kill');
  await lab('service-up');
  await renewed('after the kill');
  expect(await addresses()).toContain(`${ipv6}/128`);
  const all = await messages('');
  const identities = new Set(
    all.flatMap(
      (line) => /client-ID ([^)]*)\).*IAID:(\d+)/.exec(line)?.slice(1).join(' IAID ') ?? [],
    ),
  );
  expect(identities.size).toBe(1);
  seen.seen = `${ipv6} three times; ${(await messages('renew')).length} RENEW of ${[...identities].join()}`;
  await removeAllContainersAndNetworks();
  seen.leftovers = 0;
});

it('router goes, comes back, renumbers: the container follows with no plugin running', async () => {
  const seen = row('plugin dead; router gone, back, renumbered');
  await lab('router-up', '500');
  await createSix('ipv6=auto', 'ipv6_patience=5s');
  await startBox();
  await until('the box reaches the office', () => reaches('box', OFFICE));
  const hasRoute = async () => (await inside('box', 'ip', '-6', 'route')).includes('default via');
  await lab('service-kill');
  try {
    await lab('router-down'); // with a router lifetime of 0
    await until('the default route is gone', async () => !(await hasRoute()));
    const ended = 'prefix 2001:db8:500::/64 { AdvValidLifetime 0; AdvPreferredLifetime 0; };';
    await lab('router-up', '500', ended, 'prefix 2001:db8:5ff::/64 { };');
    await until('the default route is back', hasRoute);
    await until('it has an address of the new prefix', async () =>
      /inet6 2001:db8:5ff:[^\n]*global/.test(await addresses()),
    );
    const old = (await addresses()).split('\n').filter((line) => /2001:db8:500:/.test(line));
    expect(old.filter((line) => !line.includes('deprecated'))).toEqual([]);
    seen.seen = 'route gone and back, address of the new prefix, the old one deprecated';
  } finally {
    await lab('service-up');
  }
  await removeAllContainersAndNetworks();
  seen.leftovers = 0;
});

it('each IPv6 frame has the tag, and none is from a MAC of the host', async () => {
  const seen = row('all frames of this file');
  const macs = async (...where: string[]) => {
    const shownLinks = await ip(...where, '-j', 'link', 'show');
    return (JSON.parse(shownLinks) as readonly { address: string }[]).map(({ address }) => address);
  };
  const isFrom = (line: string, senders: readonly string[]) =>
    senders.some((mac) => line.includes(` ${mac} > `));
  const firewall = await macs('-n', 'fw');
  const frames = (await daemonLog('capture'))
    .split('\n')
    .filter((line) => / > .*ethertype/.test(line) && !isFrom(line, firewall));
  expect(frames.length).toBeGreaterThan(20);
  expect(frames.filter((line) => !line.includes('vlan 500,'))).toEqual([]);
  const host = await macs();
  expect(frames.filter((line) => isFrom(line, host))).toEqual([]);
  seen.seen = `${frames.length} frames of containers, all of VLAN 500`;
  seen.leftovers = 0;
});

it('ip6tables drops what it forwards: IPv6 works, and the rule goes with the network', async () => {
  const seen = row('FORWARD of ip6tables is DROP');
  await run('modprobe', ['br_netfilter']);
  const rules = async () => (await run('ip6tables', ['-w', '-S'])).stdout;
  const before = await rules();
  // From engine 27 on Docker sets the policy itself, with its first network that has IPv6.
  await docker('network', 'create', '--ipv6', '--subnet', 'fd00:77::/64', 'other');
  const isDockers = (await rules()).includes('-P FORWARD DROP');
  if (!isDockers) await run('ip6tables', ['-w', '-P', 'FORWARD', 'DROP']);
  try {
    await lab('router-up', '500');
    await createSix('ipv6=auto', 'ipv6_patience=5s');
    await startBox();
    expect((await shown('box')).ipv6).toMatch(/^2001:db8:500:0:/);
    await until('the box reaches the office', () => reaches('box', OFFICE));
    const ours = (await rules()).split('\n').filter((line) => line.includes('vlandhcp'));
    expect(ours.length).toBeGreaterThan(0);
    await docker('rm', '-f', 'box');
    await docker('network', 'rm', 'six');
    expect(await rules()).not.toContain('vlandhcp');
    seen.seen = `policy of ${isDockers ? 'Docker' : 'the test'}; ${ours.length} rules, none in the end`;
  } finally {
    if (!isDockers) await run('ip6tables', ['-w', '-P', 'FORWARD', 'ACCEPT']);
  }
  await docker('network', 'rm', 'other');
  expect((await rules()).includes('vlandhcp')).toBe(before.includes('vlandhcp'));
  seen.leftovers = 0;
});
