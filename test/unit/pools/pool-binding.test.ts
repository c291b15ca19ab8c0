import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  DriverRig,
  ipamNetwork,
  NETWORK,
  NOTHING_LEFT,
  refusal,
} from '../../support/fakes/driver-rig.ts';

const SUBNET = '10.50.0.0/24';
const SECOND = 'o'.repeat(64);
const BY_O = { parent: 'eth1', vlan: '500' };

let rig: DriverRig;
beforeEach(() => {
  rig = new DriverRig();
});
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
});

const create = (options: Record<string, string>, networkId = NETWORK, pool = SUBNET) =>
  rig.createNetwork({ ...ipamNetwork(pool), networkId, options });
const poolsOf = (networkId: string) =>
  rig.registry.pools().filter((pool) => pool.networkId === networkId);
const idOf = ({ poolId }: { poolId: string }) => poolId.slice(-16);
/** `docker network create --subnet` with these `--ipam-opt`. */
const ask = (options: Record<string, string>, pool = SUBNET) => rig.requestPool({ options, pool });

describe('options are typed once', () => {
  it('by --ipam-opt: the network takes parent and VLAN from the pool', async () => {
    const pool = await ask({ ...BY_O, lease_timeout: '5s' });
    await create({});
    expect(rig.registry.findNetwork(NETWORK)).toMatchObject({
      options: { parent: 'eth1', vlan: 500, bridge: 'br500', leaseTimeoutMs: 5_000 },
      bounds: { within: [{ network: '10.50.0.0', prefixLength: 24 }], except: [] },
    });
    expect(poolsOf(NETWORK).map(({ id }) => id)).toEqual([idOf(pool)]);
  });

  it('by -o: the pool takes them from the network', async () => {
    const pool = await ask({});
    await create({ ...BY_O, bridge: 'fw' });
    expect(rig.registry.findPool(idOf(pool))).toMatchObject({
      options: { parent: 'eth1', vlan: 500, bridge: 'fw' },
      networkId: NETWORK,
    });
  });

  it('some here and some there, and the same in both', async () => {
    await ask({ ...BY_O, acd: 'off' });
    await create({ vlan: '500', bridge: 'fw' });
    expect(rig.registry.findNetwork(NETWORK)).toMatchObject({
      options: { parent: 'eth1', vlan: 500, bridge: 'fw', acd: 'off' },
    });
  });

  it('a contradiction is refused, with all that contradict', async () => {
    await ask({ ...BY_O, acd: 'off' });
    expect(await refusal(create({ vlan: '600', acd: 'full' }))).toEqual({
      code: 'INVALID_OPTION',
      message:
        '-o vlan=600 contradicts --ipam-opt vlan=500; -o acd=full contradicts --ipam-opt acd=off',
    });
    expect([rig.registry.networks(), poolsOf(NETWORK)]).toEqual([[], []]);
  });

  it('a pool that was asked for on the untagged parent is none of a VLAN', async () => {
    await rig.requestPool({ options: { parent: 'eth1' } });
    const { code, message } = await refusal(create({ vlan: '500' }, NETWORK, '192.0.2.0/24'));
    expect([code, message]).toEqual([
      'INVALID_OPTION',
      '-o vlan=500 contradicts --ipam-opt parent=eth1 without vlan=',
    ]);
  });

  it('a pool that was asked for behind an 802.1ad tag is none behind an outer 802.1Q tag', async () => {
    const options = { parent: 'eth1', vlan: '10.500' };
    await ask(options);
    expect((await refusal(create({ ...options, outer: '802.1q' }))).message).toBe(
      '-o outer=802.1q contradicts --ipam-opt vlan=10.500 without outer=',
    );
    await create({ ...options, outer: '802.1ad' });
    expect(rig.registry.findNetwork(NETWORK)).toMatchObject({ options: { vlan: '10.500' } });
  });

  it('nowhere: the network says that the parent is missing', async () => {
    await ask({});
    expect((await refusal(create({}))).message).toContain('-o parent=LINK is missing');
    await ask({});
    expect((await refusal(create({}))).message).toContain('-o parent=LINK is missing');
  });

  it('on_no_server=late is refused by -o too', async () => {
    await ask({});
    expect((await refusal(create({ ...BY_O, on_no_server: 'late' }))).message).toMatch(
      /^on_no_server=late does not go/,
    );
    expect(rig.registry.networks()).toEqual([]);
  });

  it('a mistake in -o is named as it was typed', async () => {
    await ask(BY_O);
    expect((await refusal(create({ colour: 'red' }))).message).toContain('-o colour is unknown');
  });
});

describe('CreateNetwork names a subnet and no pool', () => {
  it('that nobody asked for: refused', async () => {
    await ask(BY_O);
    expect(await refusal(create({}, NETWORK, '10.51.0.0/24'))).toEqual({
      code: 'POOL_UNKNOWN',
      message:
        'the subnet 10.51.0.0/24 is of no pool that was asked for just now; create the network again',
    });
  });

  it('asked for a minute ago: that was another command', async () => {
    await ask(BY_O);
    await rig.clock.pass(60_000);
    expect((await refusal(create({}))).code).toBe('POOL_UNKNOWN');
  });

  it('a pool has one network', async () => {
    await ask(BY_O);
    await create({});
    expect((await refusal(create({}, SECOND))).code).toBe('POOL_UNKNOWN');
  });

  it('asked for twice on one segment: the newest is meant', async () => {
    await ask(BY_O);
    await rig.clock.pass(1_000);
    const newest = await ask(BY_O);
    await create({});
    expect(poolsOf(NETWORK).map(({ id }) => id)).toEqual([idOf(newest)]);
  });

  it('two networks on one VLAN each have their own', async () => {
    const one = await ask(BY_O);
    await create({});
    const other = await ask(BY_O);
    await create({}, SECOND);
    expect([poolsOf(NETWORK), poolsOf(SECOND)]).toMatchObject([
      [{ id: idOf(one) }],
      [{ id: idOf(other) }],
    ]);
  });

  it('on two segments just now: both sets of options are asked for, and then it is clear', async () => {
    const one = await ask(BY_O);
    await ask({ parent: 'eth1', vlan: '600' });
    expect(await refusal(create({}))).toEqual({
      code: 'POOL_CONFLICT',
      message:
        'the subnet 10.50.0.0/24 was asked for on VLAN 600 of eth1 and on VLAN 500 of eth1 just now; give the same parent= and vlan= both by -o and by --ipam-opt',
    });
    await create(BY_O);
    expect(poolsOf(NETWORK).map(({ id }) => id)).toEqual([idOf(one)]);
  });

  it('a pool of another driver that names no parent is not in the way', async () => {
    await ask({});
    const ours = await ask(BY_O);
    await create({});
    expect(poolsOf(NETWORK).map(({ id }) => id)).toEqual([idOf(ours)]);
  });

  it('two subnets are one too many', async () => {
    await ask(BY_O);
    const data = { addressSpace: 'vlandhcp', pool: SUBNET, gateway: '' };
    const failed = refusal(rig.createNetwork({ options: BY_O, ipv4Data: [data, data] }));
    expect((await failed).code).toBe('UNSUPPORTED');
  });

  it('two IPv6 subnets are one too many', async () => {
    await ask(BY_O);
    const data = { addressSpace: 'vlandhcp', pool: 'fd00::/64', gateway: '' };
    const request = { ...ipamNetwork(SUBNET), options: BY_O, ipv6Data: [data, data] };
    expect((await refusal(rig.createNetwork(request))).code).toBe('UNSUPPORTED');
  });

  it('another IPAM driver’s subnet is refused as before', async () => {
    await ask(BY_O);
    const data = { addressSpace: 'LocalDefault', pool: SUBNET, gateway: '' };
    const failed = refusal(rig.createNetwork({ options: BY_O, ipv4Data: [data] }));
    expect((await failed).code).toBe('UNSUPPORTED');
  });
});

describe('a CreateNetwork that fails or repeats', () => {
  it('the same again is no error, also after a restart', async () => {
    await ask(BY_O);
    await create({});
    await create({});
    await rig.restart();
    await rig.clock.pass(120_000);
    await create({});
    expect(rig.registry.networks()).toHaveLength(1);
  });

  it.each(['save networks', 'save pools'] as const)(
    '%s fails: no network and no link, the pool is free again',
    async (call) => {
      const pool = await ask(BY_O);
      rig.store.failing.add(call);
      const { message } = await refusal(create({}));
      expect(message).toContain(`${call} failed`);
      rig.store.failing.clear();
      expect([rig.registry.networks(), rig.store.networks, [...rig.host.links]]).toEqual([
        [],
        [],
        ['eth1'],
      ]);
      await create({});
      expect(poolsOf(NETWORK).map(({ id }) => id)).toEqual([idOf(pool)]);
    },
  );

  it('dockerd hung up: the same', async () => {
    await ask(BY_O);
    const gone = AbortSignal.abort();
    const request = { ...ipamNetwork(SUBNET), networkId: NETWORK };
    expect((await refusal(rig.createNetwork(request, gone))).code).toBe('CANCELLED');
    expect([rig.registry.networks(), poolsOf(NETWORK)]).toEqual([[], []]);
    await create({});
    expect(poolsOf(NETWORK)).toHaveLength(1);
  });

  it('the plugin dies between RequestPool and CreateNetwork: the network finds its pool', async () => {
    const pool = await ask(BY_O);
    await rig.restart();
    await create({});
    expect(poolsOf(NETWORK).map(({ id }) => id)).toEqual([idOf(pool)]);
  });

  it('bounds outlive a restart', async () => {
    const { poolId } = await rig.requestPool({ pool: SUBNET, subPool: '10.50.0.128/25' });
    await rig.requestReserved(poolId, '10.50.0.200');
    await create({});
    await rig.restart();
    expect(rig.registry.findNetwork(NETWORK)?.bounds).toEqual({
      within: [
        { network: '10.50.0.0', prefixLength: 24 },
        { network: '10.50.0.128', prefixLength: 25 },
      ],
      except: ['10.50.0.200'],
    });
  });

  it('and all of it goes with the network', async () => {
    const { poolId } = await ask(BY_O);
    await create({});
    await rig.ipam.releasePool(poolId);
    await rig.driver.removeNetwork(NETWORK);
    expect([rig.leftovers, rig.poolsLeft, [...rig.host.links]]).toEqual([
      NOTHING_LEFT,
      [],
      ['eth1'],
    ]);
  });
});
