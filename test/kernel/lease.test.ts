/**
 * The whole client on real links: packet socket, filter, machine and a real server behind a bridge, as at the
 * time of CreateEndpoint; then kept over the bridge, as where a sandbox cannot be entered.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createClock } from '../../plugin/clock.ts';
import type { LeaseChange } from '../../plugin/leasing/client-runner.ts';
import { LeaseService, type LeaseSubject } from '../../plugin/leasing/lease-service.ts';
import { boottime } from '../../plugin/net/boottime.ts';
import { linuxHost } from '../../plugin/net/host.ts';
import { openArpSocket } from '../../plugin/net/arp-socket.ts';
import { openLeaseSocket } from '../../plugin/net/lease-socket.ts';
import { parseMac } from '../../plugin/wire/address.ts';
import { MemoryLogger } from '../support/memory-logger.ts';
import { addParent, enterSandbox, ip, until, type Sandbox } from '../support/netns.ts';

const clock = createClock(boottime);
const MAC = parseMac('02:00:00:00:00:aa')!;
const ENDS = { hostEnd: 'vdh0', containerEnd: 'vdc0' };

let sandbox: Sandbox;
let folder: string;
let server: { child: ChildProcess; ended: Promise<void>; printed: () => string } | undefined;
let changes: LeaseChange[];
let log: MemoryLogger;
let leases: LeaseService;
let farName = '';

beforeEach(async () => {
  changes = [];
  log = new MemoryLogger();
  leases = new LeaseService({
    clock,
    random: Math.random,
    log,
    openSocket: openLeaseSocket,
    openArpSocket,
    probeSandbox: () => 'not-yet',
    onChange: (_key, change) => changes.push(change),
    onEntered: () => undefined,
  });
  sandbox = enterSandbox();
  folder = mkdtempSync(join(tmpdir(), 'vlandhcp-lease-'));
  addParent('eth1', 'port1');
  const far = sandbox.addNamespace();
  farName = far.name;
  ip(`link set port1 netns ${far.name}`);
  ip(`-n ${far.name} addr add 10.50.0.1/24 dev port1`);
  ip(`-n ${far.name} link set port1 up`);
  await linuxHost.ensureNetworkLinks({
    parent: 'eth1',
    vlan: undefined,
    bridge: 'br0',
    mtu: undefined,
  });
  const rules = { mode: 'mac', mac: MAC, addresses: [], leases: true, noServer: false } as const;
  await linuxHost.ensureEndpointLink({ ...ENDS, mac: MAC, mtu: 1500, bridge: 'br0', rules });
});

afterEach(async () => {
  try {
    leases.close();
  } finally {
    server?.child.kill('SIGKILL');
    await server?.ended;
    server = undefined;
    sandbox.dispose();
    rmSync(folder, { recursive: true });
  }
});

async function startServer(ready: RegExp, command: readonly string[]): Promise<void> {
  const env = { ...process.env, KEA_PIDFILE_DIR: folder, KEA_LOCKFILE_DIR: folder };
  const args = ['netns', 'exec', farName, ...command];
  const child = spawn('ip', args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  }
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()));
  server = { child, ended, printed: () => text };
  await until('the server is ready', () => ready.test(text), 20_000);
}

const startDnsmasq = () =>
  startServer(/DHCP, sockets bound|DHCP, IP range/, [
    ...['dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null', '--port=0', '--no-ping'],
    ...['--bind-interfaces', '--interface=port1', '--user=root', '--pid-file=', '--log-facility=-'],
    ...['--dhcp-authoritative', '--log-dhcp', `--dhcp-leasefile=${folder}/leases`],
    '--dhcp-range=10.50.0.100,10.50.0.150,255.255.255.0,1h',
  ]);

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
  writeFileSync(join(folder, 'kea.json'), JSON.stringify({ Dhcp4 }));
  return startServer(/DHCP4_STARTED/, ['kea-dhcp4', '-c', join(folder, 'kea.json')]);
}

function subject(change: Partial<LeaseSubject['identity']> = {}): LeaseSubject {
  const identity = {
    mac: MAC,
    clientId: Uint8Array.of(1, 2, 0, 0, 0, 0, 0xaa),
    hostName: undefined,
    requestedAddress: undefined,
    ...change,
  };
  const how = { acd: 'optimistic', allowedServers: [], rapidCommit: false } as const;
  return { key: 'endpoint', identity, mtu: 1500, segment: 'eth1 (untagged)', ...how };
}

const acquire = (who = subject()) =>
  leases.acquire(
    who,
    { link: ENDS.containerEnd },
    {
      by: clock.now() + 10_000,
      signal: new AbortController().signal,
    },
  );

describe('a lease over the container end, still in the host', () => {
  test('from dnsmasq, given back through the bridge', async () => {
    await startDnsmasq();
    const lease = await acquire(subject({ hostName: 'asterisk' }));
    expect(lease).toMatchObject({ prefixLength: 24, gateway: '10.50.0.1', serverId: '10.50.0.1' });
    expect(lease.address).toMatch(/^10\.50\.0\.1[0-5]\d$/);
    expect(server!.printed()).toContain('client provides name: asterisk');
    leases.release('endpoint', 'br0');
    const released = `DHCPRELEASE(port1) ${lease.address} ${MAC}`;
    await until('the server took it back', () => server!.printed().includes(released));
    expect(leases.size).toBe(0);
  });

  test('of the address asked for in option 50', async () => {
    await startDnsmasq();
    const asked = subject({ requestedAddress: '10.50.0.142' as never });
    expect((await acquire(asked)).address).toBe('10.50.0.142');
  });

  test('from Kea, whose replies are shorter than 300 bytes', async () => {
    await startKea(3600);
    expect(await acquire()).toMatchObject({ prefixLength: 24, gateway: '10.50.0.1' });
  });
});

test('a lease kept over the bridge is renewed there, although the link is not ours to speak from', async () => {
  await startKea(6);
  const lease = await acquire();
  leases.place('endpoint', { link: 'br0', promiscuous: true });
  await until('it is renewed twice', () => changes.length >= 2, 15_000);
  expect(changes.every(({ change }) => change === 'renewed')).toBe(true);
  expect(changes[0]!.lease.address).toBe(lease.address);
});

describe('another host on the segment has the address (RFC 5227)', () => {
  /** The far kernel answers for it, and asks as it. */
  const claim = (address: string) => ip(`-n ${farName} addr add ${address}/32 dev lo`);
  const askAs = (address: string) =>
    spawn('ip', [
      'netns',
      'exec',
      farName,
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
    await startDnsmasq();
    claim('10.50.0.142');
    const asked = {
      ...subject({ requestedAddress: '10.50.0.142' as never }),
      acd: 'fast' as const,
    };
    const attempt = leases.acquire(
      asked,
      { link: ENDS.containerEnd },
      {
        by: clock.now() + 2_000,
        signal: new AbortController().signal,
      },
    );
    const [link] = JSON.parse(ip(`-n ${farName} -j link show port1`)) as { address: string }[];
    await expect(attempt).rejects.toMatchObject({
      code: 'ADDRESS_IN_USE',
      message: expect.stringContaining(
        `10.50.0.142 is in use by another host, MAC ${link!.address}`,
      ) as string,
    });
    expect(server!.printed()).toContain(`DHCPDECLINE(port1) 10.50.0.142 ${MAC}`);
  });

  test('over the bridge, too, it is heard and answered', async () => {
    await startDnsmasq();
    const { address } = await acquire();
    leases.place('endpoint', { link: 'br0', promiscuous: true });
    claim(address);
    const warned = () => log.messages('warn');
    const asking = askAs(address);
    await until('it is heard', () => warned().length > 0);
    asking.kill('SIGKILL');
    expect(warned()[0]).toMatch(/another host (uses our address|has it)/);
  });
});
