/** IPv6 addresses from a pool: which one Docker is told, where it is stored, and how it ends. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { Addresses6 } from '../../../plugin/leases/ipv6/addresses6.ts';
import type { GuardedIpv6 } from '../../../plugin/leasing/ipv6/guarded-ipv6.ts';
import { parsePool6Id } from '../../../plugin/pools/pool-id.ts';
import { parseSubnet6 } from '../../../plugin/wire/address6.ts';
import { settled } from '../../support/time/fake-clock.ts';
import { ip6 } from '../../support/frames/messages.ts';
import { BOX, DriverRig, NETWORK, NOTHING_LEFT, refusal } from '../../support/fakes/driver-rig.ts';

const SUBNET = '192.0.2.0/24';
const SUBNET6 = '2001:db8:500::/64';
/** Of BOX. */
const SIX = '2001:db8:500:0:42:ff:fe00:1';
const OTHER = '02:42:00:00:00:02';

let rig: DriverRig;
let four: string;
let six: string;
beforeEach(() => {
  rig = new DriverRig();
});
afterEach(() => rig.stop());

async function pools(options: Record<string, string> = {}): Promise<void> {
  const given = { parent: 'eth1', vlan: '500', ...options };
  four = (await rig.requestPool({ pool: SUBNET, options: given })).poolId;
  six = (await rig.requestPool({ pool: SUBNET6, v6: true, options: given })).poolId;
}

async function ours(options: Record<string, string> = { ipv6: 'slaac' }): Promise<void> {
  await pools();
  const data = (pool: string) => [{ addressSpace: 'vlandhcp', pool, gateway: '' }];
  await rig.createNetwork({ options, ipv4Data: data(SUBNET), ipv6Data: data(SUBNET6) });
}

async function foreign(options: Record<string, string> = {}): Promise<void> {
  await pools(options);
  rig.host.addSegmentLink('eth1.500');
}

const startBoth = async (wish: Parameters<DriverRig['requestAddress']>[1] = {}) => {
  const address = await rig.requestAddress(four, { ...wish, address: '' });
  return [address, await rig.requestAddress(six, wish)];
};
const container = (addressIpv6: string) =>
  rig.createEndpoint({ interface: { address: '192.0.2.50/24', addressIpv6, macAddress: BOX } });

describe('a network of ours', () => {
  it('a conflict while CreateEndpoint writes: the record of the container has it', async () => {
    await ours();
    await startBoth();
    const { id } = rig.registry.addresses()[0]!;
    const client = rig.leases.ipv6(id)!;
    const contested = [ip6(SIX)];
    const save = rig.store.save.bind(rig.store);
    vi.spyOn(rig.store, 'save').mockImplementationOnce(async (...args) => {
      client.resume({ ...client.terms, contested });
      await settled();
      return save(...args);
    });
    await container(`${SIX}/64`);
    await settled();
    expect(rig.record().ipv6).toMatchObject({ address: undefined, contested });
  });

  it('its record has the subnet, and --ipv6 means ipv6=auto', async () => {
    await ours({});
    expect(rig.registry.findNetwork(NETWORK)).toMatchObject({
      subnet6: { network: '2001:db8:500::', prefixLength: 64 },
      options: { ipv6: 'auto' },
    });
  });

  it('ipv6=off beside --ipv6 is a contradiction', async () => {
    expect((await refusal(ours({ ipv6: 'off' }))).message).toBe(
      'ipv6=off contradicts --ipv6 and the subnet 2001:db8:500::/64; leave one of the two out',
    );
    expect(rig.registry.networks()).toEqual([]);
  });

  it('links without room for IPv6 are refused when the network is made', async () => {
    rig.host.hasIpv6 = () => false;
    expect((await refusal(ours())).message).toMatch(/^containers of this network cannot have IPv6/);
    expect(rig.registry.networks()).toEqual([]);
  });

  it('subnet and MAC make the address; it is on the record of the IPv4 lease', async () => {
    await ours();
    expect(await startBoth()).toEqual(['192.0.2.50/24', `${SIX}/64`]);
    const given = { address: SIX, prefixLength: 64, source: 'slaac' };
    expect(rig.store.contents.leases).toMatchObject([
      {
        lease: { address: '192.0.2.50' },
        ipv6: { address: given, answered: given, isGiven: true },
      },
    ]);
  });

  it('CreateEndpoint repeats neither address, also after a restart, and Join keeps it', async () => {
    await ours();
    await startBoth();
    await rig.restart();
    const answer = await container(`${SIX}/64`);
    expect([answer.address, answer.addressIpv6]).toEqual([undefined, undefined]);
    await rig.join();
    await rig.restart();
    expect(rig.record().ipv6).toMatchObject({
      ...{ address: { address: SIX }, answered: { address: SIX }, isGiven: true },
    });
    expect(rig.leases.ipv6(rig.record().leaseId)?.terms.address?.address).toBe(SIX);
  });

  it('another IPv6 address than the one that was given is refused', async () => {
    await ours();
    await startBoth();
    for (const other of ['2001:db8:500::9/64', '']) {
      expect((await refusal(container(other))).message).toMatch(/was not given for 192\.0\.2\.50/);
    }
  });

  it('an MTU without IPv6 refuses the start in one sentence', async () => {
    await ours();
    await startBoth();
    rig.host.hasIpv6 = () => false;
    expect((await refusal(container(`${SIX}/64`))).message).toMatch(
      /^the container cannot have 2001:db8:500:0:42:ff:fe00:1, because of its link: /,
    );
  });

  it('no router and no server: patience, then subnet and MAC', async () => {
    await ours({ ipv6: 'dhcp', ipv6_patience: '2' });
    await rig.requestAddress(four);
    let answer = '';
    void rig.requestAddress(six).then((text) => (answer = text));
    await rig.clock.pass(1_999);
    expect(answer).toBe('');
    await rig.clock.pass(1);
    expect(answer).toBe(`${SIX}/64`);
  });

  it('--ip6: within the subnet, for one container', async () => {
    await ours();
    const chosen = { address: '2001:db8:500::77' };
    expect(await startBoth(chosen)).toEqual(['192.0.2.50/24', '2001:db8:500::77/64']);
    expect(rig.store.contents.leases[0]!.ipv6?.answered?.source).toBe('static');
    expect((await refusal(startBoth({ ...chosen, macAddress: OTHER }))).message).toBe(
      `--ip6 2001:db8:500::77 belongs to another container of this host, MAC ${BOX}; stop that one, or ask for another`,
    );
    const outside = { address: '2001:db8:600::77', macAddress: OTHER };
    expect((await refusal(startBoth(outside))).code).toBe('INVALID_OPTION');
    // Docker never releases the IPv4 addresses of the two starts that failed.
    expect(rig.leftovers.addresses).toEqual(['192.0.2.50', '192.0.2.50']);
  });

  it('a disk that refuses the write: the IPv4 address of that start ends, too', async () => {
    await ours();
    await rig.requestAddress(four);
    rig.store.failing.add('save leases');
    expect((await refusal(rig.requestAddress(six))).code).toBe('STATE_UNWRITABLE');
    rig.store.failing.clear();
    expect(rig.leftovers).toEqual({ ...NOTHING_LEFT });
  });

  it('without a MAC the newest start is meant', async () => {
    rig.stop();
    rig = new DriverRig();
    rig.requiresMacAddress = false;
    await rig.restart();
    await ours();
    await rig.clock.pass(100);
    await rig.requestAddress(four, { macAddress: undefined });
    const { mac } = rig.registry.addresses()[0]!;
    const answer = await rig.requestAddress(six, { macAddress: undefined });
    expect(answer).toMatch(/^2001:db8:500:.*\/64$/);
    const again = rig.ipam.requestAddress(
      { poolId: six, address: '2001:db8:500::5', purpose: undefined },
      new AbortController().signal,
    );
    expect(await again).toBe('2001:db8:500::5/64'); // --aux-address
    expect(rig.registry.addresses()[0]).toMatchObject({ mac, ipv6: { isGiven: true } });
  });

  it('no IPv4 address was leased: an error, not an address of nobody', async () => {
    await ours();
    expect((await refusal(rig.requestAddress(six))).code).toBe('POOL_UNKNOWN');
  });

  it('routers that offer another prefix: one warning, until they offer the subnet', async () => {
    await ours();
    await rig.requestAddress(four);
    let offered = ['2001:db8:600::/64', '2001:db8:700::/64'];
    const client = {
      ...{ terms: { address: undefined, lease: undefined }, give: () => undefined },
      get prefixes() {
        return offered.map((text) => parseSubnet6(text));
      },
    } as unknown as GuardedIpv6;
    const { registry, addresses, clock, log } = rig;
    const leases = { ipv6: () => client };
    const addresses6 = new Addresses6({ registry, addresses, leases, clock, log });
    const ask = async () => {
      const wish = { address: '', macAddress: BOX };
      await addresses6.lease(parsePool6Id(six)!, wish, new AbortController().signal);
      return log.messages('warn').filter((text) => text.startsWith('the routers offer other'));
    };
    expect(await ask()).toHaveLength(1);
    expect(await ask()).toHaveLength(1);
    offered = [SUBNET6];
    expect(await ask()).toHaveLength(1);
    offered = ['2001:db8:700::/64'];
    expect(await ask()).toHaveLength(2);
  });

  it('its end: releases and a removed network leave nothing', async () => {
    await ours();
    await startBoth();
    await container(`${SIX}/64`);
    await rig.driver.removeEndpoint('e'.repeat(64));
    await rig.ipam.releaseAddress(four, '192.0.2.50');
    await rig.ipam.releaseAddress(six, SIX);
    await rig.ipam.releaseAddress(six, 'fe80::1');
    await rig.ipam.releasePool(four);
    await rig.ipam.releasePool(six);
    await rig.driver.removeNetwork(NETWORK);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
    expect(rig.poolsLeft).toEqual([]);
  });
});

describe("a network of Docker's own driver", () => {
  it('subnet and MAC make the address, and it ends with the IPv4 one', async () => {
    await foreign();
    expect(await startBoth()).toEqual(['192.0.2.50/24', `${SIX}/64`]);
    await rig.restart();
    expect(rig.registry.addresses()).toMatchObject([{ ipv6: { answered: { address: SIX } } }]);
    await rig.ipam.releaseAddress(four, '192.0.2.50');
    await rig.ipam.releaseAddress(six, SIX);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('ipvlan, where all share one MAC: each its own address', async () => {
    rig.stop();
    rig = new DriverRig();
    rig.requiresMacAddress = false;
    await rig.restart();
    await foreign();
    await rig.clock.pass(100);
    const one = await rig.requestAddress(four, { macAddress: undefined, name: 'one' });
    const first = await rig.requestAddress(six, { macAddress: undefined, name: 'one' });
    await rig.requestAddress(four, { macAddress: undefined, name: 'two' });
    const second = await rig.requestAddress(six, { macAddress: undefined, name: 'two' });
    expect(first).not.toBe(second);
    await rig.ipam.releaseAddress(four, one.replace('/24', ''));
    await rig.requestAddress(four, { macAddress: undefined, name: 'one' });
    expect(await rig.requestAddress(six, { macAddress: undefined, name: 'one' })).toBe(first);
  });

  it('without IPv4: the address alone, and nothing is stored', async () => {
    await foreign();
    expect(await rig.requestAddress(six)).toBe(`${SIX}/64`);
    expect(await rig.requestAddress(six, { address: '2001:db8:500::7' })).toBe(
      '2001:db8:500::7/64',
    );
    expect(rig.registry.leases()).toEqual([]);
  });

  it('ipv6=dhcp is refused before anything is leased', async () => {
    await rig.started();
    await foreign({ ipv6: 'dhcp' });
    expect(await refusal(rig.requestAddress(four))).toMatchObject({ code: 'INVALID_OPTION' });
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });
});
