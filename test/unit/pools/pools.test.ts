import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OPTION } from '../../../plugin/dhcp4/options.ts';
import { DriverRig, NETWORK, NOTHING_LEFT, refusal } from '../../support/fakes/driver-rig.ts';
import { ip, mac } from '../../support/frames/messages.ts';

const OPTIONS = { parent: 'eth1', vlan: '500' };
const SUBNET = '192.0.2.0/24';
const MAC_OPTION = '02:00:00:00:00:e1';

let rig: DriverRig;
beforeEach(() => {
  rig = new DriverRig();
});
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
});

/** A server with other answers. */
function withServer(parts: ConstructorParameters<typeof DriverRig>[0]): void {
  rig.stop();
  rig = new DriverRig(parts);
}

/** Expects a refusal at the end of the time limit, because nobody answers. */
async function refusedInSilence(work: Promise<unknown>, ms = 6_000) {
  const failed = refusal(work);
  await rig.clock.pass(ms);
  return failed;
}

describe('RequestPool without --subnet asks the wire', () => {
  it('DISCOVER and nothing after the OFFER: true subnet, true router, no lease', async () => {
    const answer = await rig.requestPool();
    expect(answer).toMatchObject({ pool: SUBNET, gateway: '192.0.2.1/24' });
    expect(answer.poolId).toMatch(/^v1:4:eth1:500:192\.0\.2\.0\/24:[0-9a-f]{16}$/);
    expect(rig.wire.sentTypes).toEqual(['DISCOVER']);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
    await rig.clock.pass(60_000);
    expect(rig.wire.sentTypes).toEqual(['DISCOVER']);
  });

  it('under the MAC of the link that carries the VLAN, so that no switch learns a new one', async () => {
    await rig.requestPool();
    const [{ message, place }] = rig.wire.sent as [(typeof rig.wire.sent)[0]];
    expect(message.chaddr).toBe(MAC_OPTION);
    expect(message.options.get(OPTION.CLIENT_ID)).toEqual(Uint8Array.of(1, 2, 0, 0, 0, 0, 0xe1));
    expect(place).toEqual({ link: 'eth1.500', promiscuous: true });
  });

  it('with a link made for the question alone: the network driver makes its own later', async () => {
    await rig.requestPool();
    expect(rig.host.count('withSegmentLink')).toBe(1);
    expect([...rig.host.segmentLinks.keys()]).toEqual(['eth1']);
  });

  it('untagged too: the parent itself', async () => {
    const { poolId } = await rig.requestPool({ options: { parent: 'eth1' } });
    expect(rig.wire.sent[0]!.place).toEqual({ link: 'eth1', promiscuous: true });
    expect(poolId).toMatch(/^v1:4:eth1:0:/);
  });

  it('a server that names no router: no gateway is told', async () => {
    withServer({ server: { options: [[OPTION.ROUTER, Uint8Array.of()]] } });
    expect((await rig.requestPool()).gateway).toBeUndefined();
  });

  it('an offer of a server that is not in dhcp_server does not count', async () => {
    const options = { ...OPTIONS, dhcp_server: '192.0.2.9' };
    const { code, message } = await refusedInSilence(rig.requestPool({ options }));
    expect(code).toBe('NO_OFFER');
    expect(message).toContain('192.0.2.1 answered and is not in dhcp_server');
  });

  it('the parent is not Ethernet: the sentence names the segment, and nothing is left', async () => {
    rig.host.macs.clear();
    const { code, message } = await refusal(rig.requestPool());
    expect([code, message]).toEqual([
      'PARENT_LINK_UNUSABLE',
      'the link of VLAN 500 of eth1 is not Ethernet',
    ]);
    expect(rig.poolsLeft).toEqual([]);
  });

  it('the parent is missing: said, with what there is', async () => {
    const { code, message } = await refusal(rig.requestPool({ options: { parent: 'eth7' } }));
    expect([code, message.includes('eth1')]).toEqual(['PARENT_LINK_MISSING', true]);
  });

  it("a VLAN's link is typed as the parent, as Docker's macvlan wants it: said how to type it here", async () => {
    const { message } = await refusal(rig.requestPool({ options: { parent: 'eth1.500' } }));
    expect(message).toMatch(
      /^parent link eth1.500 does not exist; .*; for VLAN 500 of eth1 say --ipam-opt parent=eth1 --ipam-opt vlan=500$/,
    );
  });

  it('nobody answers: refused after 6 s, with what to look at and how to do without', async () => {
    rig.wire.server = () => [];
    const { code, message } = await refusedInSilence(rig.requestPool());
    expect([code, message]).toEqual([
      'NO_OFFER',
      'no DHCP server answered on VLAN 500 of eth1 in 6 s: sent 3 DISCOVER from 02:00:00:00:00:e1, heard nothing; check that a server or relay serves this segment and that the switch port carries it, tagged if it is a VLAN; to make the network without asking a server add --subnet',
    ]);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
    expect([rig.poolsLeft, rig.host.segmentLinks.size]).toEqual([[], 1]);
  });

  it('nobody answers, but a VLAN close by does: it is named, and creation takes no longer', async () => {
    rig.wire.server = () => [];
    rig.trunk.answer = (vlan) => (vlan === 501 ? [{ vlan }] : []);
    const { code, message } = await refusedInSilence(rig.requestPool());
    expect(code).toBe('NO_OFFER');
    expect(message).toMatch(
      /^no DHCP server answered on VLAN 500 of eth1 in 6 s: .* add --subnet; if VLAN 500 is the wrong number, these DHCP servers answer: 192\.0\.2\.1 on VLAN 501 of eth1$/,
    );
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
    expect([rig.poolsLeft, rig.trunk.isOpen]).toEqual([[], false]);
  });

  it('lease_timeout is shorter: refused by then', async () => {
    rig.wire.server = () => [];
    const options = { ...OPTIONS, lease_timeout: '2s' };
    expect((await refusedInSilence(rig.requestPool({ options }), 2_000)).code).toBe('NO_OFFER');
  });

  it('a server that probes for 3 s before it offers is waited for', async () => {
    rig.wire.server = () => [];
    const asked = rig.requestPool();
    await rig.clock.pass(1_999);
    rig.wire.server = rig.server.answer;
    await rig.clock.pass(1);
    expect(await asked).toMatchObject({ pool: SUBNET });
  });

  it('dockerd hangs up meanwhile: nothing is left', async () => {
    rig.wire.server = () => [];
    const hangUp = new AbortController();
    const failed = refusal(rig.requestPool({}, hangUp.signal));
    await rig.clock.pass(1_000);
    hangUp.abort(new Error('dockerd waits no longer'));
    expect(await failed).toEqual({
      code: 'CANCELLED',
      message: 'dockerd waits no longer, while asking on VLAN 500 of eth1',
    });
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
    expect([rig.poolsLeft, rig.host.segmentLinks.size]).toEqual([[], 1]);
  });

  it('dockerd had hung up before the record was written: it is taken back', async () => {
    const failed = refusal(
      rig.requestPool({ pool: SUBNET }, AbortSignal.abort(new Error('dockerd waits no longer'))),
    );
    expect((await failed).code).toBe('CANCELLED');
    expect(rig.poolsLeft).toEqual([]);
  });

  it('the record cannot be written: refused, nothing is left', async () => {
    rig.store.failing.add('save pools');
    expect((await refusal(rig.requestPool())).code).toBe('STATE_UNWRITABLE');
    expect([rig.poolsLeft, rig.leftovers]).toEqual([[], NOTHING_LEFT]);
  });
});

describe('RequestPool while no server answers', () => {
  const silent = () => {
    rig.wire.server = () => [];
  };

  it('another pool of the segment knows the subnet: it is the one of before, with a warning', async () => {
    const first = await rig.requestPool();
    silent();
    const again = rig.requestPool();
    await rig.clock.pass(6_000);
    expect(await again).toEqual({ ...first, poolId: expect.any(String) as string });
    expect((await again).poolId).not.toBe(first.poolId);
    expect(rig.log.messages('warn')).toContain(
      'no server answers; the subnet of an earlier answer is used',
    );
  });

  it('also after a restart', async () => {
    await rig.requestPool();
    await rig.restart();
    silent();
    const again = rig.requestPool();
    await rig.clock.pass(6_000);
    expect(await again).toMatchObject({ pool: SUBNET, gateway: '192.0.2.1/24' });
  });

  it('a pool of another segment knows nothing of this one', async () => {
    await rig.requestPool({ options: { parent: 'eth1', vlan: '600' } });
    silent();
    expect((await refusedInSilence(rig.requestPool())).code).toBe('NO_OFFER');
  });

  it('a pool that somebody typed is no witness', async () => {
    await rig.requestPool({ pool: '10.9.0.0/16' });
    silent();
    expect((await refusedInSilence(rig.requestPool())).code).toBe('NO_OFFER');
  });

  it('a socket that cannot be opened is not silence: the reason is told', async () => {
    await rig.requestPool();
    rig.wire.openProblem = () => new Error('no such device');
    expect((await refusal(rig.requestPool())).message).toBe('no such device');
    const always = 2; // timers that always run: the firewall's interval and the sweep
    expect([rig.clock.pending, rig.host.segmentLinks.size]).toEqual([always, 1]);
  });
});

describe('RequestPool with --subnet', () => {
  it('never needs the wire; the first host is the gateway until somebody knows better', async () => {
    await rig.started();
    rig.wire.server = () => [];
    const answer = await rig.requestPool({ pool: '10.50.0.0/24' });
    expect(answer).toMatchObject({ pool: '10.50.0.0/24', gateway: '10.50.0.1/24' });
    expect([rig.wire.sent, rig.host.calls]).toEqual([[], []]);
  });

  it('host bits are cleared', async () => {
    expect(await rig.requestPool({ pool: '10.50.0.77/24' })).toMatchObject({
      pool: '10.50.0.0/24',
      gateway: '10.50.0.1/24',
    });
  });

  it('needs no parent: a network of ours brings it', async () => {
    const { poolId } = await rig.requestPool({ pool: '10.50.0.0/24', options: {} });
    expect(poolId).toMatch(/^v1:4::0:10\.50\.0\.0\/24:/);
  });

  it('may overlap what the host has: it was typed', async () => {
    rig.host.hostSubnets = [{ destination: ip('10.0.0.0'), prefixLength: 8, what: 'a route' }];
    expect(await rig.requestPool({ pool: '10.50.0.0/24' })).toBeDefined();
  });

  it('the same one twice is two pools, each with its own release', async () => {
    const one = await rig.requestPool({ pool: '10.50.0.0/24' });
    const other = await rig.requestPool({ pool: '10.50.0.0/24' });
    expect(one.poolId).not.toBe(other.poolId);
    await rig.ipam.releasePool(one.poolId);
    expect(rig.registry.pools().map(({ id }) => id)).toEqual([other.poolId.slice(-16)]);
    expect(await rig.requestReserved(other.poolId, '', 'gateway')).toBe('10.50.0.1/24');
  });
});

describe('what may be asked of a pool', () => {
  const message = async (parts: Parameters<DriverRig['requestPool']>[0]) => {
    const { code, message: text } = await refusal(rig.requestPool(parts));
    expect([rig.wire.sent, rig.poolsLeft]).toEqual([[], []]);
    return `${code}: ${text}`;
  };

  it.each(['10.50.0.0', '10.50.0.0/31', '10.50.0.0/32', '0.0.0.0/0', 'x'])(
    'a subnet with room for a router and a container: not %s',
    async (pool) => {
      expect(await message({ pool })).toMatch(/^INVALID_OPTION: --subnet .* at most a \/30$/);
    },
  );

  it('an --ip-range within the subnet', async () => {
    expect(await message({ pool: '10.50.0.0/24', subPool: '10.51.0.0/25' })).toBe(
      'INVALID_OPTION: --ip-range 10.51.0.0/25 is not within the subnet 10.50.0.0/24',
    );
    expect(await message({ pool: '10.50.0.0/24', subPool: '10.50.0.0/23' })).toMatch(/not within/);
  });

  it('and within the subnet that a server tells', async () => {
    expect((await refusal(rig.requestPool({ subPool: '10.51.0.0/25' }))).message).toBe(
      '--ip-range 10.51.0.0/25 is not within the subnet 192.0.2.0/24',
    );
    expect(rig.poolsLeft).toEqual([]);
    expect(await rig.requestPool({ subPool: '192.0.2.128/25' })).toBeDefined();
  });

  it('without a parent and without a subnet nobody knows where: both ways are told', async () => {
    expect(await message({ options: {} })).toMatch(
      /^INVALID_OPTION: .*--ipam-opt parent=LINK --ipam-opt vlan=ID; or, for a network of vlandhcp, --subnet/,
    );
  });

  it('the options of a network, all mistakes in one answer, as they were typed', async () => {
    const options = { parent: 'eth1', vlan: '5000', colour: 'red' };
    const text = await message({ options });
    expect(text).toContain('--ipam-opt vlan=5000 is not a VLAN id from 1 to 4094');
    expect(text).toContain('--ipam-opt colour is unknown');
  });

  it.each([
    [500, '500'],
    [[500], '"[500]"'],
    [{ id: 500 }, String.raw`"{\"id\":500}"`],
    [null, 'null'],
  ])('options are text, not %j', async (vlan, shown) => {
    const text = `--ipam-opt vlan=${shown} is not text`;
    expect(await message({ options: { parent: 'eth1', vlan } })).toContain(text);
    expect(await message({ pool: SUBNET, options: { vlan } })).toContain(text);
  });

  it('also where the parent comes by -o', async () => {
    const options = { vlan: '5000' };
    expect(await message({ pool: SUBNET, options })).toContain('--ipam-opt vlan=5000');
  });

  it('no on_no_server=late: Docker wants an address at once', async () => {
    const options = { ...OPTIONS, on_no_server: 'late' };
    expect(await message({ options })).toMatch(/^INVALID_OPTION: on_no_server=late does not go/);
    expect(await message({ pool: SUBNET, options })).toMatch(/^INVALID_OPTION: on_no_server=late/);
  });
});

describe('libnetwork up to 26 asks without end for a pool that overlaps what the host has', () => {
  const route = { destination: ip('192.0.2.128'), prefixLength: 25, what: 'the route x of eth0' };

  it('a subnet that a server told and that overlaps is refused, with the way around', async () => {
    rig.host.hostSubnets = [route];
    expect(await refusal(rig.requestPool())).toEqual({
      code: 'POOL_CONFLICT',
      message:
        'the subnet 192.0.2.0/24 of this VLAN overlaps the route x of eth0 of the host, which Docker would take for a mistake; if it is none, say so with --subnet 192.0.2.0/24',
    });
    expect(rig.poolsLeft).toEqual([]);
  });

  it('a name server within it too', async () => {
    rig.host.hostSubnets = [{ destination: ip('192.0.2.53'), prefixLength: 32, what: 'the name' }];
    expect((await refusal(rig.requestPool())).code).toBe('POOL_CONFLICT');
  });

  it('what lies beside it does not matter', async () => {
    rig.host.hostSubnets = [{ ...route, destination: ip('192.0.3.0') }];
    expect(await rig.requestPool()).toBeDefined();
  });

  it('also where it is the subnet of before', async () => {
    await rig.requestPool();
    rig.wire.server = () => [];
    rig.host.hostSubnets = [route];
    expect((await refusedInSilence(rig.requestPool())).code).toBe('POOL_CONFLICT');
  });

  it('the host cannot be asked: refused, nothing is left', async () => {
    rig.host.failing.set('readHostSubnets', new Error('out of processes'));
    expect((await refusal(rig.requestPool())).message).toBe('out of processes');
    expect(rig.poolsLeft).toEqual([]);
  });

  it('an overlap that we do not see: the sixth in a row is refused', async () => {
    for (let i = 0; i < 5; i += 1) await rig.requestPool();
    const { code, message } = await refusal(rig.requestPool());
    expect([code, message]).toEqual(['POOL_CONFLICT', expect.stringContaining('again and again')]);
    expect(rig.registry.pools()).toHaveLength(5);
  });

  it('not by networks that somebody makes, or that are on other segments', async () => {
    for (let i = 0; i < 5; i += 1) {
      const network = { networkId: `${i}`.repeat(64) };
      await rig.createIpamNetwork({ network });
      await rig.clock.pass(100); // the `docker` command needs at least this long
    }
    for (const vlan of ['1', '2', '3', '4', '5']) {
      await rig.requestPool({ options: { parent: 'eth1', vlan } }).catch(() => undefined);
    }
    expect(await rig.requestPool()).toBeDefined();
  });

  it('nor at a person’s pace', async () => {
    for (let i = 0; i < 10; i += 1) {
      await rig.requestPool();
      await rig.clock.pass(1_000);
    }
    expect(rig.registry.pools()).toHaveLength(10);
  });
});

describe('addresses that Docker reserves', () => {
  let poolId: string;
  beforeEach(async () => {
    ({ poolId } = await rig.requestPool());
    rig.wire.sent.length = 0;
  });
  afterEach(() => {
    expect(rig.wire.sent).toEqual([]);
  });
  const pool = () => rig.registry.pools()[0]!;

  it('the gateway never causes DHCP: it is the router that the server told', async () => {
    expect(await rig.requestReserved(poolId, '', 'gateway')).toBe('192.0.2.1/24');
  });

  it('--gateway counts, and is what Docker shows from then on', async () => {
    expect(await rig.requestReserved(poolId, '192.0.2.254', 'gateway')).toBe('192.0.2.254/24');
    expect(pool().gateway).toEqual({ address: '192.0.2.254', from: 'user' });
    await rig.restart();
    expect(await rig.requestReserved(poolId, '', 'gateway')).toBe('192.0.2.254/24');
  });

  it.each(['192.0.3.1', '', 'fd00::1'])('--aux-address is in the subnet: not %j', async (text) => {
    expect(await refusal(rig.requestReserved(poolId, text))).toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(/^--aux-address .*192\.0\.2\.0\/24/) as string,
    });
    expect(pool().reserved).toEqual([]);
  });

  it('--gateway too', async () => {
    expect((await refusal(rig.requestReserved(poolId, '10.0.0.1', 'gateway'))).message).toMatch(
      /^--gateway 10\.0\.0\.1 is not an address in the subnet/,
    );
  });

  it('--aux-address never causes DHCP, and stays reserved until it is released', async () => {
    expect(await rig.requestReserved(poolId, '192.0.2.9')).toBe('192.0.2.9/24');
    expect(await rig.requestReserved(poolId, '192.0.2.9')).toBe('192.0.2.9/24');
    expect(await rig.requestReserved(poolId, '192.0.2.10')).toBe('192.0.2.10/24');
    expect(pool().reserved).toEqual(['192.0.2.9', '192.0.2.10']);
    await rig.restart();
    expect(pool().reserved).toEqual(['192.0.2.9', '192.0.2.10']);
    await rig.ipam.releaseAddress(poolId, '192.0.2.9');
    expect(pool().reserved).toEqual(['192.0.2.10']);
  });

  it('what cannot be written down is refused', async () => {
    rig.store.failing.add('save pools');
    expect((await refusal(rig.requestReserved(poolId, '192.0.2.9'))).code).toBe('STATE_UNWRITABLE');
    const gateway = rig.requestReserved(poolId, '192.0.2.254', 'gateway');
    expect((await refusal(gateway)).code).toBe('STATE_UNWRITABLE');
    expect(pool()).toMatchObject({ reserved: [], gateway: { address: '192.0.2.1' } });
  });

  it('a gateway that was never asked for is released all the same (libnetwork.md §3)', async () => {
    const before = pool();
    await rig.ipam.releaseAddress(poolId, '192.0.2.1');
    await rig.ipam.releaseAddress(poolId, 'nonsense');
    expect(pool()).toEqual(before);
  });
});

describe('a PoolID that is not in the state', () => {
  it('with a parent is a pool made again, told in the log', async () => {
    const { poolId } = await rig.requestPool();
    await rig.ipam.releasePool(poolId);
    await rig.createForeignNetwork();
    expect(await rig.requestAddress(poolId)).toBe('192.0.2.51/24');
    expect(rig.log.messages('warn')).toEqual([
      'pool was not in the state; made again from its PoolID, by defaults',
    ]);
    expect(rig.registry.findPool(poolId.slice(-16))).toMatchObject({
      subnet: { network: '192.0.2.0', prefixLength: 24 },
      options: { parent: 'eth1', vlan: 500 },
    });
  });

  it.each(['nonsense', 'v1:4::0:10.50.0.0/24:0123456789abcdef'])(
    'else an address from it is refused, and releases succeed: %s',
    async (poolId) => {
      expect((await refusal(rig.requestAddress(poolId))).code).toBe('POOL_UNKNOWN');
      await rig.ipam.releaseAddress(poolId, '192.0.2.1');
      await rig.ipam.releasePool(poolId);
      expect(rig.poolsLeft).toEqual([]);
    },
  );
});

describe('ReleasePool', () => {
  it('forgets the pool, in memory and on disk; twice is no error', async () => {
    const { poolId } = await rig.requestPool();
    await rig.ipam.releasePool(poolId);
    await rig.ipam.releasePool(poolId);
    expect(rig.poolsLeft).toEqual([]);
  });

  it('gives back what is leased from it still', async () => {
    const poolId = await rig.createForeignNetwork();
    await rig.requestAddress(poolId);
    await rig.requestAddress(poolId, { macAddress: mac('02:42:00:00:00:02') });
    await rig.ipam.releasePool(poolId);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
    expect(rig.poolsLeft).toEqual([]);
  });

  it('and what is held of it', async () => {
    const options = { ...OPTIONS, release: 'hold=10m' };
    const poolId = await rig.createForeignNetwork({ options });
    await rig.requestAddress(poolId);
    await rig.ipam.releaseAddress(poolId, '192.0.2.51');
    expect(rig.leftovers.held).toHaveLength(2);
    await rig.ipam.releasePool(poolId);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('a file cannot be deleted: it says so, and the rest is done all the same', async () => {
    const poolId = await rig.createForeignNetwork();
    await rig.requestAddress(poolId);
    rig.store.failing.add('delete leases');
    await expect(rig.ipam.releasePool(poolId)).rejects.toThrow('delete leases failed');
    expect(rig.poolsLeft).toEqual([]);
    expect([rig.server.leases.size, rig.leases.size, rig.registry.addresses()]).toEqual([0, 0, []]);
    rig.store.failing.clear();
    await rig.restart();
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('of a network of ours leaves the network to DeleteNetwork', async () => {
    const poolId = await rig.createIpamNetwork();
    await rig.ipam.releasePool(poolId);
    expect([rig.poolsLeft, rig.registry.networks().length]).toEqual([[], 1]);
    await rig.driver.removeNetwork(NETWORK);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('that never came: DeleteNetwork takes the pool along', async () => {
    await rig.createIpamNetwork();
    await rig.driver.removeNetwork(NETWORK);
    expect(rig.poolsLeft).toEqual([]);
  });
});
