import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  BOX,
  DriverRig,
  ENDPOINT,
  NETWORK,
  NOTHING_LEFT,
  refusal,
} from '../../support/fakes/driver-rig.ts';
import { settled } from '../../support/time/fake-clock.ts';

const SUBNET = '192.0.2.0/24';
const CIDR = '192.0.2.50/24';
const ADDRESS = '192.0.2.50';

let rig: DriverRig;
let poolId: string;
beforeEach(() => {
  rig = new DriverRig();
});
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
});

describe('calls wait until recovery is through', () => {
  it('each of them', async () => {
    poolId = await rig.createIpamNetwork({ pool: { pool: SUBNET } });
    let goOn: () => void = () => undefined;
    const list = rig.host.listEndpointLinks.bind(rig.host);
    rig.host.listEndpointLinks = async () => {
      await new Promise<void>((resolve) => (goOn = resolve));
      return list();
    };
    const restarted = rig.restart();
    await settled();
    const done: string[] = [];
    const calls = {
      requestAddress: () => rig.requestAddress(poolId),
      releaseAddress: () => rig.ipam.releaseAddress(poolId, '192.0.2.9'),
      requestPool: () => rig.requestPool({ pool: SUBNET }),
      releasePool: () => rig.ipam.releasePool('unknown'),
    };
    const all = Object.entries(calls).map(([name, call]) => call().then(() => done.push(name)));
    await settled();
    expect(done).toEqual([]);
    goOn();
    await Promise.all([restarted, ...all]);
    expect(done).toHaveLength(4);
  });
});

describe('an address that is asked for without a purpose', () => {
  it('and that a running container of ours has is not reserved: it is a replay', async () => {
    poolId = await rig.createIpamNetwork({ pool: { pool: SUBNET } });
    await rig.requestAddress(poolId);
    await rig.createEndpoint({ interface: { address: CIDR, macAddress: BOX } });
    const sent = rig.wire.sent.length;
    expect(await rig.requestReserved(poolId, ADDRESS)).toBe(CIDR);
    expect([rig.wire.sent.length, rig.registry.pools()[0]!.reserved]).toEqual([sent, []]);
  });
});

const stepsOf = (isOurs: boolean): readonly (readonly [string, () => Promise<unknown>])[] => [
  ['RequestPool', async () => (poolId = (await rig.requestPool({ pool: SUBNET })).poolId)],
  ['aux', () => rig.requestReserved(poolId, '192.0.2.9')],
  ...(isOurs
    ? ([
        [
          'CreateNetwork',
          () => {
            const data = { addressSpace: 'vlandhcp', pool: SUBNET, gateway: '' };
            return rig.createNetwork({ options: {}, ipv4Data: [data] });
          },
        ],
      ] as const)
    : ([['macvlan', () => Promise.resolve(rig.host.addSegmentLink('eth1.500'))]] as const)),
  ['RequestAddress', () => rig.requestAddress(poolId, { name: 'web' })],
  ...(isOurs
    ? ([
        [
          'CreateEndpoint',
          () => rig.createEndpoint({ interface: { address: CIDR, macAddress: BOX } }),
        ],
        ['Join', () => rig.join()],
        ['Leave', () => rig.driver.leave(ENDPOINT)],
        ['DeleteEndpoint', () => rig.driver.removeEndpoint(ENDPOINT)],
      ] as const)
    : []),
  ['ReleaseAddress', () => rig.ipam.releaseAddress(poolId, ADDRESS)],
  ['aux released', () => rig.ipam.releaseAddress(poolId, '192.0.2.9')],
  ['ReleasePool', () => rig.ipam.releasePool(poolId)],
  ...(isOurs ? ([['DeleteNetwork', () => rig.driver.removeNetwork(NETWORK)]] as const) : []),
];
const CALLS = ['save', 'delete'].flatMap((verb) =>
  (['networks', 'leases', 'pools'] as const).map(
    (kind) => `${verb} ${kind}` as `save ${typeof kind}`,
  ),
);

describe.each([true, false])('the disk fails during one call (network of ours: %s)', (isOurs) => {
  it.each(stepsOf(isOurs).flatMap(([name]) => CALLS.map((call) => [name, call] as const)))(
    '%s, %s: no lease leaks, and nothing is left but files that cannot be deleted',
    async (bad, call) => {
      for (const [name, step] of stepsOf(isOurs)) {
        if (name !== bad) {
          await step();
          continue;
        }
        rig.store.failing.add(call);
        const isRefused = await step().then(
          () => false,
          () => true,
        );
        rig.store.failing.clear();
        // A failed creation leaves nothing. dockerd does not repeat releases and deletes.
        const isMade = /^(Request|Create|aux$)/.test(name);
        if (isRefused && name === 'RequestAddress') expect(rig.leftovers).toEqual(NOTHING_LEFT);
        if (isRefused && isMade) await step();
      }
      expect({ ...rig.leftovers, addresses: [], held: [], records: [] }).toEqual(NOTHING_LEFT);
      await rig.restart();
      await rig.clock.pass(600_000);
      expect({ ...rig.leftovers, records: [] }).toEqual(NOTHING_LEFT);
      expect(rig.registry.endpoints()).toEqual([]);
    },
  );
});

it('a call that fails says why', async () => {
  poolId = await rig.createForeignNetwork({ pool: SUBNET });
  rig.store.failing.add('save leases');
  expect(await refusal(rig.requestAddress(poolId))).toEqual({
    code: 'STATE_UNWRITABLE',
    message: 'save leases failed',
  });
});
