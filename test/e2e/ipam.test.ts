/**
 * Our IPAM driver under our own network driver and under Docker's: every way to write it, ten containers each.
 * README's table of addressing modes says which; here each of its rows is run.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  attachment,
  docker,
  firewallComesToReach,
  ip,
  lab,
  labWith,
  removeAllContainersAndNetworks,
  run,
  until,
} from '../support/lab.ts';

const TEN = Array.from({ length: 10 }, (_, i) => `box${i}`);

beforeAll(async () => {
  await lab('trunk-up');
  await lab('server-up', 'dnsmasq-no-ping', '500', '600');
});
afterAll(async () => {
  for (const piece of ['server-down', 'trunk-down']) await lab(piece);
});
const POOL = ['--ipam-driver', 'vlandhcp', '--ipam-opt', 'parent=eth1', '--ipam-opt', 'vlan=500'];
const BRIDGE = 'com.docker.network.bridge';

/** A bridge on the VLAN, made by hand, as Docker's bridge driver wants it. */
async function bridgeByHand(): Promise<void> {
  await ip('link', 'add', 'link', 'eth1', 'name', 'eth1.500', 'type', 'vlan', 'id', '500');
  await ip('link', 'add', 'br500', 'type', 'bridge', 'forward_delay', '0');
  await ip('link', 'set', 'eth1.500', 'master', 'br500', 'up');
  await ip('link', 'set', 'br500', 'up');
}

async function noBridge(): Promise<void> {
  await run('ip', ['link', 'delete', 'br500']);
  await run('ip', ['link', 'delete', 'eth1.500']);
}

const MODES = [
  {
    title: 'our driver, with the subnet that a server told',
    words: ['-d', 'vlandhcp', ...POOL],
  },
  {
    title: 'our driver, with --subnet, parent and VLAN by -o',
    words: [
      ...['-d', 'vlandhcp', '--ipam-driver', 'vlandhcp', '-o', 'parent=eth1', '-o', 'vlan=500'],
      ...['--subnet', '10.50.0.0/24', '--gateway', '10.50.0.1'],
    ],
  },
  {
    title: "Docker's macvlan",
    words: ['-d', 'macvlan', '-o', 'parent=eth1.500', ...POOL],
  },
  {
    title: "Docker's bridge",
    words: [
      ...['-d', 'bridge', '-o', `${BRIDGE}.name=br500`, '-o', `${BRIDGE}.inhibit_ipv4=true`],
      ...['-o', `${BRIDGE}.enable_ip_masquerade=false`, ...POOL],
    ],
    before: bridgeByHand,
    after: noBridge,
  },
  {
    title: "Docker's ipvlan, which needs IPAM_REQUIRE_MAC=false",
    words: ['-d', 'ipvlan', '-o', 'parent=eth1.500', ...POOL],
    settings: { IPAM_REQUIRE_MAC: 'false' },
  },
];

/** What Docker says of them, checked against what they have. */
async function addressesOf(network: string, names: readonly string[]): Promise<string[]> {
  const seen = [];
  for (const name of names) {
    const { address, prefixLength, gateway } = await attachment(name, network);
    const inside = await docker('exec', name, 'sh', '-c', 'ip -4 addr show dev eth0; ip route');
    expect(inside).toContain(` ${address}/${prefixLength} `);
    expect(inside).toContain(`default via ${gateway} dev eth0`);
    seen.push(address);
  }
  return seen;
}

async function reachAll(addresses: readonly string[]): Promise<void> {
  await Promise.all(addresses.map((address) => firewallComesToReach(address)));
}

/** The server's own list of addresses that somebody has. */
async function leasesAtServer(): Promise<string[]> {
  const lines = (await lab('leases')).split('\n').filter((line) => line.includes('10.50.0.'));
  return lines.map((line) => line.split(' ')[2] ?? '').sort();
}

describe.each(MODES)('$title', ({ words, before, after, settings }) => {
  let addresses: string[] = [];
  let linksBefore = '';
  beforeAll(async () => {
    await labWith(settings ?? {}, 'service-up');
    // dockerd asks once what an IPAM driver requires.
    await lab('engine-up', '--live-restore');
    linksBefore = await lab('links');
    await before?.();
  });
  afterAll(async () => {
    await removeAllContainersAndNetworks();
    await after?.();
    await until('the links are as before', async () => (await lab('links')) === linksBefore);
    await lab('engine-down');
    await lab('service-down');
  });

  it('ten containers have ten leases, and Docker shows subnet and gateway', async () => {
    await docker('network', 'create', ...words, 'fw500');
    const config = await docker('network', 'inspect', '-f', '{{json .IPAM.Config}}', 'fw500');
    expect(JSON.parse(config)).toMatchObject([{ Subnet: '10.50.0.0/24', Gateway: '10.50.0.1' }]);
    for (const name of TEN) await docker('run', '-d', '--name', name, '--net=fw500', 'bb');
    addresses = await addressesOf('fw500', TEN);
    expect(new Set(addresses).size).toBe(10);
    expect(await leasesAtServer()).toEqual(addresses.toSorted());
    await reachAll(addresses);
  });

  it('the plugin is killed and comes back: all keep their addresses', async () => {
    await lab('service-kill');
    await labWith(settings ?? {}, 'service-up');
    expect(await addressesOf('fw500', TEN)).toEqual(addresses);
    await reachAll(addresses);
    expect(await leasesAtServer()).toEqual(addresses.toSorted());
  });

  it('dockerd restarts under live-restore: all keep their addresses', async () => {
    await lab('engine-down');
    await lab('engine-up', '--live-restore');
    expect(await addressesOf('fw500', TEN)).toEqual(addresses);
    await reachAll(addresses);
    expect(await leasesAtServer()).toEqual(addresses.toSorted());
  });

  it('what a container had is given back when it is gone', async () => {
    await docker('rm', '-f', ...TEN);
    await docker('network', 'rm', 'fw500');
    await until('the leases are given back', async () => (await leasesAtServer()).length === 0);
  });
});
