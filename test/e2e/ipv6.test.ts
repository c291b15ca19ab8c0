/**
 * IPv6 on a real engine, kernel, router and DHCPv6 server: the address is there at the container's
 * first instruction, the default route comes by the router's advertisement.
 */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { removeAllContainersAndNetworks } from '../support/lab/engine.ts';
import {
  createSix,
  inside,
  madeOf,
  OFFICE,
  reaches as reachesFrom,
  shown,
} from '../support/modes/ipv6-acceptance.ts';
import { callPlugin, docker, lab, output, until } from '../support/lab/lab.ts';
import { site } from '../support/lab/site.ts';

site({});

const SLAAC = ['--enable-ra', '--dhcp-range=2001:db8:500::,slaac,64,600'];
const STATEFUL = [
  '--enable-ra',
  '--dhcp-range=2001:db8:500::100,2001:db8:500::1ff,64,600',
  '--dhcp-option=option6:dns-server,[2001:db8:500::1]',
];

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

const inBox = (...command: string[]) => inside('box', ...command);
const reaches = (address: string) => reachesFrom('box', address);

describe('-o ipv6=auto', () => {
  it('a prefix: the container has its address and a default route, and reaches the office', async () => {
    await lab('server-up', 'dnsmasq-no-ping', '500', '--', ...SLAAC);
    await createSix('ipv6=auto');
    const first = await output('docker', [
      'run',
      '--name',
      'first',
      '--net=six',
      'bb',
      'ip',
      '-6',
      'addr',
      'show',
      'dev',
      'eth0',
    ]);
    expect(first).toMatch(/inet6 2001:db8:500:0?:[0-9a-f:]+\/64/);
    await docker('run', '-d', '--name', 'box', '--net=six', 'bb');
    const { ipv6, mac } = await shown('box');
    expect(ipv6).toBe(madeOf(mac));
    await until('the box reaches the office', () => reaches(OFFICE));
    const routes = await inBox('ip', '-6', 'route');
    expect(routes).toMatch(/default via fe80::[0-9a-f:]+ dev eth0 .*metric 2048/);
  });

  it('a managed VLAN: the container has the address of the server, with its lifetimes', async () => {
    await lab('server-up', 'dnsmasq-no-ping', '500', '--', ...STATEFUL);
    await createSix('ipv6=auto');
    await docker('run', '-d', '--name', 'box', '--net=six', 'bb');
    const { ipv6: address } = await shown('box');
    expect(address).toMatch(/^2001:db8:500::1[0-9a-f]{2}$/);
    await until('the box reaches the office', () => reaches(OFFICE));
    await until('the address ends with its lease', async () =>
      /2001:db8:500::1[0-9a-f]{2}\/128[^]*valid_lft [0-9]+sec/.test(
        await inBox('ip', '-6', 'addr', 'show', 'dev', 'eth0'),
      ),
    );
  });
});

describe('what IPv6 does not do to IPv4', () => {
  it('no router: the container starts with IPv4, and gets IPv6 when a router comes', async () => {
    await lab('server-up', 'dnsmasq-no-ping', '500');
    await createSix('ipv6=auto', 'ipv6_patience=0');
    await docker('run', '-d', '--name', 'box', '--net=six', 'bb');
    expect((await shown('box')).ipv6).toBe('');
    await lab('server-down');
    await lab('server-up', 'dnsmasq-no-ping', '500', '--', ...SLAAC);
    await until('the box reaches the office', () => reaches(OFFICE));
    expect(await inBox('ip', '-6', 'addr', 'show', 'dev', 'eth0')).toMatch(/2001:db8:500:/);
  });

  it('a lease with an MTU that no link with IPv6 may have: the container starts, and says why it has none', async () => {
    await lab('server-up', 'dnsmasq-no-ping', '500', '--', ...SLAAC, '--dhcp-option=26,1200');
    await createSix('ipv6=auto');
    await docker('run', '-d', '--name', 'box', '--net=six', 'bb');
    expect((await shown('box')).ipv6).toBe('');
    expect(await inBox('cat', '/sys/class/net/eth0/mtu')).toBe('1200');
  });

  it('a DHCPv6 server that comes a minute later: the running container gets its lease', async () => {
    await lab('server-up', 'dnsmasq-no-ping', '500');
    await createSix('ipv6=dhcp', 'ipv6_patience=0');
    await docker('run', '-d', '--name', 'box', '--net=six', 'bb');
    expect((await shown('box')).ipv6).toBe('');
    await lab('server-down');
    await lab('server-up', 'dnsmasq-no-ping', '500', '--', ...STATEFUL);
    await until('the box reaches the office', () => reaches(OFFICE), 120_000);
    expect(await inBox('ip', '-6', 'addr', 'show', 'dev', 'eth0')).toMatch(/2001:db8:500::1/);
    expect(await inBox('cat', '/proc/sys/net/ipv6/conf/eth0/accept_dad')).toBe('1');
  });
});

describe('the address of a DHCPv6 server', () => {
  it('stays with id= and over a kill of the plugin, and goes back with its container', async () => {
    await lab('server-up', 'dnsmasq-no-ping', '500', '--', ...STATEFUL);
    await createSix('ipv6=dhcp', 'ipv6_patience=5s');
    const start = () =>
      docker('run', '-d', '--name', 'box', '--network', 'name=six,driver-opt=id=pbx', 'bb');
    await start();
    const { ipv6: address } = await shown('box');
    expect(address).toMatch(/^2001:db8:500::1[0-9a-f]{2}$/);
    await lab('service-kill');
    await lab('service-up');
    await until('the box reaches the office', () => reaches(OFFICE));
    const { networks } = (await callPlugin('VlanDhcp.Status', {})) as unknown as {
      networks: readonly { endpoints: readonly { ipv6?: object }[] }[];
    };
    expect(networks[0]?.endpoints[0]?.ipv6).toMatchObject({
      address: `${address}/128`,
      from: 'dhcp',
    });
    await docker('rm', '-f', 'box');
    await start();
    expect((await shown('box')).ipv6).toBe(address);
    await docker('rm', '-f', 'box');
    await docker('run', '-d', '--name', 'other', '--net=six', 'bb');
    const other = (await shown('other')).ipv6;
    expect(await lab('leases')).toContain(other);
    await docker('rm', '-f', 'other');
    await until('the server has it back', async () => !(await lab('leases')).includes(other));
  });
});

describe('mode=macvlan', () => {
  it.each([
    ['a prefix', SLAAC, /^2001:db8:500:0:/],
    ['a managed VLAN', STATEFUL, /^2001:db8:500::1[0-9a-f]{2}$/],
  ])('%s: address, route, office', async (_what, flags, expected) => {
    await lab('server-up', 'dnsmasq-no-ping', '500', '--', ...flags);
    await createSix('ipv6=auto', 'mode=macvlan');
    await docker('run', '-d', '--name', 'box', '--net=six', 'bb');
    expect((await shown('box')).ipv6).toMatch(expected);
    await until('the box reaches the office', () => reaches(OFFICE));
  });
});

it('with our IPAM: both addresses, and --ip is kept', async () => {
  await lab('server-up', 'dnsmasq-no-ping', '500', '--', ...STATEFUL);
  const ipam = ['--ipam-driver', 'vlandhcp', '--subnet', '10.50.0.0/24'];
  const options = ['parent=eth1', 'vlan=500', 'ipv6=auto'].flatMap((option) => ['-o', option]);
  await docker('network', 'create', '-d', 'vlandhcp', ...ipam, ...options, 'six');
  await docker('run', '-d', '--name', 'box', '--net=six', '--ip', '10.50.0.150', 'bb');
  expect((await shown('box')).ipv6).toMatch(/^2001:db8:500::1[0-9a-f]{2}$/);
  expect(await inBox('ip', '-4', 'addr', 'show', 'dev', 'eth0')).toContain('10.50.0.150/24');
  await until('the box reaches the office', () => reaches(OFFICE));
});

it('with our IPAM and an IPv6 subnet: Docker shows what the container has, and takes --ip6', async () => {
  await lab('server-up', 'dnsmasq-no-ping', '500', '--', ...STATEFUL);
  const subnets = ['--subnet', '10.50.0.0/24', '--ipv6', '--subnet', '2001:db8:500::/64'];
  const options = ['parent=eth1', 'vlan=500'].flatMap((option) => ['-o', option]);
  const words = ['-d', 'vlandhcp', '--ipam-driver', 'vlandhcp', ...subnets, ...options];
  await docker('network', 'create', ...words, 'six');
  await docker('run', '-d', '--name', 'other', '--net=six', 'bb');
  const { ipv6: address } = await shown('other');
  expect(address).toMatch(/^2001:db8:500::1[0-9a-f]{2}$/);
  expect(await lab('leases')).toContain(address);
  await docker('run', '-d', '--name', 'box', '--net=six', '--ip6', '2001:db8:500::77', 'bb');
  expect((await shown('box')).ipv6).toBe('2001:db8:500::77');
  await until('the box reaches the office', () => reaches(OFFICE));
});
