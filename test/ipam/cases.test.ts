/** Requests to the IPAM driver that are allowed, and its faults, on a real engine. */
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import {
  attachment,
  captured,
  docker,
  dockerRefuses,
  firewallComesToReach,
  ip,
  lab,
  labWith,
  leases,
  run,
  startOnFirewall,
  until,
} from '../support/lab/lab.ts';
import { site } from '../support/lab/site.ts';

const ODD_SERVER = fileURLToPath(
  new URL('../support/servers/odd-dhcp-server.mjs', import.meta.url),
);
const MAC = '02:00:00:00:04:77';
/** With this setting an address is known to be a container's after 2 s. */
const SOON = { JOIN_TIMEOUT: '2' };

const { leftLinks } = site({ settings: SOON });

const dnsmasq = (...options: string[]) =>
  lab('server-up', 'dnsmasq-no-ping', '500', '600', '--', ...options);
const IPAM = ['--ipam-driver', 'vlandhcp'];
const segment = (vlan: number) => ['--ipam-opt', 'parent=eth1', '--ipam-opt', `vlan=${vlan}`];
const SUBNET = ['--subnet', '10.50.0.0/24', '--gateway', '10.50.0.1'];
const ours = (...words: string[]) => ['network', 'create', '-d', 'vlandhcp', ...IPAM, ...words];
const macvlan = (vlan: number, ...words: string[]) => [
  ...['network', 'create', '-d', 'macvlan', '-o', `parent=eth1.${vlan}`, ...IPAM],
  ...[...segment(vlan), ...words],
];
const box = (...words: string[]) => ['run', '-d', '--name', 'box', '--net=fw500', ...words, 'bb'];

async function leaseOf(address: string): Promise<string> {
  const lines = (await leases()).split('\n');
  return lines.find((line) => line.split(' ')[2] === address) ?? '';
}

const DRIVERS = [
  { driver: 'our driver', make: (...words: string[]) => ours(...segment(500), ...words) },
  { driver: "Docker's macvlan", make: (...words: string[]) => macvlan(500, ...words) },
];

describe.each(DRIVERS)('$driver', ({ make }) => {
  it('--ip is what the server leases', async () => {
    await dnsmasq();
    await docker(...make(...SUBNET), 'fw500');
    await docker(...box('--ip', '10.50.0.123'));
    const { address, mac } = await attachment('box', 'fw500');
    expect(address).toBe('10.50.0.123');
    expect(await leaseOf(address)).toContain(mac);
    await firewallComesToReach(address);
    await docker('run', '-d', '--name', 'second', '--net=fw500', 'bb');
    expect(await dockerRefuses('run', '--rm', '--net=fw500', '--ip', '10.50.0.123', 'bb')).toMatch(
      /10\.50\.0\.123 belongs to another container|Address already in use/,
    );
  });

  it('--ip that the server does not lease is refused, and nothing is left behind', async () => {
    await dnsmasq(`--dhcp-host=${MAC},10.50.0.177`);
    await docker(...make(...SUBNET, '--ipam-opt', 'lease_timeout=3s'), 'fw500');
    expect(await dockerRefuses(...box('--ip', '10.50.0.177'))).toMatch(
      /no DHCP server offered 10\.50\.0\.177 .*the server has 10\.50\.0\.1\d\d/,
    );
    expect(await leases()).not.toContain('10.50.0.');
  });

  it('a container with --mac-address keeps its address when it, or dockerd, is restarted', async () => {
    await dnsmasq();
    await docker(...make(), 'fw500');
    await docker(...box('--mac-address', MAC, '--restart=always'));
    const { address, mac } = await attachment('box', 'fw500');
    expect(mac).toBe(MAC);
    await docker('restart', '-t', '1', 'box');
    expect(await attachment('box', 'fw500')).toMatchObject({ address });
    await lab('engine-down');
    await lab('engine-up');
    await until('the container is back', async () => (await docker('ps', '-q')) !== '');
    expect(await attachment('box', 'fw500')).toMatchObject({ address });
    await firewallComesToReach(address);
  });

  it('dockerd is killed: the container comes back with its address', async () => {
    await dnsmasq();
    await docker(...make(), 'fw500');
    await docker(...box('--mac-address', MAC, '--restart=always'));
    const { address } = await attachment('box', 'fw500');
    await lab('engine-kill');
    await lab('engine-up');
    await until('the container is back', async () => (await docker('ps', '-q')) !== '');
    expect(await attachment('box', 'fw500')).toMatchObject({ address });
    await firewallComesToReach(address);
  });

  it('a lease is renewed for as long as the container runs', async () => {
    await labWith({ LEASE: '6' }, 'server-up', 'isc-no-ping', '500');
    await docker(...make(), 'fw500');
    await docker(...box());
    const { address, mac } = await attachment('box', 'fw500');
    await lab('capture-up', 'udp', 'port', '67');
    const answers = async () => (await captured(`> ${mac}`)).filter((l) => l.includes('Reply'));
    await until('it was renewed three times', async () => (await answers()).length >= 3);
    const sent = (await captured(`${mac} > `)).filter((line) => line.includes('Request'));
    await lab('capture-down');
    expect(sent.length).toBeGreaterThan(0);
    // A DISCOVER or a REBINDING would be a broadcast. A renewal goes from the address to its
    // server.
    for (const line of sent)
      expect(line).toMatch(/vlan 500,.* 10\.50\.0\.1\d\d\.68 > 10\.50\.0\.1\.67:/);
    await firewallComesToReach(address);
  });

  it('a subnet that is not the one the server serves is refused when a container starts', async () => {
    await dnsmasq();
    const other = ['--subnet', '10.77.0.0/24', '--gateway', '10.77.0.1'];
    await docker(...make(...other, '--ipam-opt', 'lease_timeout=3s'), 'fw500');
    expect(await dockerRefuses(...box())).toMatch(
      /no DHCP server offered an address of this network \(10\.77\.0\.0\/24\) on VLAN 500 of eth1 .*the server has 10\.50\.0\.1\d\d for this client/,
    );
    await docker('network', 'rm', 'fw500').catch(() => undefined);
    expect(await leases()).not.toContain('10.50.0.');
  });

  it('a mask that is not the one the server names is refused', async () => {
    await dnsmasq();
    await docker(...make('--subnet', '10.50.0.0/23', '--gateway', '10.50.0.1'), 'fw500');
    expect(await dockerRefuses(...box())).toMatch(
      /leased 10\.50\.0\.1\d\d\/24, but the network's subnet is 10\.50\.0\.0\/23; create it with --subnet 10\.50\.0\.0\/24/,
    );
    await until('it is given back', async () => !(await leases()).includes('10.50.0.'));
  });

  it('offers outside --ip-range are refused', async () => {
    await dnsmasq();
    const range = ['--ip-range', '10.50.0.8/29', '--ipam-opt', 'lease_timeout=3s'];
    await docker(...make(...SUBNET, ...range), 'fw500');
    expect(await dockerRefuses(...box())).toMatch(
      /no DHCP server offered an address of this network \(10\.50\.0\.0\/24, range 10\.50\.0\.8\/29\)/,
    );
  });

  it('an address that --aux-address reserves is not leased to a container', async () => {
    await dnsmasq(`--dhcp-host=${MAC},10.50.0.177`);
    const aux = ['--aux-address', 'printer=10.50.0.177', '--ipam-opt', 'lease_timeout=3s'];
    await docker(...make(...SUBNET, ...aux), 'fw500');
    expect(await dockerRefuses(...box('--mac-address', MAC))).toMatch(
      /no DHCP server offered an address of this network \(10\.50\.0\.0\/24, not 10\.50\.0\.177\)/,
    );
  });

  it('a server that has no address left is a clear failure', async () => {
    await dnsmasq('--dhcp-lease-max=1');
    await docker(...make('--ipam-opt', 'lease_timeout=3s'), 'fw500');
    await docker(...box());
    expect(await dockerRefuses('run', '--rm', '--net=fw500', 'bb')).toMatch(
      /refused every request \(NAK\) on VLAN 500 of eth1 in 3 s: .*the server says "no leases left"/,
    );
  });

  it('a server that refuses is named', async () => {
    const server = startOnFirewall(
      'node',
      ODD_SERVER,
      'refuse',
      '10.50.0.1',
      '10.50.0.255',
      '10.50.0.99',
    );
    await until('the odd server listens', () => server.printed().includes('ready'));
    try {
      await docker(...make(...SUBNET, '--ipam-opt', 'lease_timeout=3s'), 'fw500');
      expect(await dockerRefuses(...box())).toMatch(/refused every request \(NAK\).*"not today"/);
    } finally {
      await server.stop();
    }
  });
});

describe('docker network create', () => {
  it('without a server fails fast and says what to do; --subnet needs none', async () => {
    expect(await dockerRefuses(...ours(...segment(500), 'fw500'))).toMatch(
      /no DHCP server answered on VLAN 500 of eth1 in [\d.]+ s: sent [2-4] DISCOVER .*heard nothing; check that .*tagged.*--subnet/,
    );
    expect(await leftLinks()).toEqual([]);
    await docker(...ours(...segment(500), ...SUBNET, 'fw500'));
  });

  it('on the wrong VLAN names the one close by that has a server, and leaves no link', async () => {
    await dnsmasq();
    const wrong = ours(...segment(501), '--ipam-opt', 'lease_timeout=2s', 'fw501');
    expect(await dockerRefuses(...wrong)).toMatch(
      /no DHCP server answered on VLAN 501 of eth1 .*these DHCP servers answer: 10\.50\.0\.1 on VLAN 500 of eth1/,
    );
    expect(await leftLinks()).toEqual([]);
  });

  it('without a server takes the subnet of a network on the same VLAN', async () => {
    await dnsmasq();
    await docker(...ours(...segment(500), 'fw500'));
    await lab('server-down');
    await docker(...ours(...segment(500), 'again'));
    const config = await docker('network', 'inspect', '-f', '{{json .IPAM.Config}}', 'again');
    expect(JSON.parse(config)).toMatchObject([{ Subnet: '10.50.0.0/24', Gateway: '10.50.0.1' }]);
  });

  it.each([
    {
      what: 'no parent for the pool',
      words: ours('-o', 'parent=eth1', '-o', 'vlan=500', 'fw500'),
      says: /add --ipam-opt parent=LINK --ipam-opt vlan=ID/,
    },
    {
      what: 'contradicting options',
      words: ours(...segment(500), '-o', 'vlan=600', ...SUBNET, 'fw500'),
      says: /-o vlan=600 contradicts --ipam-opt vlan=500/,
    },
    {
      what: 'an unknown option',
      words: ours(...segment(500), '--ipam-opt', 'colour=red', ...SUBNET, 'fw500'),
      says: /--ipam-opt colour=red is unknown|--ipam-opt colour is unknown/,
    },
    {
      what: 'an IPv6 subnet without room for the MAC',
      words: ours(...segment(500), ...SUBNET, '--ipv6', '--subnet', 'fd00:50::/96', 'fw500'),
      says: /--subnet "fd00:50::\/96" is not a \/64 of global or unique local IPv6 addresses/,
    },
    {
      what: 'a link that is not there',
      words: ours('--ipam-opt', 'parent=eth9', '--ipam-opt', 'vlan=500', 'fw500'),
      says: /parent link eth9 does not exist; set --ipam-opt parent= to one of: .*eth1/,
    },
    {
      what: 'on_no_server=late',
      words: ours(...segment(500), '--ipam-opt', 'on_no_server=late', 'fw500'),
      says: /on_no_server=late does not go with --ipam-driver vlandhcp/,
    },
  ])('$what is refused with a sentence', async ({ words, says }) => {
    expect(await dockerRefuses(...words)).toMatch(says);
    expect(await leftLinks()).toEqual([]);
  });

  it('a subnet that overlaps what the host has is refused, unless it is asked for', async () => {
    await dnsmasq();
    await ip('address', 'add', '10.50.0.250/24', 'dev', 'eth2');
    try {
      expect(await dockerRefuses(...ours(...segment(500), 'fw500'))).toMatch(
        /the subnet 10\.50\.0\.0\/24 of this VLAN overlaps the route 10\.50\.0\.0\/24 of eth2 .*--subnet 10\.50\.0\.0\/24/,
      );
      await docker(...ours(...segment(500), ...SUBNET, 'fw500'));
    } finally {
      await ip('address', 'delete', '10.50.0.250/24', 'dev', 'eth2');
    }
  });
});

it("a container of Docker's macvlan that goes while the plugin is away: its lease is given back", async () => {
  await dnsmasq();
  await docker(...macvlan(500, '--ipam-opt', 'release=now'), 'fw500');
  await docker(...box());
  const { address } = await attachment('box', 'fw500');
  // The first look may come before the container is up. The next look is the sweep a minute later.
  const grep = ['-rq', '"wasSeen":true', '/var/lib/vlandhcp/leases'];
  const isSeen = async () => (await run('grep', grep)).status === 0;
  await until('the container was seen', isSeen, 90_000);
  await lab('service-kill');
  await docker('rm', '-f', 'box');
  await labWith(SOON, 'service-up');
  await until('the lease is given back', async () => (await leaseOf(address)) === '', 90_000);
});

it('two networks on one VLAN, and one container on two VLANs', async () => {
  await dnsmasq();
  await docker(...ours(...segment(500), 'fw500'));
  await docker(...ours(...SUBNET, '-o', 'parent=eth1', '-o', 'vlan=500', 'more'));
  await docker(...macvlan(600), 'mac600');
  await docker(...box());
  await docker('run', '-d', '--name', 'second', '--net=more', 'bb');
  await docker('network', 'connect', 'mac600', 'box');
  const [first, second, third] = await Promise.all([
    attachment('box', 'fw500'),
    attachment('second', 'more'),
    attachment('box', 'mac600'),
  ]);
  expect(second.address).not.toBe(first.address);
  expect(third.address).toMatch(/^10\.60\.0\.1\d\d$/);
  await firewallComesToReach(first.address);
  await firewallComesToReach(second.address);
  await docker('rm', '-f', 'second');
  await docker('network', 'rm', 'more');
  await firewallComesToReach(first.address);
});
