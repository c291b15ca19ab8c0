/**
 * Five real DHCP servers, each with its own habits (dhcp.md, table D). Each gives a container its
 * lease.
 */
import { afterEach, expect, it } from 'vitest';
import {
  attachment,
  daemonLog,
  docker,
  firewallComesToReach,
  lab,
  labWith,
  networkCommand,
  until,
} from '../support/lab/lab.ts';
import { site } from '../support/lab/site.ts';

site();
afterEach(async () => {
  await lab('capture-down');
});

it.each([
  ['dnsmasq', 'asks by ping for 3 s before it offers'],
  ['dnsmasq-no-ping', 'answers at once'],
  ['isc', 'asks by ping for 1 s before it offers'],
  ['kea', 'sends replies shorter than 300 bytes'],
  ['udhcpd', 'asks by ARP for 2 s, and broadcasts whatever the flag says'],
  ['embedded', 'is the demo server'],
])('%s, which %s, leases an address', async (kind) => {
  await lab('capture-up');
  await lab('server-up', kind, '500');
  await docker(...networkCommand('fw500'));
  await docker('run', '-d', '--name', 'box', '--net=fw500', 'bb');
  const { address, gateway } = await attachment('box', 'fw500');
  expect(address).toMatch(/^10\.50\.0\.1\d\d$/);
  expect(gateway).toBe('10.50.0.1');
  await firewallComesToReach(address);
});

// ISC dhcpd sends ARP to the client before it answers a RENEW. So the address must answer at the
// place from which the renewal comes.
it.each(['isc-no-ping', 'kea', 'udhcpd-no-arp'])(
  '%s renews a lease of 8 s by unicast from the container',
  async (kind) => {
    await lab('capture-up');
    await labWith({ LEASE: '8' }, 'server-up', kind, '500');
    await docker(...networkCommand('fw500'));
    await docker('run', '-d', '--name', 'box', '--net=fw500', 'bb');
    const { address, mac } = await attachment('box', 'fw500');
    const renewals = async () =>
      (await daemonLog('capture'))
        .split('\n')
        .filter(
          (line) => line.includes(`${mac} > `) && line.includes(`${address}.68 > 10.50.0.1.67`),
        );
    await until('two renewals were sent', async () => (await renewals()).length >= 2);
    expect(await daemonLog('vlandhcp')).toContain('lease renewed');
    await firewallComesToReach(address);
  },
);
