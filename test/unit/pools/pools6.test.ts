/** IPv6 pools: what may be asked, what their PoolIDs say, and which gateway Docker is told. */
import { beforeEach, describe, expect, it } from 'vitest';
import { formatPool6Id, parsePool6Id, parsePoolId } from '../../../plugin/pools/pool-id.ts';
import { Pools6 } from '../../../plugin/pools/pools6.ts';
import { parseSubnet6, type Ipv6 } from '../../../plugin/wire/address6.ts';
import { PATIENT, refusal } from '../../support/fakes/driver-rig.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { FakeHost } from '../../support/fakes/fake-host/fake-host.ts';
import { MemoryLogger } from '../../support/fakes/memory-logger.ts';
import { ip6 } from '../../support/frames/messages.ts';

const SUBNET = '2001:db8:500::/64';
const ID = '0123456789abcdef';
const subnet = parseSubnet6(SUBNET)!;

let router: Ipv6 | undefined;
let host: FakeHost;
let log: MemoryLogger;
let pools: Pools6;
beforeEach(() => {
  router = undefined;
  host = new FakeHost();
  log = new MemoryLogger();
  pools = new Pools6({
    ...{ host: host.asPlainObject(), clock: new FakeClock(), log },
    askRouter: () => Promise.resolve(router),
  });
});

const asked = (parts: { pool?: string; subPool?: string; options?: object } = {}) => {
  const options = { parent: 'eth1', vlan: '500' };
  const request = { addressSpace: 'vlandhcp', pool: SUBNET, subPool: '', v6: true };
  return { ...request, ...parts, options: { ...options, ...parts.options } };
};
const refused = (parts: Parameters<typeof asked>[0]) =>
  refusal(Promise.resolve().then(() => pools.request(asked(parts))));

describe('RequestPool', () => {
  it('the PoolID says all of the pool, and no gateway is told yet', () => {
    const { poolId, pool, gateway } = pools.request(asked());
    expect([pool, gateway]).toEqual([SUBNET, undefined]);
    expect(poolId).toMatch(/^v1:6:eth1:500:2001:db8:500::\/64:[0-9a-f]{16}$/);
    expect(parsePool6Id(poolId)).toEqual({ parent: 'eth1', vlan: 500, subnet });
    expect(parsePoolId(poolId)).toBeUndefined();
  });

  it.each([
    [{}, `v1:6::0:${SUBNET}:${ID}`],
    [{ parent: 'bond0.7' }, `v1:6:bond0.7:0:${SUBNET}:${ID}`],
    [{ parent: 'eth1', vlan: '10.500', outer: '802.1q' }, `v1:6:eth1:10q.500:${SUBNET}:${ID}`],
  ])('PoolIDs of %j', (given: Record<string, string>, text) => {
    expect(formatPool6Id(ID, given, subnet)).toBe(text);
    expect(parsePool6Id(text)).toMatchObject({ subnet });
  });

  it.each([
    `v1:4:eth1:500:10.50.0.0/24:${ID}`,
    `v1:6:eth1:500:10.50.0.0/24:${ID}`,
    `v1:6:eth1:500:${SUBNET}`,
    `v1:6:eth1:10.5000:${SUBNET}:${ID}`,
    `v1:6:et/h1:500:${SUBNET}:${ID}`,
  ])('%j is none', (text) => {
    expect(parsePool6Id(text)).toBeUndefined();
  });

  it.each(['2001:db8::/48', '2001:db8::/112', 'fe80::/64', 'ff02::/64', '10.50.0.0/24', 'x'])(
    '--subnet %s: only a /64 of routers',
    async (pool) => {
      expect((await refused({ pool })).message).toMatch(
        /^--subnet ".*" is not a \/64 of global or/,
      );
    },
  );

  it.each([
    [{ pool: '' }, /^--ipv6 with --ipam-driver vlandhcp needs the VLAN's prefix, such as --subnet/],
    [{ subPool: '2001:db8:500::/96' }, /^--ip-range 2001:db8:500::\/96 cannot be kept: /],
    [{ options: { mode: 'ipvlan' } }, /ipv6= cannot be had with mode=ipvlan/],
    [{ options: { mtu: '1000' } }, /ipv6= cannot be had with mtu=1000/],
    [{ options: { colour: 'red' } }, /colour/],
  ])('%j is refused', async (parts, message) => {
    expect((await refused(parts)).message).toMatch(message);
  });
});

describe('the gateway', () => {
  const pool = { parent: 'eth1', vlan: 500, subnet };

  it('is the one of --gateway, if it is in the subnet', async () => {
    expect(await pools.gateway(pool, '2001:db8:500::9', PATIENT)).toBe('2001:db8:500::9/64');
    expect((await refusal(pools.gateway(pool, '2001:db8:600::9', PATIENT))).message).toBe(
      '--gateway 2001:db8:600::9 is not an address in the subnet 2001:db8:500::/64 of this network',
    );
  });

  it('is the router that answers, or else the first address, with a warning', async () => {
    router = ip6('fe80::1');
    expect(await pools.gateway(pool, '', PATIENT)).toBe('fe80::1/64');
    router = undefined;
    expect(await pools.gateway(pool, '', PATIENT)).toBe('2001:db8:500::1/64');
    expect(log.messages('warn')).toEqual([
      "no router has advertised itself; Docker is told the subnet's first address as the gateway",
    ]);
  });

  it('is a guess where no segment was named, and where its link cannot be made', async () => {
    router = ip6('fe80::1');
    const nowhere = { ...pool, parent: undefined };
    expect(await pools.gateway(nowhere, '', PATIENT)).toBe('2001:db8:500::1/64');
    expect(log.messages('warn')).toEqual([]);
    host.failing.set('withSegmentLink', new Error('no link'));
    expect(await pools.gateway(pool, '', PATIENT)).toBe('2001:db8:500::1/64');
  });
});
