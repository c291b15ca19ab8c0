/**
 * Networks that cannot be made with the typed options: the request of dockerd, and the sentence
 * that a person reads.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { ipamDriverHandlers } from '../../plugin/api/ipam-driver.ts';
import { networkDriverHandlers } from '../../plugin/api/network-driver.ts';
import { serve, type PluginServer } from '../../plugin/api/server.ts';
import { DriverRig, NOTHING_LEFT } from '../support/fakes/driver-rig.ts';
import { FakeClock } from '../support/time/fake-clock.ts';
import { post } from '../support/lab/unix-http.ts';
import { goJson } from './server-rig.ts';

const LOCAL = 'a1'.repeat(32);
const SWARM = 'tq0v6n5s3m2k1j8h7g4f5d6c9'; // 25 digits of base 36
const NULL_POOL = [{ AddressSpace: 'null', Pool: '0.0.0.0/0' }];
const OUR_POOL = [{ AddressSpace: 'vlandhcp', Pool: '10.50.0.0/24', Gateway: '10.50.0.1/24' }];
const DOCKERS_POOL = [
  { AddressSpace: 'LocalDefault', Pool: '172.18.0.0/16', Gateway: '172.18.0.1/16' },
];
const TRUNK = { parent: 'eth1', vlan: '500' };

let dir: string;
let rig: DriverRig;
let server: PluginServer;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'vlandhcp-refused-'));
  rig = new DriverRig();
  const handlers = { ...networkDriverHandlers(rig.driver), ...ipamDriverHandlers(rig.ipam) };
  server = await serve([join(dir, 'x.sock')], handlers, rig.log, new FakeClock());
});
afterEach(async () => {
  await server.close();
  rig.stop();
  await rm(dir, { recursive: true });
});

const call = (name: string, body: object) =>
  post(join(dir, 'x.sock'), `/${name}`, goJson(body)).then(({ json }) => json);

/** CreateNetwork as engine 28 writes it. */
function createNetwork(
  generic: object,
  { ipv4 = true, ipv6 = false, internal = false, id = LOCAL, pool = NULL_POOL } = {},
) {
  return call('NetworkDriver.CreateNetwork', {
    NetworkID: id,
    Options: {
      'com.docker.network.enable_ipv4': ipv4,
      'com.docker.network.enable_ipv6': ipv6,
      'com.docker.network.generic': generic,
      ...(internal && { 'com.docker.network.internal': true }),
    },
    IPv4Data: ipv4 ? pool : [],
    IPv6Data: ipv6 ? [{ AddressSpace: 'null', Pool: '::/0' }] : [],
  });
}

async function expectRefusal(answer: Promise<unknown>, text: string): Promise<void> {
  expect(await answer).toEqual({ Err: text, Error: text });
  expect([rig.registry.networks(), rig.host.count('ensureNetworkLinks')]).toEqual([[], 0]);
  expect(rig.leftovers).toEqual(NOTHING_LEFT);
}

const NO_FAMILY = '-o ipv4=off leaves containers without any address; type -o ipv6=auto beside it';

it.each([
  ['without --ipv6', TRUNK, NO_FAMILY],
  [
    'with ipv4=on',
    { ...TRUNK, ipv4: 'on', ipv6: 'auto' },
    '--ipv4=false and -o ipv4=on contradict each other; leave one of the two out',
  ],
  [
    'our IPAM, whose --ipam-opt nobody ever asks for',
    {},
    `-o parent=LINK is missing: name the link that carries the trunk; ${NO_FAMILY}`,
  ],
])('--ipv4=false, %s: refused in one sentence', async (_what, generic, text) => {
  await expectRefusal(createNetwork(generic, { ipv4: false }), text);
});

it('--ipv4=false --ipv6 means ipv4=off and ipv6=auto, or the ipv6= that was typed', async () => {
  expect(await createNetwork(TRUNK, { ipv4: false, ipv6: true })).toEqual({});
  const typed = { ...TRUNK, vlan: '501', ipv6: 'dhcp' };
  expect(await createNetwork(typed, { ipv4: false, ipv6: true, id: `${LOCAL}1` })).toEqual({});
  expect(rig.registry.networks().map(({ options: { ipv4, ipv6 } }) => [ipv4, ipv6])).toEqual([
    [false, 'auto'],
    [false, 'dhcp'],
  ]);
});

it('ipv4=off with our IPAM is refused in one sentence, by -o and by --ipam-opt', async () => {
  const sentence =
    'ipv4=off does not go with --ipam-driver vlandhcp, from which Docker wants an IPv4 address; use --ipam-driver null';
  const without = { ipv4: 'off', ipv6: 'auto' };
  const asked = { AddressSpace: 'vlandhcp', Pool: '10.50.0.0/24', V6: false };
  expect(await call('IpamDriver.RequestPool', { ...asked, Options: without })).toMatchObject({
    Err: sentence,
  });
  await call('IpamDriver.RequestPool', { ...asked, Options: {} });
  await expectRefusal(createNetwork({ ...TRUNK, ...without }, { pool: OUR_POOL }), sentence);
});

it('--ipv6 means ipv6=auto', async () => {
  expect(await createNetwork(TRUNK, { ipv6: true })).toEqual({});
  expect(rig.registry.networks()[0]?.options.ipv6).toBe('auto');
});

it.each([
  ['plain', { vlan: '500' }, NULL_POOL, undefined, '-o'],
  ['our IPAM, all by -o', { vlan: '500' }, OUR_POOL, {}, '-o'],
  ['our IPAM, the rest by --ipam-opt', {}, OUR_POOL, { vlan: '500' }, '--ipam-opt'],
])('no parent, %s: the flag that the user typed', async (_what, generic, pool, Options, flag) => {
  if (Options !== undefined) {
    const asked = {
      AddressSpace: 'vlandhcp',
      Pool: '10.50.0.0/24',
      SubPool: '',
      Options,
      V6: false,
    };
    expect(await call('IpamDriver.RequestPool', asked)).not.toHaveProperty('Err');
  }
  await expectRefusal(
    createNetwork(generic, { pool }),
    `${flag} parent=LINK is missing: name the link that carries the trunk`,
  );
});

it.each([
  ['without options: they were typed beside --scope swarm', {}, '-o parent=LINK -o vlan=ID'],
  ['with a part of them', { vlan: '500' }, '-o parent=LINK -o vlan=500'],
])('a Swarm network %s', async (_what, generic, words) => {
  await expectRefusal(
    createNetwork(generic, { id: SWARM }),
    `-o parent=LINK is missing: a Swarm network takes options from a network that each node has for it; type on every node: docker network create --config-only --ipam-driver null ${words} CONFIG, then once: docker network create -d vlandhcp:stable --scope swarm --config-from CONFIG NAME (in a stack file: external: true)`,
  );
});

it('a Swarm network with our IPAM and no parent: the managed plugin by its name and tag', async () => {
  const asked = { AddressSpace: 'vlandhcp', Pool: '10.50.0.0/24', Options: {}, V6: false };
  await call('IpamDriver.RequestPool', asked);
  await expectRefusal(
    createNetwork({}, { id: SWARM, pool: OUR_POOL }),
    '-o parent=LINK is missing: a Swarm network takes options from a network that each node has for it; type on every node: docker network create --config-only --ipam-driver vlandhcp:stable --subnet 10.50.0.0/24 -o parent=LINK -o vlan=ID CONFIG, then once: docker network create -d vlandhcp:stable --scope swarm --config-from CONFIG NAME (in a stack file: external: true)',
  );
});

it.each([
  [
    'local',
    LOCAL,
    'docker network create -d vlandhcp --ipam-driver null --internal -o parent=eth1 -o vlan=500 NAME (in a Compose file: driver: vlandhcp, internal: true, driver_opts: { parent: "eth1", vlan: "500" }, ipam: { driver: "null" })',
  ],
  [
    'Swarm',
    SWARM,
    'on every node: docker network create --config-only --ipam-driver null -o parent=eth1 -o vlan=500 CONFIG, then once: docker network create -d vlandhcp:stable --scope swarm --internal --config-from CONFIG NAME (in a stack file: external: true)',
  ],
])('addresses of Docker’s own pool on a %s network', async (_what, id, command) => {
  await expectRefusal(
    createNetwork(TRUNK, { id, pool: DOCKERS_POOL, internal: true }),
    `addresses come from the VLAN's DHCP server, not from Docker's pool 172.18.0.0/16; type: ${command}`,
  );
});

it.each([
  ['24 characters', SWARM.slice(1)],
  ['26 characters', `${SWARM}0`],
  ['25 with an upper case letter', SWARM.replace('t', 'T')],
])('an id of %s is not Swarm’s', async (_what, id) => {
  const text = '-o parent=LINK is missing: name the link that carries the trunk';
  await expectRefusal(createNetwork({}, { id }), text);
});
