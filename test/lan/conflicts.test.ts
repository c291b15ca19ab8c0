/**
 * Other hosts claim addresses or answer DHCP: a host with a manually set address, and a DHCP server
 * that nobody wants. ARP is real. dnsmasq is real, and leases the same address to the same MAC.
 */
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  attachment,
  captured,
  daemonLog,
  docker,
  dockerRefuses,
  firewallComesToReach,
  firewallReaches,
  ip,
  lab,
  run,
  startOnFirewall,
  until,
} from '../support/lab/lab.ts';
import { createFw500, site } from '../support/lab/site.ts';

const ODD_SERVER = fileURLToPath(
  new URL('../support/servers/odd-dhcp-server.mjs', import.meta.url),
);
const STRANGER_MAC = '02:00:00:00:99:99';

site();
afterEach(async () => {
  await run('ip', ['netns', 'delete', 'stranger']);
  await lab('capture-down');
});

/** Another host in VLAN 500. */
async function addStranger(address: string): Promise<void> {
  await ip('netns', 'add', 'stranger');
  await ip(
    ...['-n', 'fw', 'link', 'add', 'link', 'trunk.500', 'name', 'stranger'],
    ...['address', STRANGER_MAC, 'type', 'macvlan', 'mode', 'bridge'],
  );
  await ip('-n', 'fw', 'link', 'set', 'stranger', 'netns', 'stranger');
  await ip('-n', 'stranger', 'link', 'set', 'stranger', 'up');
  await giveStranger(address);
}

const giveStranger = (address: string) =>
  ip('-n', 'stranger', 'address', 'add', `${address}/24`, 'dev', 'stranger');

const runBox = (mac: string, network = 'fw500') =>
  docker('run', '-d', '--name', 'box', '--mac-address', mac, '--network', network, 'bb');
const addressesInside = () =>
  docker('exec', 'box', 'ip', '-4', '-o', 'addr', 'show', 'dev', 'eth0');

/** Finds the address that dnsmasq has for a MAC, by a container that is then removed. */
async function addressFor(mac: string): Promise<string> {
  await runBox(mac);
  const { address } = await attachment('box', 'fw500');
  await docker('rm', '-f', 'box');
  const released = `DHCPRELEASE(trunk.500) ${address} ${mac}`;
  await until('it is given back', async () => (await daemonLog('dhcp-dnsmasq')).includes(released));
  return address;
}

const wasDeclined = async (address: string, mac: string) =>
  (await daemonLog('dhcp-dnsmasq')).includes(`DHCPDECLINE(trunk.500) ${address} ${mac}`);

describe('an address that another host holds', () => {
  beforeEach(async () => {
    await lab('server-up', 'dnsmasq-no-ping', '500');
  });

  it.each([
    ['fast', '02:00:00:00:01:01'],
    ['full', '02:00:00:00:01:02'],
  ])('acd=%s: it is declined, and the container starts with another one', async (acd, mac) => {
    await createFw500(`acd=${acd}`, 'lease_timeout=25s', 'release=now');
    const taken = await addressFor(mac);
    await addStranger(taken);
    await runBox(mac);
    const { address } = await attachment('box', 'fw500');
    expect(address).not.toBe(taken);
    expect(await wasDeclined(taken, mac)).toBe(true);
    expect(await addressesInside()).toContain(address);
    await firewallComesToReach(address);
  });

  it('acd=optimistic: the start does not wait; the container moves to another one within seconds', async () => {
    const mac = '02:00:00:00:01:03';
    await createFw500('release=now');
    const taken = await addressFor(mac);
    await addStranger(taken);
    await runBox(mac);
    await until('it is declined', () => wasDeclined(taken, mac));
    await until(
      'the container has another address, and only that',
      async () => {
        const inside = await addressesInside();
        return inside.includes('inet 10.50.0.') && !inside.includes(`inet ${taken}/`);
      },
      60_000,
    );
    const moved = /inet (10\.50\.0\.\d+)/.exec(await addressesInside())![1]!;
    await until('the firewall reaches it', () => firewallReaches(moved));
  });

  it('acd=off: it is taken all the same', async () => {
    const mac = '02:00:00:00:01:04';
    await createFw500('acd=off', 'release=now');
    const taken = await addressFor(mac);
    await addStranger(taken);
    await runBox(mac);
    expect((await attachment('box', 'fw500')).address).toBe(taken);
    expect(await wasDeclined(taken, mac)).toBe(false);
  });

  it('asked for with ip=: docker run fails and names address and MAC of the other host', async () => {
    await createFw500('acd=fast', 'lease_timeout=4s');
    await addStranger('10.50.0.150');
    const network = 'name=fw500,driver-opt=ip=10.50.0.150';
    expect(await dockerRefuses('run', '-d', '--name', 'box', '--network', network, 'bb')).toContain(
      `10.50.0.150 is in use by another host, MAC ${STRANGER_MAC}, and no other address was leased on VLAN 500 of eth1`,
    );
  });

  it('taken by a host that comes later, on_conflict=leave: defended once, then given up for another (RFC 5227 §2.4)', async () => {
    const mac = '02:00:00:00:01:05';
    await lab('capture-up', 'arp');
    await createFw500('on_conflict=leave');
    await runBox(mac);
    const { address } = await attachment('box', 'fw500');
    const announcement = `who-has ${address} tell ${address}`;
    await until('it is announced', async () => (await captured(announcement)).length >= 2);
    await addStranger(address);
    // Each request of the stranger has the address as its sender.
    const stranger = startOnFirewall('ip', 'netns', 'exec', 'stranger', 'ping', '10.50.0.250');
    try {
      await until('the address is defended', async () =>
        (await daemonLog('vlandhcp')).includes('another host uses our address'),
      );
      await until('and then given up', () => wasDeclined(address, mac), 60_000);
    } finally {
      await stranger.stop();
    }
    await until(
      'the container has another address, and only that',
      async () => {
        const inside = await addressesInside();
        return inside.includes('inet 10.50.0.') && !inside.includes(`inet ${address}/`);
      },
      60_000,
    );
  });
});

describe('a DHCP server that nobody ordered', () => {
  const rogue = () =>
    startOnFirewall(
      ...['ip', 'netns', 'exec', 'stranger', 'node', ODD_SERVER, 'deaf'],
      ...['10.50.0.66', '10.50.0.255', '10.50.0.99'],
    );

  it('is ignored with dhcp_server=, reported once, and named when no other answers', async () => {
    await addStranger('10.50.0.66');
    const server = rogue();
    await until('the rogue listens', () => server.printed().includes('ready'));
    try {
      await createFw500('dhcp_server=10.50.0.1', 'lease_timeout=4s');
      expect(await dockerRefuses('run', '-d', '--net=fw500', 'bb')).toMatch(
        /none of the DHCP servers in dhcp_server \(10\.50\.0\.1\) answered on VLAN 500 .*; 10\.50\.0\.66 answered and is not in dhcp_server/,
      );
      await lab('server-up', 'dnsmasq-no-ping', '500');
      await runBox('02:00:00:00:01:06');
      expect((await attachment('box', 'fw500')).address).toMatch(/^10\.50\.0\.1\d\d$/);
      const reports = (await daemonLog('vlandhcp'))
        .split('\n')
        .filter((line) => line.includes('not in dhcp_server ignored'));
      expect(reports.length).toBeGreaterThan(0);
      expect(reports.every((line) => line.includes('10.50.0.66'))).toBe(true);
      expect(reports.length).toBeLessThanOrEqual(2); // one for each requested container
    } finally {
      await server.stop();
    }
  });
});

it('rapid_commit=true: the lease takes one round trip (RFC 4039)', async () => {
  const mac = '02:00:00:00:01:07';
  await lab('capture-up', 'udp port 67 or udp port 68');
  await lab('server-up', 'dnsmasq-no-ping', '500', '--', '--dhcp-rapid-commit');
  await createFw500('rapid_commit=true');
  await runBox(mac);
  const { address } = await attachment('box', 'fw500');
  await until('both frames were captured', async () => (await captured('BOOTP/DHCP')).length >= 2);
  const frames = await captured('BOOTP/DHCP');
  expect(frames).toHaveLength(2);
  expect(frames[0]).toContain(`Request from ${mac}`);
  expect(frames[1]).toContain('Reply');
  await firewallComesToReach(address);
});
