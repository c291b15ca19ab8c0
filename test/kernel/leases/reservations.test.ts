/**
 * What `docker vlandhcp lease KEY --reserve SERVER` prints, pasted into real servers: the container
 * gets the address. DHCPv6 servers check what they are given.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import {
  reservationLines,
  reservationOf,
  type Reservation,
} from '../../../cli/views/reservations.ts';
import { leaseEntry } from '../../support/fakes/lease-entries.ts';
import { LeaseSite, MAC, subject } from '../../support/lab/lease-site.ts';
import { run } from '../../support/lab/lab.ts';

let site: LeaseSite;
beforeAll(async () => {
  site = await LeaseSite.make();
});
afterEach(async () => {
  site.leases.close();
  await site.stopServer();
  file('leases', ''); // of dnsmasq, which gives nobody what somebody else has
});
afterAll(() => site.dispose());

const OF_MAC = '01:02:00:00:00:00:aa';
const OF_NAME = '00:70:62:78';
const DUID = '00:03:00:01:02:00:00:00:00:aa';
const ADDRESS6 = 'fd00:50::1234';

function reservation(
  clientId: string,
  parts: Parameters<typeof leaseEntry>[0] = {},
  hostName = 'pbx',
): Reservation {
  const isByClientId = clientId !== OF_MAC;
  const identity = { clientId, isByClientId, isStable: true, hostName, duid: DUID };
  const entry = leaseEntry({ mac: MAC, address: '10.50.0.23/24', identity, ...parts });
  const made = reservationOf(entry, { network: 'fw500', container: 'pbx' });
  if (made === undefined) throw new Error('nothing can be reserved');
  return made;
}

function file(name: string, text: string): string {
  const path = join(site.folder, name);
  writeFileSync(path, text);
  return path;
}

const START = {
  dnsmasq: (lines: string) => site.startDnsmasq(`--conf-file=${file('dnsmasq.conf', lines)}`),
  isc: (lines: string) => {
    const conf = `authoritative; ping-check false; ddns-update-style none; default-lease-time 3600;
subnet 10.50.0.0 netmask 255.255.255.0 { range 10.50.0.100 10.50.0.150; option routers 10.50.0.1; }
${lines}\n`;
    const [path, leases] = [file('dhcpd.conf', conf), file('dhcpd.leases', '')];
    return site.startServer(/Server starting service|Sending on {3}Socket/, [
      ...['dhcpd', '-4', '-f', '-d', '--no-pid', '-user', 'root', '-cf', path, '-lf', leases],
      'port1',
    ]);
  },
  kea: (lines: string) => {
    const conf = `{ "Dhcp4": { "interfaces-config": { "interfaces": ["port1"] },
"lease-database": { "type": "memfile", "persist": false }, "valid-lifetime": 3600, "authoritative": true,
"subnet4": [ { "id": 1, "subnet": "10.50.0.0/24", "interface": "port1",
  "pools": [ { "pool": "10.50.0.100-10.50.0.150" } ], "reservations": [ ${lines} ] } ],
"loggers": [ { "name": "kea-dhcp4", "severity": "INFO", "output_options": [ { "output": "stdout", "flush": true } ] } ] } }`;
    return site.startServer(/DHCP4_STARTED/, ['kea-dhcp4', '-c', file('kea.json', conf)]);
  },
} as const;

describe.each(['dnsmasq', 'isc', 'kea'] as const)('%s', (server) => {
  it.each([
    ['MAC', OF_MAC],
    ['client identifier', OF_NAME],
  ])('leases the reserved address by the %s, and to nobody else', async (_by, clientId) => {
    await START[server](reservationLines(server, [reservation(clientId)]));
    const octets = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(':', ''), 'hex'));
    const lease = await site.acquire(subject({ clientId: octets(clientId), hostName: 'pbx' }));
    expect(lease.address).toBe('10.50.0.23');
    site.leases.close();
    if (clientId === OF_MAC) return; // another client would need another MAC
    const other = await site.acquire(subject({ clientId: octets('00:71') }));
    expect(other.address).toMatch(/^10\.50\.0\.1[0-5]\d$/);
  });
});

it.each([
  ['dnsmasq', 'ignore'],
  ['dnsmasq', '45'],
  ['dnsmasq', 'x,ignore'],
  ['isc', '3-45'],
  ['isc', 'group'],
  ['isc', 'x"; } deny booting; #'],
  ['kea', 'x", "ip-address": "10.50.0.99'],
] as const)('%s: the name %j changes nothing else in the line', async (server, name) => {
  const made = reservation(OF_MAC, { address: '10.50.0.23/24' }, name);
  await START[server](reservationLines(server, [made]));
  const lease = await site.acquire(subject({ hostName: 'pbx' }));
  expect(lease.address).toBe('10.50.0.23');
  expect(lease.expiresAt - lease.requestedAt).toBeGreaterThan(3_000_000);
});

describe('DHCPv6', () => {
  const lease = { server: DUID, renewsAt: '', expiresAt: '', dnsServers: [], domainSearch: [] };
  const lines = (server: 'dnsmasq' | 'isc' | 'kea') => {
    const ipv6 = { address: `${ADDRESS6}/128`, from: 'dhcp' as const, lease };
    return reservationLines(server, [reservation(OF_MAC, { ipv6, isIpv6Only: true })]);
  };

  it('dnsmasq takes the line', async () => {
    const path = file('dnsmasq6.conf', `dhcp-range=fd00:50::,static\n${lines('dnsmasq')}\n`);
    const { stderr } = await run('dnsmasq', ['--test', `--conf-file=${path}`]);
    expect(stderr).toContain('syntax check OK');
  });

  it('ISC dhcpd takes the line', async () => {
    const conf = `subnet6 fd00:50::/64 { range6 fd00:50::100 fd00:50::200; }\n${lines('isc')}\n`;
    const { status, stderr } = await run('dhcpd', ['-6', '-t', '-cf', file('dhcpd6.conf', conf)]);
    expect([status, stderr]).toEqual([0, expect.not.stringContaining('error')]);
  });

  it('Kea takes the line', async () => {
    const conf = `{ "Dhcp6": { "interfaces-config": { "interfaces": [] },
"subnet6": [ { "id": 1, "subnet": "fd00:50::/64", "reservations": [ ${lines('kea')} ] } ] } }`;
    const { status, stdout, stderr } = await run('kea-dhcp6', ['-t', file('kea6.json', conf)]);
    expect([status, `${stdout}${stderr}`]).toEqual([0, expect.not.stringContaining('ERROR')]);
  });
});
