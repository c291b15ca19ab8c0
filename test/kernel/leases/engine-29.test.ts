/**
 * What Docker Engine 29 tells our IPAM: the name of the container, and a MAC that is another one at
 * each start. The plugin is a process, the DHCP server and its DNS are dnsmasq. No engine is
 * needed: its calls are those of `contract/recorded/ipam-29.json`.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createNamespace, ip, type TestNamespace } from '../../support/lab/netns.ts';
import { outcome, recordOutcomes } from '../../support/lab/outcomes.ts';
import { PluginSite } from '../../support/lab/plugin-site.ts';

recordOutcomes();

const NETWORK = 'a'.repeat(64);
const OPTIONS = { parent: 'eth1', vlan: '500' };
const DNS = ['--port=53', '--no-resolv', '--no-hosts', '--domain=vlan.example', '--dhcp-fqdn'];

interface Started {
  readonly name: string;
  readonly id: string;
  readonly address: string;
  readonly mac: string;
  readonly interfaceName: string;
  readonly namespace: TestNamespace;
}

let site: PluginSite;
let wrap: readonly string[];
let poolId = '';
let count = 0;
const running = new Set<Started>();

const call = (name: string, body: object) => site.plugin.call(name, body);
const bare = (address: string) => address.split('/')[0]!;

async function begin(...settings: string[]): Promise<void> {
  wrap = ['env', ...settings];
  site = await PluginSite.start(DNS, wrap);
  site.plug('eth1');
  const pool = { AddressSpace: 'vlandhcp', Pool: '10.50.0.0/24', SubPool: '', V6: false };
  const asked = await call('IpamDriver.RequestPool', { ...pool, Options: OPTIONS });
  poolId = String(asked['PoolID']);
  await call('IpamDriver.RequestAddress', {
    ...{ PoolID: poolId, Address: '' },
    Options: { RequestAddressType: 'com.docker.network.gateway' },
  });
  await call('NetworkDriver.CreateNetwork', {
    NetworkID: NETWORK,
    Options: { 'com.docker.network.generic': OPTIONS },
    IPv4Data: [{ AddressSpace: 'vlandhcp', Gateway: '10.50.0.1/24', Pool: '10.50.0.0/24' }],
    IPv6Data: [],
  });
}

async function end(): Promise<void> {
  for (const { namespace } of running) namespace.delete();
  running.clear();
  await site.dispose();
}

/** `docker start`: dockerd makes up a MAC at each start, unless the plugin needs none. */
async function start(name: string, options: Record<string, string> = {}): Promise<Started> {
  count += 1;
  const id = (0x20000000 + count).toString(16).padEnd(64, '0');
  const needs = await call('IpamDriver.GetCapabilities', {});
  const made = `52:12:da:00:00:${count.toString(16).padStart(2, '0')}`;
  const given = needs['RequiresMACAddress'] === true ? made : '';
  const lease = await call('IpamDriver.RequestAddress', {
    ...{ PoolID: poolId, Address: '' },
    Options: {
      'com.docker.network.endpoint.name': name,
      ...(given !== '' && { 'com.docker.network.endpoint.macaddress': given }),
    },
  });
  const address = String(lease['Address']);
  await call('NetworkDriver.CreateEndpoint', {
    ...{ NetworkID: NETWORK, EndpointID: id, Options: options },
    Interface: { Address: address, AddressIPv6: '', MacAddress: given },
  });
  const namespace = createNamespace();
  const joined = await call('NetworkDriver.Join', {
    ...{ NetworkID: NETWORK, EndpointID: id, SandboxKey: namespace.path, Options: {} },
  });
  const { SrcName: link, DstName: dstName } = joined['InterfaceName'] as Record<string, string>;
  const interfaceName = dstName ?? 'eth0';
  ip(`link set ${link} netns ${namespace.name}`);
  ip(`-n ${namespace.name} link set ${link} name ${interfaceName}`);
  ip(`-n ${namespace.name} addr add ${address} dev ${interfaceName}`);
  ip(`-n ${namespace.name} link set ${interfaceName} up`);
  const [shown] = JSON.parse(ip(`-n ${namespace.name} -j link show ${interfaceName}`)) as [
    { address: string },
  ];
  const mac = shown.address;
  const started = { name, id, address: bare(address), mac, interfaceName, namespace };
  running.add(started);
  return started;
}

async function stop(one: Started): Promise<void> {
  const which = { NetworkID: NETWORK, EndpointID: one.id };
  await call('NetworkDriver.Leave', which);
  await call('NetworkDriver.DeleteEndpoint', which);
  await call('IpamDriver.ReleaseAddress', { PoolID: poolId, Address: one.address });
  one.namespace.delete();
  running.delete(one);
}

async function restart(one: Started): Promise<Started> {
  await stop(one);
  return start(one.name);
}

/** The host reboots: no link, no sandbox, no call. Its disk stays. */
async function reboot(): Promise<void> {
  await site.plugin.end('SIGKILL');
  for (const { namespace } of running) namespace.delete();
  running.clear();
  for (const link of ['br500', 'eth1.500']) ip(`link delete ${link}`);
  await site.plugin.start(wrap);
}

/** What the DNS of the VLAN says. */
const asks = (what: string) => site.office('busybox', 'nslookup', what, '10.50.0.1');
const who = ({ address, mac }: Started) => `${address} ${mac}`;

describe('with a MAC from dockerd, as by default', () => {
  beforeAll(() => begin());
  afterAll(end);

  test('the DNS of the server has the name for the office, forward and back', async () => {
    const row = outcome('engine 29', 'names in the DNS of dnsmasq');
    const { address } = await start('pbx');
    expect(asks('pbx.vlan.example')).toContain(`Address: ${address}`);
    expect(asks(address)).toContain('name = pbx.vlan.example');
    row.seen = `pbx.vlan.example is ${address}, and back`;
  });

  test('the interface has the name that was typed', async () => {
    const row = outcome('engine 29', 'driver-opt=ifname=lan0');
    const one = await start('named', { ifname: 'lan0' });
    expect(one.interfaceName).toBe('lan0');
    row.seen = 'Join answers DstName lan0';
  });

  test('20 restarts: the address stays, the MAC is dockerd’s', async () => {
    const row = outcome('engine 29', '20 restarts by name, a MAC from dockerd');
    let one = await start('again');
    const { address } = one;
    const macs = new Set([one.mac]);
    for (let times = 0; times < 20; times += 1) {
      one = await restart(one);
      expect(one.address).toBe(address);
      macs.add(one.mac);
    }
    expect(macs.size).toBe(21);
    row.seen = `${address} each time, 21 MACs`;
  });

  test('a container that takes the name of a running one does not get its address', async () => {
    const row = outcome('engine 29', 'docker rename, and another container takes the name');
    const first = await start('web');
    const second = await start('web'); // the first one was renamed to `old`
    expect(second.address).not.toBe(first.address);
    await stop(second);
    await stop(first);
    const third = await start('web');
    expect(third.address).toBe(first.address);
    row.seen = 'another address while the first one runs; its own when it does not';
  });

  test('the host reboots, and containers start in another order: each has its address', async () => {
    const row = outcome('engine 29', 'host reboot, by name');
    const before = [await start('one'), await start('two'), await start('three')];
    await reboot();
    const after = [await start('three'), await start('one'), await start('two')];
    const addressOf = (all: readonly Started[], name: string) =>
      all.find((container) => container.name === name)?.address;
    for (const { name, address } of before) expect(addressOf(after, name), name).toBe(address);
    row.seen = 'the address of before by the name, in any order';
  });
});

describe('with IPAM_REQUIRE_MAC=false', () => {
  beforeAll(() => begin('IPAM_REQUIRE_MAC=false'));
  afterAll(end);

  test('restart and reboot: MAC and address stay', async () => {
    const row = outcome('engine 29', 'restart and reboot, IPAM_REQUIRE_MAC=false');
    const one = await start('pbx');
    const two = await restart(one);
    expect(who(two)).toBe(who(one));
    await reboot();
    expect(who(await start('pbx'))).toBe(who(one));
    expect(asks('pbx.vlan.example')).toContain(`Address: ${one.address}`);
    row.seen = `${who(one)} each time`;
  });
});
