import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ipv4Of, ipv4Value, OPTION } from '../../../plugin/dhcp4/options.ts';
import type { SentMessage } from '../../support/lan/memory-packet-socket.ts';
import {
  BOX,
  DriverRig,
  ENDPOINT,
  JOIN_TIMEOUT_MS,
  NETWORK,
  NOTHING_LEFT,
  refusal,
} from '../../support/fakes/driver-rig.ts';
import { settled } from '../../support/time/fake-clock.ts';
import { ack, ip, mac, nak, offer } from '../../support/frames/messages.ts';

const SUBNET = '192.0.2.0/24';
const OTHER = '02:42:00:00:00:02';
const SECOND = 'f'.repeat(64);

let rig: DriverRig;
let poolId: string;
beforeEach(() => {
  rig = new DriverRig();
});
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
});

const own = (parts: Parameters<DriverRig['createIpamNetwork']>[0] = {}) =>
  rig.createIpamNetwork({ ...parts, pool: { pool: SUBNET, ...parts.pool } });
const foreign = (parts: Parameters<DriverRig['createForeignNetwork']>[0] = {}) =>
  rig.createForeignNetwork({ pool: SUBNET, ...parts });
const typesSince = (count: number) => rig.wire.sent.slice(count).map(({ type }) => type);
const endpointFor = (address: string, macAddress = BOX) => ({ interface: { address, macAddress } });
/** The server answers with these parts. xid and chaddr are right. */
const answer =
  (parts: Parameters<typeof offer>[0]) =>
  ({ type, message }: SentMessage) => {
    const reply = { ...parts, xid: message.xid, header: { chaddr: message.chaddr } };
    if (type === 'DISCOVER') return [offer(reply)];
    return type === 'REQUEST' ? [ack(reply)] : [];
  };

describe.each([
  ['ours', own, { link: 'br500', promiscuous: true }],
  ['another driver', foreign, { link: 'eth1.500', promiscuous: true, shared: true }],
] as const)('RequestAddress for a container of a network of %s', (_of, make, place) => {
  beforeEach(async () => {
    poolId = await make();
  });
  const request = (wish?: Parameters<DriverRig['requestAddress']>[1], signal?: AbortSignal) =>
    rig.requestAddress(poolId, wish, signal);

  it('leases under its MAC over the link that carries the VLAN, and writes it down', async () => {
    expect(await request()).toBe('192.0.2.50/24');
    expect([...rig.server.leases]).toEqual([[BOX, '192.0.2.50']]);
    expect(rig.wire.sent.map((sent) => sent.place)).toEqual([place, place]);
    expect(rig.store.addresses).toMatchObject([
      { poolId: poolId.slice(-16), address: '192.0.2.50', mac: BOX, clientId: '01024200000001' },
    ]);
  });

  it('nobody asked releases nothing; released, nothing is left, and once more is no error', async () => {
    await rig.ipam.releaseAddress(poolId, '192.0.2.50');
    await request();
    await rig.ipam.releaseAddress(poolId, '192.0.2.51');
    await rig.ipam.releaseAddress('v1:4:eth1:500:192.0.2.0/24:0000000000000000', '192.0.2.50');
    expect(rig.server.leases.size).toBe(1);
    await rig.ipam.releaseAddress(poolId, '192.0.2.50');
    expect(rig.wire.sent.at(-1)).toMatchObject({ type: 'RELEASE', place: { link: place.link } });
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
    await rig.ipam.releaseAddress(poolId, '192.0.2.50');
  });

  it('a replayed address of a live lease returns it, without DHCP and without reserving it', async () => {
    await request();
    const sent = rig.wire.sent.length;
    expect(await rig.requestReserved(poolId, '192.0.2.50')).toBe('192.0.2.50/24');
    expect([typesSince(sent), rig.registry.pools()[0]!.reserved]).toEqual([[], []]);
  });

  it('no server: refused after lease_timeout, nothing is left', async () => {
    rig.wire.server = () => [];
    const failed = refusal(request());
    await rig.clock.pass(20_000);
    expect((await failed).code).toBe('NO_OFFER');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('NAK to all: told as such, nothing is left', async () => {
    rig.wire.server = ({ type, message }) => {
      const parts = { xid: message.xid, header: { chaddr: message.chaddr } };
      return type === 'DISCOVER' ? [offer(parts)] : [nak(parts)];
    };
    const failed = refusal(request());
    await rig.clock.pass(20_000);
    expect((await failed).code).toBe('NAK');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('dockerd hangs up while it waits: nothing is left', async () => {
    rig.wire.server = () => [];
    const hangUp = new AbortController();
    const failed = refusal(request({}, hangUp.signal));
    await rig.clock.pass(1_000);
    hangUp.abort(new Error('dockerd waits no longer'));
    expect((await failed).code).toBe('CANCELLED');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('and once the lease is there: it is given back', async () => {
    const hangUp = new AbortController();
    rig.wire.server = (sent) => {
      if (sent.type === 'REQUEST') queueMicrotask(() => setImmediate(() => hangUp.abort()));
      return rig.server.answer(sent);
    };
    const save = rig.store.save.bind(rig.store);
    rig.store.save = async (...args) => {
      if (args[0] === 'leases') hangUp.abort();
      return save(...args);
    };
    expect((await refusal(request({}, hangUp.signal))).code).toBe('CANCELLED');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('the record cannot be written: the lease is given back', async () => {
    rig.store.failing.add('save leases');
    expect((await refusal(request())).code).toBe('STATE_UNWRITABLE');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
    rig.store.failing.clear();
    expect(await request()).toBe('192.0.2.50/24');
  });

  it('another host shows itself under the address while it is written down: refused, nothing is left', async () => {
    const save = rig.store.save.bind(rig.store);
    rig.store.save = async (...args) => {
      if (args[0] === 'leases') {
        rig.wire.claim(ip('192.0.2.50'), mac('02:00:00:00:00:99'));
        await settled();
      }
      return save(...args);
    };
    const { code, message } = await refusal(request());
    expect([code, message]).toEqual(['ADDRESS_IN_USE', expect.stringContaining('192.0.2.50')]);
    expect(rig.wire.sentTypes.at(-1)).toBe('DECLINE');
    expect({ ...rig.leftovers, leases: [] }).toEqual(NOTHING_LEFT);
  });

  it('the pool goes while it is leased: the lease is given back', async () => {
    rig.wire.server = () => [];
    const failed = refusal(request());
    await rig.clock.pass(500);
    await rig.ipam.releasePool(poolId);
    rig.wire.server = rig.server.answer;
    await rig.clock.pass(5_000);
    expect((await failed).code).toBe('POOL_UNKNOWN');
    expect([rig.leftovers, rig.poolsLeft]).toEqual([NOTHING_LEFT, []]);
  });

  it('the file of a released one cannot be deleted: it says so, and the lease is given back', async () => {
    await request();
    rig.store.failing.add('delete leases');
    await expect(rig.ipam.releaseAddress(poolId, '192.0.2.50')).rejects.toThrow('delete leases');
    expect([rig.server.leases.size, rig.leases.size]).toEqual([0, 0]);
  });

  it('a MAC that no host can wear is refused', async () => {
    expect((await refusal(request({ macAddress: '01:00:5e:00:00:01' }))).code).toBe(
      'INVALID_OPTION',
    );
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('whose first answer was lost: asked again for the same MAC it has the same address', async () => {
    await request();
    expect(await request()).toBe('192.0.2.50/24');
    expect([rig.registry.addresses().length, rig.leases.size]).toEqual([1, 1]);
  });

  it('also with --ip', async () => {
    await request({ address: '192.0.2.50' });
    expect(await request({ address: '192.0.2.50' })).toBe('192.0.2.50/24');
    expect(rig.registry.addresses()).toHaveLength(1);
  });

  describe('--ip', () => {
    it('becomes option 50', async () => {
      expect(await request({ address: '192.0.2.50' })).toBe('192.0.2.50/24');
      const { options } = rig.wire.sent[0]!.message;
      expect(ipv4Of(options, OPTION.REQUESTED_ADDRESS)).toBe('192.0.2.50');
    });

    it('the server has another for it: the sentence says which, and nothing is left', async () => {
      const failed = refusal(request({ address: '192.0.2.77' }));
      await rig.clock.pass(20_000);
      const { code, message } = await failed;
      expect(code).toBe('ADDRESS_NOT_OFFERED');
      expect(message).toMatch(
        /^no DHCP server offered 192\.0\.2\.77 .* the server has 192\.0\.2\.50/,
      );
      expect(rig.leftovers).toEqual(NOTHING_LEFT);
    });

    it.each(['192.0.3.1', 'x', '192.0.2.1'])('not %s: refused without a word', async (address) => {
      expect((await refusal(request({ address }))).code).toBe('INVALID_OPTION');
      expect(rig.wire.sent).toEqual([]);
    });

    it('of another container: refused without a word', async () => {
      await request();
      const sent = rig.wire.sent.length;
      const failed = await refusal(request({ address: '192.0.2.50', macAddress: OTHER }));
      expect([failed.code, failed.message]).toEqual([
        'ADDRESS_IN_USE',
        expect.stringContaining(BOX),
      ]);
      expect([typesSince(sent), rig.registry.addresses().length]).toEqual([[], 1]);
    });
  });

  describe('what the server leases does not fit the network', () => {
    const refused = async (parts: Parameters<typeof answer>[0]) => {
      rig.wire.server = answer(parts);
      const failed = refusal(request());
      await rig.clock.pass(20_000);
      const result = await failed;
      rig.wire.server = () => [];
      expect(rig.leftovers).toEqual(NOTHING_LEFT);
      return result;
    };

    it('an address outside the subnet', async () => {
      expect(await refused({ address: ip('10.9.0.5') })).toMatchObject({
        code: 'ADDRESS_NOT_OFFERED',
        message: expect.stringMatching(
          /of this network \(192\.0\.2\.0\/24\).*the server has 10\.9\.0\.5/,
        ) as string,
      });
    });

    it('another mask: the lease is given back, the sentence names the subnet to type', async () => {
      const mask = [[OPTION.SUBNET_MASK, ipv4Value(ip('255.255.255.128'))]] as const;
      const { code, message } = await refused({ options: mask });
      expect([code, message]).toEqual([
        'WRONG_SUBNET',
        "the DHCP server on VLAN 500 of eth1 leased 192.0.2.50/25, but the network's subnet is 192.0.2.0/24; create it with --subnet 192.0.2.0/25, or without --subnet",
      ]);
      expect(rig.wire.sentTypes.at(-1)).toBe('RELEASE');
    });
  });
});

describe.each([
  ['ours', own],
  ['another driver', foreign],
] as const)('--ip-range and --aux-address in a network of %s', (_of, make) => {
  it('an offer outside the range is refused with a sentence, one inside is leased', async () => {
    const range = { subPool: '192.0.2.128/25' };
    poolId = make === own ? await own({ pool: range }) : await foreign(range);
    const failed = refusal(rig.requestAddress(poolId));
    await rig.clock.pass(20_000);
    const { code, message } = await failed;
    expect(code).toBe('ADDRESS_NOT_OFFERED');
    expect(message).toContain('(192.0.2.0/24, range 192.0.2.128/25)');
    expect((await refusal(rig.requestAddress(poolId, { address: '192.0.2.9' }))).message).toBe(
      '--ip 192.0.2.9 is not an address in the subnet 192.0.2.128/25 of this network',
    );
    rig.server.reserve(BOX, '192.0.2.200');
    expect(await rig.requestAddress(poolId)).toBe('192.0.2.200/24');
  });

  it('a reserved address is never leased, by wish or by chance', async () => {
    const { poolId: id } = await rig.requestPool({ pool: SUBNET });
    await rig.requestReserved(id, '192.0.2.50');
    if (make === own) {
      const data = { addressSpace: 'vlandhcp', pool: SUBNET, gateway: '' };
      await rig.createNetwork({ options: {}, ipv4Data: [data] });
    } else rig.host.addSegmentLink('eth1.500');
    expect(rig.wire.sent).toEqual([]);
    expect(await refusal(rig.requestAddress(id, { address: '192.0.2.50' }))).toEqual({
      code: 'INVALID_OPTION',
      message: '--ip 192.0.2.50 is reserved by --aux-address',
    });
    const failed = refusal(rig.requestAddress(id));
    await rig.clock.pass(20_000);
    expect((await failed).message).toContain('(192.0.2.0/24, not 192.0.2.50)');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });
});

describe('the router that the server names', () => {
  const router = (text: string) => ({ options: [[OPTION.ROUTER, ipv4Value(ip(text))]] as const });

  it('is another than Docker took: refused under another driver, with the command', async () => {
    poolId = await foreign();
    rig.wire.server = answer(router('192.0.2.254'));
    expect(await refusal(rig.requestAddress(poolId))).toEqual({
      code: 'WRONG_SUBNET',
      message:
        'the router on VLAN 500 of eth1 is 192.0.2.254, but Docker took the first address, 192.0.2.1; create the network again with --gateway 192.0.2.254, or without --subnet',
    });
    expect(rig.wire.sentTypes).toEqual(['DISCOVER', 'REQUEST', 'RELEASE']);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('a warning where a person typed it', async () => {
    poolId = await foreign();
    await rig.requestReserved(poolId, '192.0.2.9', 'gateway');
    await rig.requestAddress(poolId);
    expect(rig.log.messages('warn')).toEqual([
      'the server names another router than the one containers are given',
    ]);
  });

  it('a warning under ours, which gives containers the right one', async () => {
    poolId = await own();
    rig.wire.server = answer(router('192.0.2.254'));
    await rig.createEndpoint(endpointFor(await rig.requestAddress(poolId)));
    expect(rig.log.messages('warn')).toEqual([
      'Docker shows another gateway than the one containers are given',
    ]);
    expect(await rig.driver.join(ENDPOINT, '/x')).toMatchObject({ gateway: '192.0.2.254' });
  });

  it('none at all is fine', async () => {
    poolId = await foreign();
    rig.wire.server = answer({ options: [[OPTION.ROUTER, Uint8Array.of()]] });
    expect(await rig.requestAddress(poolId)).toBe('192.0.2.50/24');
  });
});

describe('where the VLAN is', () => {
  it('is not known to a pool without a parent, under another driver', async () => {
    ({ poolId } = await rig.requestPool({ pool: SUBNET, options: {} }));
    const { code, message } = await refusal(rig.requestAddress(poolId));
    expect([code, message]).toEqual([
      'INVALID_OPTION',
      'where to lease addresses of 192.0.2.0/24 is not known; create the network again with --ipam-opt parent=LINK --ipam-opt vlan=ID (Compose passes no IPAM options: create it by command, and write external: true)',
    ]);
  });

  it('no link carries it: the sentence says how to make one', async () => {
    ({ poolId } = await rig.requestPool({ pool: SUBNET }));
    const { code, message } = await refusal(rig.requestAddress(poolId));
    expect(code).toBe('PARENT_LINK_MISSING');
    expect(message).toContain('ip link add link eth1 name eth1.500 type vlan id 500');
  });

  it('no link carries two tags: the sentence says how to make both', async () => {
    const options = { parent: 'eth1', vlan: '10.500' };
    ({ poolId } = await rig.requestPool({ pool: SUBNET, options }));
    expect((await refusal(rig.requestAddress(poolId))).message).toBe(
      'no link carries VLAN 10.500 of eth1; make the link: ip link add link eth1 name outer10 type vlan protocol 802.1ad id 10; ip link add link outer10 name eth1.10.500 type vlan id 500',
    );
  });

  it('a link under any name will do, and is where the lease is given back', async () => {
    ({ poolId } = await rig.requestPool({ pool: SUBNET }));
    rig.host.segmentLinks.set('eth1.500', 'voice');
    rig.host.macs.set('voice', mac('02:00:00:00:00:e1'));
    await rig.requestAddress(poolId);
    await rig.restart();
    await rig.ipam.releaseAddress(poolId, '192.0.2.50');
    expect(rig.wire.sent.at(-1)).toMatchObject({ type: 'RELEASE', place: { link: 'voice' } });
  });

  it('that the link was found cannot be written down: refused, nothing leased', async () => {
    poolId = await foreign();
    rig.store.failing.add('save pools');
    expect((await refusal(rig.requestAddress(poolId))).code).toBe('STATE_UNWRITABLE');
    expect(rig.wire.sent).toEqual([]);
  });

  it('links of a network of ours that are gone are made again', async () => {
    poolId = await own();
    rig.host.links.delete('br500');
    expect(await rig.requestAddress(poolId)).toBe('192.0.2.50/24');
    expect(rig.host.links.has('br500')).toBe(true);
  });
});

describe('twins', () => {
  it('a running container of ours wears the MAC: refused', async () => {
    poolId = await own();
    await rig.createEndpoint(endpointFor(await rig.requestAddress(poolId)));
    await rig.join();
    const { code, message } = await refusal(rig.requestAddress(poolId));
    expect([code, message]).toEqual(['INVALID_OPTION', expect.stringContaining('is worn by')]);
    expect(rig.leases.size).toBe(1);
  });

  it('a running container of another driver wears it: refused', async () => {
    poolId = await foreign();
    await rig.requestAddress(poolId);
    rig.host.sandboxAddresses = new Set([ip('192.0.2.50')]);
    expect(await refusal(rig.requestAddress(poolId))).toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining('give each its own --mac-address') as string,
    });
    expect([rig.leases.size, rig.server.leases.size]).toEqual([1, 1]);
  });

  it('from a network of ours to one of another driver on the same VLAN', async () => {
    poolId = await own();
    await rig.createEndpoint(endpointFor(await rig.requestAddress(poolId)));
    await rig.join();
    const other = await foreign();
    expect((await refusal(rig.requestAddress(other))).code).toBe('INVALID_OPTION');
  });

  it('on another VLAN nobody minds', async () => {
    poolId = await foreign();
    await rig.requestAddress(poolId);
    rig.host.sandboxAddresses = new Set([ip('192.0.2.50')]);
    const { poolId: other } = await rig.requestPool({
      pool: SUBNET,
      options: { parent: 'eth1', vlan: '600' },
    });
    rig.host.addSegmentLink('eth1.600');
    expect(await rig.requestAddress(other)).toBe('192.0.2.50/24');
  });

  it('two starts at once: the second is refused', async () => {
    poolId = await foreign();
    rig.wire.server = () => [];
    const first = rig.requestAddress(poolId);
    await rig.clock.pass(100);
    expect((await refusal(rig.requestAddress(poolId))).code).toBe('INVALID_OPTION');
    rig.wire.server = rig.server.answer;
    await rig.clock.pass(2_000);
    expect(await first).toBe('192.0.2.50/24');
  });

  it('whose DeleteEndpoint was missed are cleared, also with --ip', async () => {
    poolId = await own();
    const address = await rig.requestAddress(poolId, { address: '192.0.2.50' });
    await rig.createEndpoint(endpointFor(address));
    await rig.join();
    rig.host.loseEndpoint(rig.record().hostEnd);
    expect(await rig.requestAddress(poolId, { address: '192.0.2.50' })).toBe(address);
    expect(rig.registry.endpoints()).toEqual([]);
  });
});

describe('two networks on one VLAN', () => {
  it('a lease held by one that is out of the other’s range is not claimed there', async () => {
    poolId = await own();
    const address = await rig.requestAddress(poolId);
    await rig.createEndpoint({ ...endpointFor(address), userMac: BOX });
    await rig.driver.removeEndpoint(ENDPOINT);
    const pool = { subPool: '192.0.2.128/25' };
    const other = await own({ pool, network: { networkId: SECOND } });
    const sent = rig.wire.sent.length;
    const failed = refusal(rig.requestAddress(other));
    await rig.clock.pass(20_000);
    expect((await failed).code).toBe('ADDRESS_NOT_OFFERED');
    expect(typesSince(sent)).not.toContain('REQUEST');
    expect(rig.store.held).toHaveLength(1);
  });

  it('containers have addresses of their own', async () => {
    poolId = await own();
    const other = await own({ network: { networkId: SECOND } });
    const first = await rig.requestAddress(poolId);
    const second = await rig.requestAddress(other, { macAddress: OTHER });
    await rig.createEndpoint(endpointFor(first));
    const of = { ...endpointFor(second, OTHER), endpointId: SECOND, networkId: SECOND };
    await rig.createEndpoint(of);
    expect([first, second]).toEqual(['192.0.2.50/24', '192.0.2.51/24']);
  });
});

describe('an address of ours without a CreateEndpoint', () => {
  beforeEach(async () => {
    poolId = await own();
    await rig.requestAddress(poolId);
  });

  it('is given back after JOIN_TIMEOUT: its answer was lost', async () => {
    await rig.clock.pass(JOIN_TIMEOUT_MS - 1);
    expect(rig.server.leases.size).toBe(1);
    await rig.clock.pass(1);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('also after a restart', async () => {
    await rig.restart();
    await rig.clock.pass(JOIN_TIMEOUT_MS);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('also when a CreateEndpoint failed before it took the lease', async () => {
    rig.host.failing.set('ensureEndpointLink', new Error('no memory'));
    expect((await refusal(rig.createEndpoint(endpointFor('192.0.2.50/24')))).message).toBe(
      'no memory',
    );
    await rig.clock.pass(JOIN_TIMEOUT_MS);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('or after', async () => {
    rig.store.failing.add('save leases');
    expect((await refusal(rig.createEndpoint(endpointFor('192.0.2.50/24')))).code).toBe(
      'STATE_UNWRITABLE',
    );
    expect([rig.host.endpoints.size, rig.leases.size]).toEqual([0, 1]);
    await rig.clock.pass(JOIN_TIMEOUT_MS);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('released after that: given back', async () => {
    rig.store.failing.add('save leases');
    await refusal(rig.createEndpoint(endpointFor('192.0.2.50/24')));
    rig.store.failing.clear();
    await rig.ipam.releaseAddress(poolId, '192.0.2.50');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('goes with its network', async () => {
    await rig.ipam.releasePool(poolId);
    await rig.driver.removeNetwork(NETWORK);
    await settled();
    expect([rig.leftovers, rig.poolsLeft]).toEqual([NOTHING_LEFT, []]);
  });
});
