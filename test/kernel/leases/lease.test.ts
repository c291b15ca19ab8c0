/**
 * The whole client on real links: packet socket, filter, machine, and a real server behind a
 * bridge, like at CreateEndpoint. Then the lease is kept over the bridge, as for a sandbox that
 * cannot be entered.
 */
import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { LeaseSite, MAC, subject } from '../../support/lab/lease-site.ts';
import { ip, until } from '../../support/lab/netns.ts';

let site: LeaseSite;
beforeEach(async () => {
  site = await LeaseSite.make();
});
afterEach(() => site.dispose());

function startKea(validLifetime: number): Promise<void> {
  const pool = { pool: '10.50.0.100-10.50.0.150' };
  const subnet = {
    ...{ id: 1, subnet: '10.50.0.0/24', interface: 'port1', pools: [pool] },
    'option-data': [{ name: 'routers', data: '10.50.0.1' }],
  };
  const Dhcp4 = {
    'interfaces-config': { interfaces: ['port1'] },
    'lease-database': { type: 'memfile', persist: false },
    'valid-lifetime': validLifetime,
    subnet4: [subnet],
    loggers: [
      { name: 'kea-dhcp4', severity: 'INFO', output_options: [{ output: 'stdout', flush: true }] },
    ],
  };
  writeFileSync(join(site.folder, 'kea.json'), JSON.stringify({ Dhcp4 }));
  return site.startServer(/DHCP4_STARTED/, ['kea-dhcp4', '-c', join(site.folder, 'kea.json')]);
}

describe('a lease over the container end, still in the host', () => {
  test('from dnsmasq, given back through the bridge', async () => {
    await site.startDnsmasq();
    const asked = subject({ hostName: 'asterisk' });
    const lease = await site.acquire(asked);
    expect(lease).toMatchObject({ prefixLength: 24, gateway: '10.50.0.1', serverId: '10.50.0.1' });
    expect(lease.address).toMatch(/^10\.50\.0\.1[0-5]\d$/);
    expect(site.printed()).toContain('client provides name: asterisk');
    site.leases.release(asked, undefined, 'br0');
    const released = `DHCPRELEASE(port1) ${lease.address} ${MAC}`;
    await until('the server took it back', () => site.printed().includes(released));
    expect(site.leases.size).toBe(0);
  });

  test('of the address asked for in option 50', async () => {
    await site.startDnsmasq();
    const asked = subject({ requestedAddress: '10.50.0.142' as never });
    expect((await site.acquire(asked)).address).toBe('10.50.0.142');
  });

  test('from Kea, whose replies are shorter than 300 bytes', async () => {
    await startKea(3600);
    expect(await site.acquire()).toMatchObject({ prefixLength: 24, gateway: '10.50.0.1' });
  });
});

test('a lease behind two tags, 802.1ad and 802.1Q, from dnsmasq, given back through the bridge', async () => {
  await site.dispose();
  site = await LeaseSite.make('10.500');
  await site.startDnsmasq();
  const asked = subject();
  const lease = await site.acquire(asked);
  expect(lease).toMatchObject({ prefixLength: 24, gateway: '10.50.0.1' });
  site.leases.release(asked, undefined, 'br0');
  const released = `DHCPRELEASE(port1.10.500) ${lease.address} ${MAC}`;
  await until('the server took it back', () => site.printed().includes(released));
});

test('a lease kept over the bridge is renewed there, although the link is not ours to speak from', async () => {
  await startKea(6);
  const lease = await site.acquire();
  site.leases.place('endpoint', { link: 'br0', promiscuous: true });
  await until('it is renewed twice', () => site.changes.length >= 2);
  expect(site.changes.every(({ change }) => change === 'renewed')).toBe(true);
  expect(site.changes[0]!.lease.address).toBe(lease.address);
});

describe('another host on the segment has the address (RFC 5227)', () => {
  /** The far kernel has the address: it answers for it, and asks with it. */
  const claim = (address: string) => ip(`-n ${site.farName} addr add ${address}/32 dev lo`);
  const askAs = (address: string) =>
    spawn('ip', [
      'netns',
      'exec',
      site.farName,
      'ping',
      '-c',
      '1',
      '-w',
      '1',
      '-I',
      address,
      '10.50.0.250',
    ]);

  test('its answer to our probe ends the attempt, with its MAC in the sentence', async () => {
    await site.startDnsmasq();
    claim('10.50.0.142');
    const asked = {
      ...subject({ requestedAddress: '10.50.0.142' as never }),
      acd: 'fast' as const,
    };
    const attempt = site.acquire(asked, 2_000);
    const [link] = JSON.parse(ip(`-n ${site.farName} -j link show port1`)) as { address: string }[];
    await expect(attempt).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: expect.stringContaining(
        `10.50.0.142 is in use by another host, MAC ${link!.address}`,
      ) as string,
    });
    expect(site.printed()).toContain(`DHCPDECLINE(port1) 10.50.0.142 ${MAC}`);
  });

  test('over the bridge, too, it is heard and answered', async () => {
    await site.startDnsmasq();
    const { address } = await site.acquire();
    site.leases.place('endpoint', { link: 'br0', promiscuous: true });
    claim(address);
    const warned = () => site.log.messages('warn');
    const asking = askAs(address);
    await until('it is heard', () => warned().length > 0);
    asking.kill('SIGKILL');
    expect(warned()[0]).toMatch(/another host (uses our address|has it)/);
  });
});
