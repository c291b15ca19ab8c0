/**
 * Kills the plugin right after each single write of each call. No lease is lost, and no lease has
 * two holders.
 */
import { describe, expect, it } from 'vitest';
import { BOX, DriverRig, ENDPOINT, NETWORK, rigWithNetwork } from '../../support/fakes/driver-rig.ts'; // prettier-ignore
import { macFromId } from '../../../plugin/options/endpoint-options.ts';
import { killedAfter } from '../../support/fakes/killed-after.ts';
import { problemsOf } from '../../support/fakes/state-invariants.ts';

type Step = readonly [string, (rig: DriverRig) => Promise<unknown>];

const SECOND = 'f'.repeat(64);
const byId = { id: 'two' };
const given = { address: '192.0.2.50/24', macAddress: BOX };
const SIX = '2001:db8:500:0:42:ff:fe00:1/64';
let poolId = '';
let pool6Id = '';

const leave = (rig: DriverRig) => rig.driver.leave(ENDPOINT);
const remove = (rig: DriverRig) => rig.driver.removeEndpoint(ENDPOINT);
const removeNetwork = (rig: DriverRig) => rig.driver.removeNetwork(NETWORK);

const LIVES: readonly (readonly [string, () => Promise<DriverRig>, readonly Step[]])[] = [
  [
    'with our IPAM',
    async () => {
      const rig = new DriverRig();
      poolId = await rig.createIpamNetwork({ pool: { pool: '192.0.2.0/24' } });
      return rig;
    },
    [
      ['RequestAddress', (rig) => rig.requestAddress(poolId)],
      ['CreateEndpoint', (rig) => rig.createEndpoint({ userMac: BOX, interface: given })],
      ['Join', (rig) => rig.join()],
      ['Leave', leave],
      ['DeleteEndpoint', remove],
      ['RequestAddress of the same container before ReleaseAddress', (rig) => rig.requestAddress(poolId)], // prettier-ignore
      ['ReleaseAddress', (rig) => rig.ipam.releaseAddress(poolId, '192.0.2.50')],
      ['ReleaseAddress of the second', (rig) => rig.ipam.releaseAddress(poolId, '192.0.2.50')],
      ['DeleteNetwork', removeNetwork],
    ],
  ],
  [
    'with our IPAM and an IPv6 subnet',
    async () => {
      const rig = new DriverRig();
      const options = { parent: 'eth1', vlan: '500' };
      const ask = (pool: string, v6: boolean) => rig.requestPool({ pool, v6, options });
      poolId = (await ask('192.0.2.0/24', false)).poolId;
      pool6Id = (await ask('2001:db8:500::/64', true)).poolId;
      const data = (pool: string) => [{ addressSpace: 'vlandhcp', pool, gateway: '' }];
      const [ipv4Data, ipv6Data] = [data('192.0.2.0/24'), data('2001:db8:500::/64')];
      await rig.createNetwork({ options: { ipv6: 'slaac' }, ipv4Data, ipv6Data });
      return rig;
    },
    [
      ['RequestAddress', (rig) => rig.requestAddress(poolId)],
      ['RequestAddress of IPv6', (rig) => rig.requestAddress(pool6Id)],
      [
        'CreateEndpoint',
        (rig) => rig.createEndpoint({ interface: { ...given, addressIpv6: SIX } }),
      ],
      ['Join', (rig) => rig.join()],
      ['Leave', leave],
      ['DeleteEndpoint', remove],
      ['ReleaseAddress', (rig) => rig.ipam.releaseAddress(poolId, '192.0.2.50')],
      ['DeleteNetwork', removeNetwork],
    ],
  ],
  [
    'with --ipam-driver null, held and claimed',
    () => rigWithNetwork({ options: { release: 'hold=60s' } }),
    [
      ['CreateEndpoint', (rig) => rig.createEndpoint({ options: byId })],
      ['Join', (rig) => rig.join()],
      ['Leave', leave],
      ['DeleteEndpoint', remove],
      ['CreateEndpoint of its return', (rig) => rig.createEndpoint({ endpointId: SECOND, options: byId })], // prettier-ignore
      ['DeleteEndpoint after its return', (rig) => rig.driver.removeEndpoint(SECOND)],
      ['the hold is over', (rig) => rig.clock.pass(61_000)],
      ['DeleteNetwork', removeNetwork],
    ],
  ],
  [
    'with --ipam-driver null, back with another wish',
    () => rigWithNetwork({ options: { release: 'hold=60s' } }),
    [
      ['CreateEndpoint', (rig) => rig.createEndpoint({ options: byId })],
      ['DeleteEndpoint', remove],
      [
        'CreateEndpoint with another ip=',
        (rig) => {
          rig.server.reserve(macFromId('two'), '192.0.2.77');
          const options = { ...byId, ip: '192.0.2.77' };
          return rig.createEndpoint({ endpointId: SECOND, options });
        },
      ],
      ['DeleteEndpoint of that', (rig) => rig.driver.removeEndpoint(SECOND)],
      ['the hold is over', (rig) => rig.clock.pass(61_000)],
    ],
  ],
  [
    'with --ipam-driver null, given back at once',
    () => rigWithNetwork({ options: { release: 'now' } }),
    [
      ['CreateEndpoint', (rig) => rig.createEndpoint()],
      ['Join', (rig) => rig.join()],
      ['Leave', leave],
      ['DeleteEndpoint', remove],
    ],
  ],
];

describe.each(LIVES)('%s', (_life, begin, life) => {
  it.each(life.map(([name], index) => [name, index] as const))('%s', async (_name, index) => {
    let write = 1;
    for (let isKilled = true; isKilled; write += 1) {
      const rig = await begin();
      for (const [, before] of life.slice(0, index)) await before(rig);
      isKilled = await killedAfter(rig, write, () => life[index]![1](rig));
      await rig.restart();
      expect([write, ...problemsOf(rig)]).toEqual([write]);
      rig.stop();
    }
    expect(write).toBeGreaterThan(1);
  });

  it('to its end without a crash: nothing is left', async () => {
    const rig = await begin();
    for (const [, step] of life) await step(rig);
    await rig.clock.pass(60_000);
    expect(problemsOf(rig)).toEqual([]);
    const { records, addresses, held, clients } = rig.leftovers;
    expect([records, addresses, held, clients]).toEqual([[], [], [], 0]);
    expect(rig.store.contents.leases).toEqual([]);
    rig.stop();
  });
});
