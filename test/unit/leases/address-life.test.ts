import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ipv4Of, OPTION } from '../../../plugin/dhcp4/options.ts';
import { statusTable } from '../../../plugin/state/status/status-table.ts';
import { BOX, DriverRig, JOIN_TIMEOUT_MS, NOTHING_LEFT } from '../../support/fakes/driver-rig.ts';
import { settled } from '../../support/time/fake-clock.ts';
import { ack, ip, mac, nak } from '../../support/frames/messages.ts';

const SUBNET = '192.0.2.0/24';
const ADDRESS = '192.0.2.50';
const T1 = 1_900_000;
const HOUR = 3_601_000;
const SECOND = '02:42:00:00:00:02';
const STRANGER = mac('02:00:00:00:00:99');
const PLACE = { link: 'eth1.500', promiscuous: true, shared: true };

let rig: DriverRig;
let poolId: string;
beforeEach(async () => {
  rig = new DriverRig();
  poolId = await rig.createForeignNetwork({ pool: SUBNET });
  await rig.requestAddress(poolId);
});
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
});

const record = () => rig.registry.addresses()[0]!;
const typesSince = (count: number) => rig.wire.sent.slice(count).map(({ type }) => type);
const openPlaces = () => rig.wire.openSockets.map(({ place }) => place);
const inContainer = (...addresses: string[]) =>
  void (rig.host.sandboxAddresses = new Set(addresses.map(ip)));
/** Counts from now on how often the plugin looks for containers. */
function countLooks(): () => number {
  const look = rig.host.listSandboxAddresses.bind(rig.host);
  let looks = 0;
  rig.host.listSandboxAddresses = () => {
    looks += 1;
    return look();
  };
  return () => looks;
}
const askedFor = (count: number) =>
  rig.wire.sent
    .slice(count)
    .filter(({ type }) => type === 'DISCOVER')
    .map(({ message }) => ipv4Of(message.options, OPTION.REQUESTED_ADDRESS));

describe('a lease of another driver’s container', () => {
  it('is renewed over the link that carries the VLAN', async () => {
    await rig.clock.pass(T1);
    expect(rig.wire.sent.at(-1)).toMatchObject({ type: 'REQUEST', place: PLACE });
    expect(rig.log.messages('info')).toContain('lease renewed');
    expect(record().lease!.expiresAt).toBeGreaterThan(rig.clock.wall() + HOUR / 2);
  });

  it('is neither announced nor defended by us: the container does that', async () => {
    await rig.clock.pass(10_000);
    rig.wire.claim(ip(ADDRESS), STRANGER);
    await settled();
    expect([rig.wire.sentTypes.includes('DECLINE'), rig.wire.arpSockets]).toEqual([false, []]);
  });

  it('the link goes and comes back: the lease is kept, and renewed over the new one', async () => {
    rig.host.removeSegmentLink('eth1.500');
    rig.wire.openProblem = () => new Error('no such device');
    for (const socket of rig.wire.openSockets) socket.fail(new Error('link is gone'));
    await rig.clock.pass(60_000);
    expect([openPlaces(), rig.leases.size]).toEqual([[], 1]);
    rig.wire.openProblem = () => undefined;
    await rig.clock.pass(30_000);
    expect(openPlaces()).toEqual([PLACE]);
    await rig.clock.pass(T1);
    expect(rig.log.messages('info')).toContain('lease renewed');
  });

  it('released: no timer looks for the link any more', async () => {
    rig.wire.openProblem = () => new Error('no such device');
    for (const socket of rig.wire.openSockets) socket.fail(new Error('link is gone'));
    await rig.ipam.releaseAddress(poolId, ADDRESS);
    // No link to tell the server.
    expect(rig.leftovers).toEqual({ ...NOTHING_LEFT, leases: [ADDRESS] });
    expect(rig.log.messages('warn')).toContain(
      'lease not given back; the server keeps it until it expires',
    );
  });
});

describe('a lease that is lost', () => {
  const lose = {
    expired: async () => {
      rig.wire.server = () => [];
      await rig.clock.pass(HOUR);
    },
    nak: async () => {
      rig.wire.server = ({ message: { xid, chaddr } }) => [nak({ xid, header: { chaddr } })];
      await rig.clock.pass(T1);
    },
  };

  it.each(['expired', 'nak'] as const)(
    '%s: the record says so, the container keeps its address, an operator is told',
    async (cause) => {
      await lose[cause]();
      expect(record()).toMatchObject({ address: ADDRESS, lost: { cause, isAddressKept: true } });
      expect([record().lease, rig.store.addresses[0]?.lost?.cause]).toEqual([undefined, cause]);
      expect(rig.log.messages('error')[0]).toMatch(/^lease lost; the container keeps its address/);
    },
  );

  it.each(['expired', 'nak'] as const)(
    '%s: only the same address is asked for, and another that is offered does not count',
    async (cause) => {
      await lose[cause]();
      const sent = rig.wire.sent.length;
      rig.wire.server = rig.server.answer;
      rig.server.forgetClients(20);
      await rig.clock.pass(300_000);
      expect(new Set(askedFor(sent))).toEqual(new Set([ADDRESS]));
      expect([record().lease, rig.server.leases.size]).toEqual([undefined, 0]);
      rig.server.reserve(BOX, ADDRESS);
      await rig.clock.pass(300_000);
      expect(record()).toMatchObject({ lease: { address: ADDRESS }, lost: undefined });
    },
  );

  it('also after a restart', async () => {
    await lose.expired();
    rig.server.forgetClients(20);
    rig.wire.server = rig.server.answer;
    const sent = rig.wire.sent.length;
    await rig.restart();
    await rig.clock.pass(300_000);
    expect(new Set(askedFor(sent))).toEqual(new Set([ADDRESS]));
    expect([record().lease, openPlaces()]).toEqual([undefined, [PLACE]]);
    rig.server.reserve(BOX, ADDRESS);
    await rig.clock.pass(300_000);
    expect(record()).toMatchObject({ lease: { address: ADDRESS }, lost: undefined });
  });

  it('released meanwhile: nothing to give back, nothing left', async () => {
    await lose.expired();
    const sent = rig.wire.sent.length;
    await rig.ipam.releaseAddress(poolId, ADDRESS);
    expect(typesSince(sent)).toEqual([]);
    expect({ ...rig.leftovers, leases: [] }).toEqual(NOTHING_LEFT);
  });

  it('one frame of another host just after it was leased costs nothing', async () => {
    rig.wire.claim(ip(ADDRESS), STRANGER);
    await rig.clock.pass(60_000);
    expect(record()).toMatchObject({ lease: { address: ADDRESS }, lost: undefined });
    expect(rig.wire.sentTypes).not.toContain('DECLINE');
  });

  describe('another host has it', () => {
    /**
     * Answers all probes from now on.
     * @returns a function that ends this.
     */
    function occupy(): () => void {
      const { sentArp } = rig.wire;
      const push = sentArp.push.bind(sentArp);
      sentArp.push = (...sent) => {
        queueMicrotask(() => rig.wire.claim(ip(ADDRESS), STRANGER));
        return push(...sent);
      };
      return () => void (sentArp.push = push);
    }
    const declined = async () => {
      const leave = occupy();
      rig.wire.claim(ip(ADDRESS), STRANGER);
      await rig.clock.pass(1_000);
      expect(record()).toMatchObject({ lease: undefined, lost: { cause: 'declined' } });
      expect(rig.wire.sentTypes.at(-1)).toBe('DECLINE');
      return leave;
    };

    it('declined and told once; it is asked for, and no other, until that host is gone', async () => {
      const leave = await declined();
      const sent = rig.wire.sent.length;
      await rig.clock.pass(HOUR);
      expect(record()).toMatchObject({ lease: undefined, lost: { cause: 'declined' } });
      expect(statusTable(rig.driver.status())).toContain('no lease, address kept (declined)');
      const lossesTold = rig.log.messages('error').filter((text) => text.startsWith('lease lost'));
      expect(lossesTold).toHaveLength(1);
      // At least once a minute. DISCOVERs that get no offer for 20 s come hardly more often than
      // every 10 s.
      const { length } = askedFor(sent);
      expect([length > 60, length < 400]).toEqual([true, true]);
      const asked = askedFor(sent).filter((address) => address !== undefined);
      expect(new Set(asked)).toEqual(new Set([ADDRESS]));
      leave();
      await rig.clock.pass(60_000);
      expect(record()).toMatchObject({ lease: { address: ADDRESS }, lost: undefined });
    });

    it('also after a restart', async () => {
      (await declined())();
      await rig.restart();
      await rig.clock.pass(60_000);
      expect(record()).toMatchObject({ lease: { address: ADDRESS }, lost: undefined });
      expect(openPlaces()).toEqual([PLACE]);
    });

    it('released meanwhile: nothing is left', async () => {
      await declined();
      await rig.ipam.releaseAddress(poolId, ADDRESS);
      expect({ ...rig.leftovers, leases: [] }).toEqual(NOTHING_LEFT);
    });
  });

  it('a loss that cannot be written down is told, and stays true in memory of what is on disk', async () => {
    rig.store.failing.add('save leases');
    await lose.expired();
    expect(rig.log.messages('error')).toContain('address state not saved');
  });

  it('the server changes its router: an operator is told that no restart applies it', async () => {
    rig.wire.server = ({ message }) => [
      ack({
        xid: message.xid,
        header: { chaddr: message.chaddr },
        options: [[OPTION.ROUTER, Uint8Array.of(192, 0, 2, 254)]],
      }),
    ];
    await rig.clock.pass(T1);
    expect(rig.log.messages('warn').at(-1)).toMatch(/^the server names another router; /);
    expect(record().lease?.gateway).toBe('192.0.2.254');
  });

  it('the server moves it to another address: that does not count', async () => {
    rig.wire.server = ({ message }) => [
      ack({
        xid: message.xid,
        address: ip('192.0.2.77'),
        header: { chaddr: message.chaddr },
      }),
    ];
    await rig.clock.pass(T1);
    expect(record().lease?.address).toBe(ADDRESS);
  });
});

describe('a container that went without a ReleaseAddress', () => {
  it('seen once and not there in two looks: its lease is given back', async () => {
    inContainer(ADDRESS);
    await rig.clock.pass(JOIN_TIMEOUT_MS);
    expect(rig.store.addresses[0]?.wasSeen).toBe(true);
    await rig.addresses.clearAbandoned();
    expect(rig.leases.size).toBe(1);
    inContainer();
    await rig.addresses.clearAbandoned();
    expect(rig.leases.size).toBe(1);
    await rig.addresses.clearAbandoned();
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('missed once, and there again: the looks are counted from anew', async () => {
    inContainer(ADDRESS);
    await rig.clock.pass(JOIN_TIMEOUT_MS);
    for (const present of [[], [ADDRESS], [], [ADDRESS]]) {
      inContainer(...present);
      await rig.addresses.clearAbandoned();
    }
    expect(rig.leases.size).toBe(1);
  });

  it('never seen, and no other of its network: a runtime with a network stack of its own; kept', async () => {
    await rig.clock.pass(JOIN_TIMEOUT_MS);
    await rig.addresses.clearAbandoned();
    await rig.clock.pass(HOUR);
    expect(rig.leases.size).toBe(1);
    expect(rig.log.messages('warn')).toEqual([]);
  });

  it('never seen, though another of its network was: its start failed after the answer; given back', async () => {
    await rig.requestAddress(poolId, { macAddress: SECOND });
    inContainer('192.0.2.51');
    await rig.addresses.clearAbandoned();
    expect(rig.leases.size).toBe(2); // not enough time has passed
    await rig.clock.pass(JOIN_TIMEOUT_MS);
    expect([...rig.server.leases]).toEqual([[SECOND, '192.0.2.51']]);
    expect(rig.log.messages('warn')).toEqual(['address without a container ended']);
  });

  it('containers are looked at once for all that start together, and not while none is', async () => {
    const looks = countLooks();
    for (let i = 2; i < 12; i += 1) {
      await rig.requestAddress(poolId, { macAddress: `02:42:00:00:01:0${i.toString(16)}` });
    }
    await rig.clock.pass(JOIN_TIMEOUT_MS);
    const asked = looks() - JOIN_TIMEOUT_MS / 60_000; // without the sweep once a minute
    expect(asked).toBe(1);
    await rig.ipam.releasePool(poolId);
    const before = looks();
    await rig.clock.pass(HOUR);
    expect(looks()).toBe(before);
  });

  it('sandboxes cannot be looked into: kept, and said once', async () => {
    inContainer(ADDRESS);
    await rig.clock.pass(JOIN_TIMEOUT_MS);
    rig.host.sandboxAddresses = undefined;
    await rig.addresses.clearAbandoned();
    await rig.addresses.clearAbandoned();
    expect(rig.leases.size).toBe(1);
    expect(rig.log.messages('warn')).toEqual([
      expect.stringMatching(/^sandboxes cannot be looked into/),
    ]);
  });

  it('that it was seen cannot be written down: told, and tried again', async () => {
    inContainer(ADDRESS);
    rig.store.failing.add('save leases');
    await rig.clock.pass(JOIN_TIMEOUT_MS);
    expect(rig.log.messages('error')).toEqual(['address state not saved']);
    expect(rig.leases.size).toBe(1);
  });
});

describe('after a restart', () => {
  it('the lease is kept in time over the same link, without a word', async () => {
    inContainer(ADDRESS);
    const sent = rig.wire.sent.length;
    await rig.restart();
    expect([openPlaces(), typesSince(sent)]).toEqual([[PLACE], []]);
    await rig.clock.pass(T1);
    expect(typesSince(sent)).toEqual(['REQUEST']);
  });

  it('T1 passed while we were away: renewed within 10 s, over a socket', async () => {
    rig.stop();
    await rig.clock.pass(2_000_000);
    const sent = rig.wire.sent.length;
    await rig.restart();
    await rig.clock.pass(10_000);
    expect(rig.wire.sent.slice(sent)).toMatchObject([{ type: 'REQUEST', place: PLACE }]);
    expect(rig.log.messages('warn')).toEqual([]);
    expect(rig.log.messages('info')).toContain('lease renewed');
  });

  it('the link is not there yet: it is looked for', async () => {
    rig.wire.openProblem = () => new Error('no such device');
    await rig.restart();
    expect(openPlaces()).toEqual([]);
    rig.wire.openProblem = () => undefined;
    await rig.clock.pass(2_000);
    expect(openPlaces()).toEqual([PLACE]);
    expect(rig.log.messages('warn')).toEqual([]);
  });

  it('the server moves it meanwhile: that does not count', async () => {
    await rig.restart();
    rig.wire.server = ({ message }) => [
      ack({ xid: message.xid, address: ip('192.0.2.77'), header: { chaddr: message.chaddr } }),
    ];
    await rig.clock.pass(T1);
    expect(record().lease?.address).toBe(ADDRESS);
  });

  describe('the container is gone', () => {
    beforeEach(async () => {
      inContainer(ADDRESS);
      await rig.clock.pass(JOIN_TIMEOUT_MS);
      inContainer();
    });

    it('the lease is given back', async () => {
      await rig.restart();
      expect(rig.leftovers).toEqual(NOTHING_LEFT);
    });

    it('T1 has passed: given back without a renewal on the way', async () => {
      rig.stop();
      await rig.clock.pass(T1);
      const sent = rig.wire.sent.length;
      await rig.restart();
      expect(typesSince(sent)).toEqual(['RELEASE']);
    });

    it('and its link too: held until somebody can be told, or it comes back', async () => {
      rig.host.removeSegmentLink('eth1.500');
      const sent = rig.wire.sent.length;
      await rig.restart();
      expect([rig.store.held.length, typesSince(sent)]).toEqual([1, []]);
      rig.host.addSegmentLink('eth1.500');
      expect(await rig.requestAddress(poolId)).toBe('192.0.2.50/24');
      expect([rig.store.held.length, typesSince(sent)]).toEqual([0, ['REQUEST']]);
    });

    it('nobody comes back: given back after ten minutes', async () => {
      rig.host.removeSegmentLink('eth1.500');
      await rig.restart();
      rig.host.addSegmentLink('eth1.500');
      await rig.clock.pass(600_000);
      expect(rig.leftovers).toEqual(NOTHING_LEFT);
    });
  });

  it('its pool is not in the state: forgotten, unless something could not be read', async () => {
    await rig.store.delete('pools', poolId.slice(-16));
    rig.isStoreComplete = false;
    await rig.restart();
    expect(rig.registry.addresses()).toHaveLength(1);
    rig.isStoreComplete = true;
    await rig.restart();
    expect({ ...rig.leftovers, leases: [] }).toEqual(NOTHING_LEFT);
  });

  it('one that cannot be ended does not keep the others from being recovered', async () => {
    const other = await rig.requestAddress(poolId, { macAddress: '02:42:00:00:00:02' });
    inContainer(ADDRESS, '192.0.2.51');
    await rig.clock.pass(JOIN_TIMEOUT_MS);
    inContainer('192.0.2.51');
    rig.store.failing.add('delete leases');
    await rig.restart();
    expect(rig.log.messages('error')).toContain('address not recovered');
    expect([other, openPlaces()]).toEqual(['192.0.2.51/24', [PLACE]]);
  });
});
