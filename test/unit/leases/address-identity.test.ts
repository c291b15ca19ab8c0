import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OPTION } from '../../../plugin/dhcp4/options.ts';
import { macFromId } from '../../../plugin/options/endpoint-options.ts';
import {
  BOX,
  DriverRig,
  ENDPOINT,
  NETWORK,
  NOTHING_LEFT,
  refusal,
} from '../../support/fakes/driver-rig.ts';
import { ip, mac } from '../../support/frames/messages.ts';

const SUBNET = '192.0.2.0/24';
const OTHER = '02:42:00:00:00:02';
const SECOND = 'f'.repeat(64);
const PARENT_MAC = '02:00:00:00:00:e1';
const MINUTE = 60_000;
/** The client-id on the wire for the name `web` on VLAN 500 of this host. */
const WEB = `00${Buffer.from(`web@${PARENT_MAC}/500`).toString('hex')}`;

let rig: DriverRig;
let poolId: string;
beforeEach(() => {
  rig = new DriverRig();
});
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
});

async function withoutMac(): Promise<void> {
  rig.requiresMacAddress = false;
  await rig.restart();
}

const own = async (release = {}) =>
  void (poolId = await rig.createIpamNetwork({
    pool: { pool: SUBNET, options: { parent: 'eth1', vlan: '500', ...release } },
  }));
const foreign = async (release = {}) =>
  void (poolId = await rig.createForeignNetwork({
    pool: SUBNET,
    options: { parent: 'eth1', vlan: '500', ...release },
  }));
const clientIds = () => [...rig.server.leases.keys()];
const lastSent = () => rig.wire.sent.at(-1)!;

/** Starts a container on a network of ours. */
async function run(
  wish: Parameters<DriverRig['requestAddress']>[1] = {},
  { endpointId = ENDPOINT, userMac }: { endpointId?: string; userMac?: string } = {},
) {
  const address = await rig.requestAddress(poolId, wish);
  const macAddress = 'macAddress' in wish ? (wish.macAddress ?? '') : BOX;
  const answer = await rig.createEndpoint({
    endpointId,
    userMac,
    interface: { address, macAddress },
  });
  await rig.join(endpointId);
  return { address, answer };
}

async function stop(address: string, endpointId = ENDPOINT): Promise<void> {
  await rig.driver.leave(endpointId);
  await rig.driver.removeEndpoint(endpointId);
  await rig.ipam.releaseAddress(poolId, address.split('/')[0]!);
}

describe.each([
  ['ours', own],
  ['another driver', foreign],
] as const)('engines from 29 tell the name: a container of a network of %s', (_of, make) => {
  beforeEach(() => make());

  it('is known by name, parent MAC and VLAN, in text that fits a reservation', async () => {
    await rig.requestAddress(poolId, { name: 'web' });
    expect(clientIds()).toEqual([WEB]);
    expect(rig.wire.sent[0]!.message.chaddr).toBe(BOX);
  });

  it('a long name is cut to what fits option 61', async () => {
    await rig.requestAddress(poolId, { name: 'x'.repeat(300) });
    const id = rig.wire.sent[0]!.message.options.get(OPTION.CLIENT_ID)!;
    expect(id.length).toBeLessThan(255);
    expect(id[0]).toBe(0);
  });

  it('another name is another client', async () => {
    const first = await rig.requestAddress(poolId, { name: 'web' });
    const second = await rig.requestAddress(poolId, { name: 'db', macAddress: OTHER });
    expect(second).not.toBe(first);
    expect(new Set(clientIds()).size).toBe(2);
  });

  it('the parent has no MAC to tell hosts apart: known by its own', async () => {
    rig.host.macs.delete('eth1');
    await rig.requestAddress(poolId, { name: 'web' });
    expect(clientIds()).toEqual([BOX]);
  });
});

describe('the same name again', () => {
  it('after rm and run: held, and claimed in one round trip under another MAC', async () => {
    await own();
    const { address } = await run({ name: 'web' });
    await stop(address);
    expect(rig.store.held).toHaveLength(1);
    const sent = rig.wire.sent.length;
    const again = await run({ name: 'web', macAddress: OTHER }, { endpointId: SECOND });
    expect(again.address).toBe(address);
    expect(rig.wire.sentTypes.slice(sent)).toEqual(['REQUEST']);
    expect(rig.wire.sent[sent]!.message.chaddr).toBe(OTHER);
    expect([rig.store.held, rig.record(SECOND)]).toMatchObject([[], { mac: OTHER, clientId: WEB }]);
  });

  it('under another driver too', async () => {
    await foreign();
    const address = await rig.requestAddress(poolId, { name: 'web' });
    await rig.ipam.releaseAddress(poolId, '192.0.2.50');
    expect([rig.store.held.length, rig.leases.size]).toEqual([1, 0]);
    const sent = rig.wire.sent.length;
    expect(await rig.requestAddress(poolId, { name: 'web', macAddress: OTHER })).toBe(address);
    expect(rig.wire.sentTypes.slice(sent)).toEqual(['REQUEST']);
    expect(rig.store.held).toEqual([]);
  });

  it('names that Docker makes up and that never return do not pile up: ten minutes each', async () => {
    await foreign();
    for (let i = 0; i < 10; i += 1) {
      const given = await rig.requestAddress(poolId, { name: `happy_turing${i}` });
      await rig.ipam.releaseAddress(poolId, given.split('/')[0] ?? '');
      await rig.clock.pass(5 * MINUTE);
      expect(rig.store.held.length).toBeLessThanOrEqual(2);
    }
    await rig.clock.pass(10 * MINUTE);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it.each([
    'web.1.tq0v6n5s3m2k1j8h7g4f5d6c9',
    'web.abcdefghijklmnopqrstuvwxy.tq0v6n5s3m2k1j8h7g4f5d6c9',
  ])(
    'a task of Swarm, whose name never returns: by MAC, and given back at once: %s',
    async (name) => {
      await own();
      const { address } = await run({ name });
      expect(clientIds()).toEqual([BOX]);
      await stop(address);
      expect(rig.leftovers).toEqual(NOTHING_LEFT);
    },
  );

  it.each(['web.1', 'a.b.c', 'web.1.tq0v6n5s3m2k1j8h7g4f5d6c', 'tq0v6n5s3m2k1j8h7g4f5d6c9'])(
    'a name that a person gave, whatever it looks like: %s',
    async (name) => {
      await own();
      const { address } = await run({ name });
      await stop(address);
      expect(rig.store.held).toHaveLength(1);
    },
  );

  it('not within the hold time: given back, and the server’s memory decides', async () => {
    await own();
    const { address } = await run({ name: 'web' });
    await stop(address);
    await rig.clock.pass(10 * MINUTE - 1);
    expect(rig.store.held).toHaveLength(1);
    await rig.clock.pass(1);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
    expect((await run({ name: 'web', macAddress: OTHER })).address).toBe(address);
  });

  it.each([
    ['ours', own],
    ['another driver', foreign],
  ] as const)('of a container of %s that was renamed and runs: by MAC', async (_of, make) => {
    await make();
    if (make === own) await run({ name: 'web' });
    else {
      await rig.requestAddress(poolId, { name: 'web' });
      rig.host.sandboxAddresses = new Set([ip('192.0.2.50')]);
    }
    expect(await rig.requestAddress(poolId, { name: 'web', macAddress: OTHER })).toBe(
      '192.0.2.51/24',
    );
    expect(clientIds()).toEqual([WEB, OTHER]);
    expect(rig.server.leases.get(WEB)).toBe('192.0.2.50');
  });

  it('containers cannot be looked into: who has the name may be running; by MAC', async () => {
    await foreign();
    await rig.requestAddress(poolId, { name: 'web' });
    rig.host.sandboxAddresses = undefined;
    expect(await rig.requestAddress(poolId, { name: 'web', macAddress: OTHER })).toBe(
      '192.0.2.51/24',
    );
    expect([clientIds(), rig.leases.size]).toEqual([[WEB, OTHER], 2]);
  });

  it('on two networks of one VLAN: the second time by MAC', async () => {
    await own();
    await run({ name: 'web' });
    const other = await rig.createIpamNetwork({
      pool: { pool: SUBNET },
      network: { networkId: SECOND },
    });
    await rig.requestAddress(other, { name: 'web', macAddress: OTHER });
    expect(clientIds()).toEqual([WEB, OTHER]);
  });
});

describe('IPAM_REQUIRE_MAC=false, a network of ours', () => {
  beforeEach(async () => {
    await withoutMac();
    await own();
  });
  const anonymous = { macAddress: undefined };

  it('with a name: the MAC is derived from it, and CreateEndpoint answers it', async () => {
    const { answer } = await run({ ...anonymous, name: 'web' });
    expect(answer).toEqual({ address: undefined, macAddress: macFromId(WEB) });
    expect([clientIds(), rig.record()]).toMatchObject([[WEB], { mac: macFromId(WEB) }]);
  });

  it('without: a random one, whose lease is given back at once', async () => {
    const { answer, address } = await run(anonymous);
    expect(answer).toEqual({ address: undefined, macAddress: rig.record().mac });
    expect(clientIds()).toEqual([answer.macAddress]);
    await stop(address);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('each has its own', async () => {
    await rig.requestAddress(poolId, anonymous);
    await rig.requestAddress(poolId, anonymous);
    expect(new Set(clientIds()).size).toBe(2);
  });

  it('a --mac-address is learned too late, and refused with the way out', async () => {
    const address = await rig.requestAddress(poolId, anonymous);
    const created = rig.createEndpoint({ interface: { address, macAddress: BOX }, userMac: BOX });
    const { code, message } = await refusal(created);
    expect([code, message]).toEqual([
      'INVALID_OPTION',
      expect.stringMatching(/^--mac-address 02:42:00:00:00:01 came after .*IPAM_REQUIRE_MAC=true/),
    ]);
    await rig.ipam.releaseAddress(poolId, address.split('/')[0]!);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('--ip without anything else, as engines before 29 ask, is leased and not reserved', async () => {
    expect(await rig.requestReserved(poolId, '192.0.2.50')).toBe('192.0.2.50/24');
    expect([rig.server.leases.size, rig.registry.pools()[0]!.reserved]).toEqual([1, []]);
  });
});

describe('IPAM_REQUIRE_MAC=false, a network of another driver', () => {
  beforeEach(async () => {
    await withoutMac();
    await foreign();
  });
  const anonymous = { macAddress: undefined };

  it('all speak with the MAC of the VLAN’s link, as clients of their own, and ask for broadcasts', async () => {
    const first = await rig.requestAddress(poolId, anonymous);
    const second = await rig.requestAddress(poolId, anonymous);
    expect(second).not.toBe(first);
    expect(new Set(rig.wire.sent.map(({ message }) => message.chaddr))).toEqual(
      new Set([PARENT_MAC]),
    );
    expect(rig.wire.sent.every(({ message }) => message.broadcast)).toBe(true);
    expect(new Set(clientIds()).size).toBe(2);
    expect(clientIds().every((id) => /^00[0-9a-f]{32}$/.test(id))).toBe(true);
  });

  it('a reply to one of them does not confuse the others', async () => {
    await rig.requestAddress(poolId, anonymous);
    await rig.requestAddress(poolId, anonymous);
    await rig.clock.pass(2_000_000);
    expect(rig.log.messages('info').filter((text) => text === 'lease renewed')).toHaveLength(2);
    expect(new Set(rig.registry.addresses().map(({ lease }) => lease?.address)).size).toBe(2);
  });

  it('--ip right after the network was made is leased; what comes with it is --aux-address, then and later', async () => {
    await rig.requestReserved(poolId, '192.0.2.9');
    await rig.clock.pass(30);
    const sent = rig.wire.sent.length;
    expect(await rig.requestReserved(poolId, '192.0.2.9')).toBe('192.0.2.9/24');
    const { poolId: again } = await rig.requestPool({ pool: SUBNET }); // after a restart of dockerd
    await rig.clock.pass(30);
    expect(await rig.requestReserved(again, '192.0.2.9')).toBe('192.0.2.9/24');
    expect(rig.wire.sent).toHaveLength(sent);
    await rig.clock.pass(30);
    expect(await rig.requestReserved(again, '192.0.2.50')).toBe('192.0.2.50/24');
    expect([...rig.server.leases.values()]).toEqual(['192.0.2.50']);
  });

  it('with names: known by name, held, and claimed', async () => {
    const address = await rig.requestAddress(poolId, { ...anonymous, name: 'web' });
    expect(clientIds()).toEqual([WEB]);
    await rig.ipam.releaseAddress(poolId, '192.0.2.50');
    expect(rig.store.held).toMatchObject([{ clientId: WEB, isMacShared: true }]);
    expect(await rig.requestAddress(poolId, { ...anonymous, name: 'web' })).toBe(address);
    expect(lastSent().type).toBe('REQUEST');
  });

  it('without: given back when it is released', async () => {
    await rig.requestAddress(poolId, anonymous);
    await rig.ipam.releaseAddress(poolId, '192.0.2.50');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('the link has no MAC: the sentence names it', async () => {
    rig.host.macs.delete('eth1.500');
    expect((await refusal(rig.requestAddress(poolId, anonymous))).message).toBe(
      'link eth1.500 of VLAN 500 of eth1 has no Ethernet address to lease with; bring it back (ip link show eth1.500), then start the container again',
    );
  });
});

describe('the hold rule', () => {
  it('a network of ours: a MAC that a person chose is held', async () => {
    await own();
    const { address } = await run({}, { userMac: BOX });
    await stop(address);
    expect([rig.store.held.length, rig.server.leases.size]).toEqual([1, 1]);
  });

  it.each([{}, { release: 'hold=10m' }])(
    'a MAC that was made up is given back at once: %j',
    async (release) => {
      await own(release);
      const { address } = await run();
      await stop(address);
      expect(rig.leftovers).toEqual(NOTHING_LEFT);
    },
  );

  it('another driver: given back, because no MAC there tells whether it returns', async () => {
    await foreign();
    await rig.requestAddress(poolId);
    await rig.ipam.releaseAddress(poolId, '192.0.2.50');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('held where a person typed release=', async () => {
    await foreign({ release: 'hold=10m' });
    const address = await rig.requestAddress(poolId);
    await rig.ipam.releaseAddress(poolId, '192.0.2.50');
    await rig.clock.pass(9 * MINUTE);
    const sent = rig.wire.sent.length;
    expect(await rig.requestAddress(poolId)).toBe(address);
    expect(rig.wire.sentTypes.slice(sent)).toEqual(['REQUEST']);
    await rig.ipam.releaseAddress(poolId, '192.0.2.50');
    await rig.clock.pass(10 * MINUTE);
    expect(lastSent()).toMatchObject({ type: 'RELEASE', place: { link: 'eth1.500' } });
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('release=now gives a named one back at once', async () => {
    await foreign({ release: 'now' });
    await rig.requestAddress(poolId, { name: 'web' });
    await rig.ipam.releaseAddress(poolId, '192.0.2.50');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('what is held goes with the network', async () => {
    await own();
    const { address } = await run({}, { userMac: mac(BOX) });
    await stop(address);
    await rig.ipam.releasePool(poolId);
    await rig.driver.removeNetwork(NETWORK);
    expect([rig.leftovers, rig.poolsLeft]).toEqual([NOTHING_LEFT, []]);
  });
});
