/**
 * A bad disk, and a host without descriptors. The real process runs on real links, with a server
 * and containers in their own namespaces. Calls come over the unix socket, like dockerd's.
 */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { outcome, recordOutcomes } from '../../support/lab/outcomes.ts';
import { PluginProcess } from '../../support/lab/plugin-process.ts';
import {
  addParent,
  enterSandbox,
  ip,
  linkNames,
  until,
  type Sandbox,
  type TestNamespace,
} from '../../support/lab/netns.ts';

recordOutcomes();

const NETWORK = 'a'.repeat(64);
const BRIDGE = 'br-eth1';
/** The time limit. A lab machine has one slow core. */
const SLOW = 120_000;

let sandbox: Sandbox;
let server: ChildProcess;
let plugin: PluginProcess;

interface Container {
  readonly id: string;
  readonly namespace: TestNamespace;
  readonly address: string;
}

vi.setConfig({ testTimeout: 2 * SLOW, hookTimeout: 2 * SLOW });

const idOf = (digit: string) => digit.repeat(64);

/** Does what dockerd and libnetwork do: CreateEndpoint, Join, and moving the link. */
async function startContainer(id: string): Promise<Container> {
  const options = { 'com.docker.network.endpoint.macaddress': undefined };
  const made = await plugin.call('NetworkDriver.CreateEndpoint', {
    ...{ NetworkID: NETWORK, EndpointID: id, Options: options },
    Interface: { Address: '', AddressIPv6: '', MacAddress: '' },
  });
  const address = (made['Interface'] as { Address: string }).Address;
  const namespace = sandbox.addNamespace();
  const joined = await plugin.call('NetworkDriver.Join', {
    ...{ NetworkID: NETWORK, EndpointID: id, Options: {} },
    SandboxKey: namespace.path,
  });
  const link = (joined['InterfaceName'] as { SrcName: string }).SrcName;
  ip(`link set ${link} netns ${namespace.name}`);
  ip(`-n ${namespace.name} link set ${link} name eth0`);
  ip(`-n ${namespace.name} addr add ${address} dev eth0`);
  ip(`-n ${namespace.name} link set eth0 up`);
  return { id, namespace, address };
}

async function endContainer({ id, namespace }: Container): Promise<void> {
  const which = { NetworkID: NETWORK, EndpointID: id };
  await plugin.call('NetworkDriver.Leave', which);
  await plugin.call('NetworkDriver.DeleteEndpoint', which);
  namespace.delete();
}

/** Pings from inside the container. */
function reachesServer({ namespace }: Container): boolean {
  const ping = ['netns', 'exec', namespace.name, 'ping', '-c', '1', '-W', '2', '10.50.0.1'];
  try {
    execFileSync('ip', ping, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const files = (kind: string) => readdirSync(join(plugin.stateDir, kind)).sort();
const fileOf = (kind: string, id: string) => join(plugin.stateDir, kind, `${id}.json`);
const hostEnds = () => linkNames().filter((name) => name.startsWith('vdh'));

type Stored = { version: number; record: Record<string, unknown> };
function change(kind: string, id: string, to: (record: Record<string, unknown>) => void): void {
  const stored = JSON.parse(readFileSync(fileOf(kind, id), 'utf8')) as Stored;
  to(stored.record);
  writeFileSync(fileOf(kind, id), JSON.stringify(stored));
}

async function leaseOf({ id }: Container): Promise<string | undefined> {
  const { status, answer } = await plugin.tryCall('VlanDhcp.Status', {});
  expect(status).toBe(200);
  const networks = answer['networks'] as {
    endpoints: { endpoint: string; state: string; lease?: { address: string } }[];
  }[];
  return networks.flatMap(({ endpoints }) => endpoints).find(({ endpoint }) => endpoint === id)
    ?.lease?.address;
}

/** Waits for a line in the plugin's log. The log comes later than the answer. */
function toldOf(text: string): Promise<void> {
  return until(`it says ${text}`, () => plugin.log.some(({ msg }) => msg.includes(text)), SLOW);
}

/** Waits until the container has a lease again. @returns the time in ms. */
async function hasLeaseAgain(container: Container): Promise<number> {
  const from = performance.now();
  for (;;) {
    if ((await leaseOf(container)) === container.address)
      return Math.round(performance.now() - from);
    if (performance.now() - from > SLOW)
      throw new Error(`no lease: ${JSON.stringify(plugin.log.slice(-20))}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

beforeAll(async () => {
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
  const far = sandbox.addNamespace();
  ip(`link set port1 netns ${far.name}`);
  ip(`-n ${far.name} addr add 10.50.0.1/24 dev port1`);
  ip(`-n ${far.name} link set port1 up`);
  server = spawn('ip', [
    ...['netns', 'exec', far.name, 'dnsmasq', '--keep-in-foreground', '--conf-file=/dev/null'],
    ...[
      '--port=0',
      '--no-ping',
      '--bind-interfaces',
      '--interface=port1',
      '--user=root',
      '--pid-file=',
    ],
    ...[
      '--dhcp-authoritative',
      '--leasefile-ro',
      '--dhcp-range=10.50.0.100,10.50.0.199,255.255.255.0,1h',
    ],
  ]);
  plugin = new PluginProcess();
  await plugin.start();
  await plugin.call('NetworkDriver.CreateNetwork', {
    NetworkID: NETWORK,
    Options: { 'com.docker.network.generic': { parent: 'eth1' } },
    IPv4Data: [{ AddressSpace: 'null', Pool: '0.0.0.0/0', Gateway: '' }],
    IPv6Data: [],
  });
});

afterAll(async () => {
  await plugin.dispose();
  server.kill();
  sandbox.dispose();
});

describe('a bad disk', () => {
  let box: Container;
  let witness: Container;
  /** The content of the file of `box` before it was damaged. */
  let whole = '';

  beforeAll(async () => {
    box = await startContainer(idOf('b'));
    witness = await startContainer(idOf('c'));
  });
  afterAll(async () => {
    for (const container of [box, witness]) await endContainer(container);
    expect(hostEnds()).toEqual([]);
  });

  it('one bad record of each kind: only what cannot be read is asked for anew', async () => {
    const row = outcome('D', 'one bad value in a record of each kind, then a start');
    await plugin.end();
    change('networks', NETWORK, (record) => (record['mtu'] = 'x'));
    change('leases', box.id, (record) => {
      record['hostName'] = 'é';
      record['mtu'] = 99999;
      delete (record['lease'] as Record<string, unknown>)['expiresAt'];
    });
    for (const [kind, digit, record] of [
      ['leases', 'f', { mac: 5, holder: { is: 'nobody' } }],
      ['pools', 'f', { subnet: 'x' }],
      ['leases', 'e', { mac: 5, holder: { is: 'address' } }],
    ] as const) {
      writeFileSync(fileOf(kind, digit.repeat(16)), JSON.stringify({ version: 1, record }));
    }
    await plugin.start();
    row.mendMs = await hasLeaseAgain(box);
    expect(await leaseOf(witness)).toBe(witness.address);
    expect([reachesServer(box), reachesServer(witness)]).toEqual([true, true]);
    await toldOf('state recovered');
    const told = plugin.log.filter(({ level }) => level === 'error').map(({ msg }) => msg);
    expect(told.filter((msg) => msg === 'state file damaged')).toHaveLength(2);
    expect(told.filter((msg) => msg === 'state file not usable')).toHaveLength(3);
    expect(files('leases')).toContain(`${box.id}.json.damaged`);
    row.seen =
      'process lives, 5 of 5 files named, both containers reach the router, same address leased again';
    row.leftovers = hostEnds().length - 2;
    expect(row.leftovers).toBe(0);
  });

  it('a FIFO, a folder, a device, a link to itself, 60 MB in the place of a record, and a MAC that is none', async () => {
    const row = outcome(
      'D',
      'FIFO, folder, device, link to itself, 60 MB, mac: 5 as records, then a start',
    );
    await plugin.end();
    whole = readFileSync(fileOf('leases', box.id), 'utf8');
    change('leases', box.id, (record) => (record['mac'] = 5));
    const [fifo = '', folder = '', device = '', loop = '', large = ''] = [...'56789'].map((digit) =>
      fileOf('leases', idOf(digit)),
    );
    execFileSync('mkfifo', [fifo, `${fileOf('leases', box.id)}.tmp`]);
    mkdirSync(folder);
    symlinkSync('/dev/zero', device);
    symlinkSync(loop, loop);
    writeFileSync(large, Buffer.alloc(60_000_000));
    const unreadable = () => files('leases').filter((name) => name.endsWith('.unreadable'));
    const before = unreadable();
    row.mendMs = await plugin.start();
    await toldOf('a container uses a link that is not in the state');
    expect([reachesServer(box), reachesServer(witness)]).toEqual([true, true]);
    expect(await leaseOf(witness)).toBe(witness.address);
    const aside = unreadable().filter((name) => !before.includes(name));
    expect(aside).toHaveLength(6);
    row.seen =
      'refused without reading, all 6 set aside by name; both containers keep link and traffic';
    row.leftovers = files('leases').filter((name) => name.endsWith('.tmp')).length;
    expect(row.leftovers).toBe(0);
  });

  it('a missing network file, and killed twice: no link of a running container goes', async () => {
    const row = outcome('D', "the network's file is missing; killed twice while starting");
    await plugin.end();
    for (const kind of ['networks', 'leases', 'pools']) {
      for (const name of files(kind)) {
        if (!name.endsWith('.json')) rmSync(join(plugin.stateDir, kind, name), { recursive: true });
      }
    }
    // As the message says: put a good one there, remove the other.
    writeFileSync(fileOf('leases', box.id), whole);
    const kept = join(plugin.folder, 'kept.json');
    renameSync(fileOf('networks', NETWORK), kept);
    for (let time = 0; time < 2; time += 1) {
      plugin.launch();
      await until('it listens', () => plugin.log.some(({ msg }) => msg === 'listening'), SLOW);
      await plugin.end();
    }
    await plugin.start();
    await toldOf('state recovered');
    const told = plugin.log.filter(({ msg }) => msg.includes('whose state file is missing'));
    expect(told).toHaveLength(2);
    expect(told[0]).toMatchObject({ level: 'error', file: `networks/${NETWORK}.json` });
    expect(hostEnds()).toHaveLength(2);
    expect(linkNames()).toContain(BRIDGE);
    expect([reachesServer(box), reachesServer(witness)]).toEqual([true, true]);
    await plugin.end();
    renameSync(kept, fileOf('networks', NETWORK));
    row.mendMs = (await plugin.start()) + (await hasLeaseAgain(box));
    expect(await leaseOf(witness)).toBe(witness.address);
    row.seen =
      'links, bridge and traffic stay, one error line each says what to do; leases are back with the file';
    row.leftovers = hostEnds().length - 2;
    expect(row.leftovers).toBe(0);
  });
});

describe('a host without descriptors', () => {
  it('EMFILE fails calls, one by one; the process lives and goes on when there are some again', async () => {
    const row = outcome('D', '--nofile=70 and containers until there are no descriptors left');
    await plugin.end();
    await plugin.start(['prlimit', '--nofile=70:70']);
    const made: string[] = [];
    const refused: string[] = [];
    for (let number = 0; number < 45; number += 1) {
      const id = number.toString(16).padStart(64, '0');
      const { status, answer } = await plugin.tryCall('NetworkDriver.CreateEndpoint', {
        ...{ NetworkID: NETWORK, EndpointID: id, Options: {} },
        Interface: { Address: '', AddressIPv6: '', MacAddress: '' },
      });
      if (status === 200 && answer['Err'] === undefined) made.push(id);
      else refused.push(String(answer['Err']));
      if (refused.length === 8) break;
    }
    expect(plugin.isAlive).toBe(true);
    expect(refused).toHaveLength(8);
    for (const sentence of refused) expect(sentence).toMatch(/EMFILE|socket hang up/);
    expect(made.length).toBeGreaterThan(8);
    const uncaught = plugin.log.filter(({ msg }) => msg.startsWith('an error that nobody caught'));
    expect(uncaught).toEqual([]);
    // Descriptors become free again. What was refused works at once.
    const from = performance.now();
    for (const id of made) {
      const which = { NetworkID: NETWORK, EndpointID: id };
      for (let tries = 0; ; tries += 1) {
        const { status } = await plugin.tryCall('NetworkDriver.DeleteEndpoint', which);
        if (status === 200) break;
        if (tries > 100) throw new Error(`endpoint ${id} cannot be deleted`);
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    }
    const box = await startContainer(idOf('e'));
    expect(reachesServer(box)).toBe(true);
    await endContainer(box);
    // The refused ones leave nothing, either.
    await until('all links are gone', () => hostEnds().length === 0, SLOW);
    row.mendMs = Math.round(performance.now() - from);
    row.seen = `${made.length} containers, then 8 of 8 refused with a sentence; the next one starts once some are free`;
    row.leftovers = hostEnds().length;
    expect(row.leftovers).toBe(0);
  });
});
