/** IPv6 subnets with our IPAM driver: our networks, and Docker's macvlan, on a real engine. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { removeAllContainersAndNetworks } from '../support/lab/engine.ts';
import { docker, dockerRefuses, lab, output, run, until } from '../support/lab/lab.ts';
import { site } from '../support/lab/site.ts';

site({});

const SLAAC = ['--enable-ra', '--dhcp-range=2001:db8:500::,slaac,64,600'];
const STATEFUL = ['--enable-ra', '--dhcp-range=2001:db8:500::100,2001:db8:500::1ff,64,600'];
const OFFICE = '2001:db8:99::2';
const MAC = '02:00:00:00:04:66';
const MADE_OF_MAC = '2001:db8:500::ff:fe00:466';

beforeAll(async () => {
  await lab('ipv6-up', '500');
});

afterEach(async () => {
  await removeAllContainersAndNetworks(); // while the server still takes their leases back
  await lab('server-down');
});

afterAll(async () => {
  await lab('ipv6-down', '500');
});

const routers = (...flags: string[]) => lab('server-up', 'dnsmasq-no-ping', '500', '--', ...flags);
const SUBNETS = ['--ipv6', '--subnet', '10.50.0.0/24', '--gateway', '10.50.0.1'];
const SIX = ['--subnet', '2001:db8:500::/64'];
const IPAM = ['--ipam-driver', 'vlandhcp'];
const SEGMENT = ['--ipam-opt', 'parent=eth1', '--ipam-opt', 'vlan=500'];
const ours = (...words: string[]) =>
  docker('network', 'create', '-d', 'vlandhcp', ...IPAM, ...SUBNETS, ...SIX, ...words, 'six');
const macvlan = (...words: string[]) =>
  docker(
    ...['network', 'create', '-d', 'macvlan', '-o', 'parent=eth1.500', ...IPAM, ...SUBNETS],
    ...[...SIX, ...SEGMENT, ...words, 'six'],
  );
const OURS = ['-o', 'parent=eth1', '-o', 'vlan=500'];
const start = (name: string, ...words: string[]) =>
  docker('run', '-d', '--name', name, '--net=six', ...words, 'bb');

const shown = async (name: string, field = 'GlobalIPv6Address') =>
  (
    await output('docker', [
      ...['inspect', '-f', `{{range .NetworkSettings.Networks}}{{.${field}}}{{end}}`, name],
    ])
  ).trim();
const addressesIn = async (name: string) =>
  (
    await output('docker', [
      'exec',
      name,
      'ip',
      '-6',
      'addr',
      'show',
      'dev',
      'eth0',
      'scope',
      'global',
    ])
  )
    .split('\n')
    .flatMap((line) => /inet6 (\S+)/.exec(line)?.[1] ?? []);
const reachesOffice = (name: string) =>
  until(`${name} reaches the office`, async () => {
    const ping = ['exec', name, 'ping', '-6', '-c', '1', '-W', '1', OFFICE];
    return (await run('docker', ping)).status === 0;
  });

describe('a network of ours', () => {
  it('a prefix: Docker shows the address of subnet and MAC, the container has it, and keeps it', async () => {
    await routers(...SLAAC);
    await ours(...OURS);
    await start('box', '--mac-address', MAC);
    expect([await shown('box'), await addressesIn('box')]).toEqual([
      MADE_OF_MAC,
      [`${MADE_OF_MAC}/64`],
    ]);
    await reachesOffice('box');
    await docker('restart', '-t', '0', 'box');
    await lab('service-kill');
    await lab('service-up');
    expect(await addressesIn('box')).toEqual([`${MADE_OF_MAC}/64`]);
    await reachesOffice('box');
  });

  it('--ip6: that address and no other, for one container alone', async () => {
    await routers(...SLAAC);
    await ours(...SEGMENT);
    await start('box', '--ip6', '2001:db8:500::77');
    await reachesOffice('box');
    expect([await shown('box'), await addressesIn('box')]).toEqual([
      '2001:db8:500::77',
      ['2001:db8:500::77/64'],
    ]);
    expect(
      await dockerRefuses('run', '--rm', '--net=six', '--ip6', '2001:db8:500::77', 'bb'),
    ).toMatch(/--ip6 2001:db8:500::77 belongs to another container of this host, MAC /);
    const leased = await lab('leases');
    expect(leased.split('\n').filter((line) => line.includes(' 10.50.0.'))).toHaveLength(1);
  });

  it('ipv6=dhcp: the lease of the server, with its lifetimes, and it goes back', async () => {
    await routers(...STATEFUL);
    await ours(...OURS, '-o', 'ipv6=dhcp', '-o', 'ipv6_patience=5s', '-o', 'release=now');
    await start('box');
    const address = await shown('box');
    expect(address).toMatch(/^2001:db8:500::1[0-9a-f]{2}$/);
    expect(await addressesIn('box')).toEqual([`${address}/128`]);
    expect(await lab('leases')).toContain(address);
    await reachesOffice('box');
    await docker('rm', '-f', 'box');
    await until('the server has it back', async () => !(await lab('leases')).includes(address));
  });

  it('no router and no DHCPv6 server: the start has its addresses all the same', async () => {
    await routers();
    await ours(...OURS, '-o', 'ipv6=dhcp', '-o', 'ipv6_patience=0');
    await start('box', '--mac-address', MAC);
    expect([await shown('box'), await addressesIn('box')]).toEqual([
      MADE_OF_MAC,
      [`${MADE_OF_MAC}/64`],
    ]);
  });

  it('--ipv6 without the prefix is refused', async () => {
    await routers();
    const words = ['-d', 'vlandhcp', ...IPAM, ...SUBNETS, ...OURS];
    expect(await dockerRefuses('network', 'create', ...words, 'six')).toMatch(
      /needs the VLAN's prefix, such as --subnet 2001:db8:500::\/64/,
    );
  });
});

describe("Docker's macvlan", () => {
  it('a prefix: the address of subnet and MAC, with the router that answered', async () => {
    await routers(...SLAAC);
    await macvlan();
    await start('box', '--mac-address', MAC);
    expect([await shown('box'), await addressesIn('box')]).toEqual([
      MADE_OF_MAC,
      [`${MADE_OF_MAC}/64`],
    ]);
    expect(await shown('box', 'IPv6Gateway')).toMatch(/^fe80::/);
    await reachesOffice('box');
  });

  it('--ip6 is what the container has; ipv6=dhcp is refused', async () => {
    await routers(...SLAAC);
    await macvlan();
    await start('box', '--ip6', '2001:db8:500::77');
    expect(await addressesIn('box')).toContain('2001:db8:500::77/64');
    await docker('rm', '-f', 'box');
    await docker('network', 'rm', 'six');
    await macvlan('--ipam-opt', 'ipv6=dhcp');
    expect(await dockerRefuses('run', '--rm', '--net=six', 'bb')).toMatch(
      /ipv6=dhcp needs a network of vlandhcp/,
    );
    expect(await lab('leases')).not.toContain(' 10.50.0.');
  });
});
