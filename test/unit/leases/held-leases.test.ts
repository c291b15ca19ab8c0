import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ownEnd } from '../../../plugin/vocabulary/attachment.ts';
import { ipv4Value, OPTION } from '../../../plugin/dhcp4/options.ts';
import type { DriverRig } from '../../support/fakes/driver-rig.ts';
import {
  ENDPOINT,
  JOIN_TIMEOUT_MS,
  NETWORK,
  NOTHING_LEFT,
  networkRequest,
  refusal,
  rigWithNetwork,
} from '../../support/fakes/driver-rig.ts';
import { settled } from '../../support/time/fake-clock.ts';
import { ip } from '../../support/frames/messages.ts';

const SECOND = 'f'.repeat(64);
const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const byId = { options: { id: 'asterisk' } };

let rig: DriverRig;
beforeEach(async () => {
  rig = await rigWithNetwork();
});
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
});

/** Replaces the usual network by one with its own `release`. */
async function withRelease(release: string): Promise<void> {
  rig.stop();
  rig = await rigWithNetwork({ options: { release } });
}

async function runAndRemove(request: Parameters<DriverRig['createEndpoint']>[0] = byId) {
  await rig.createEndpoint(request);
  await rig.join();
  await rig.driver.leave(ENDPOINT);
  await rig.driver.removeEndpoint(ENDPOINT);
  return rig.wire.sent.length;
}

const sentSince = (count: number) => rig.wire.sent.slice(count).map(({ type }) => type);
const heldIds = () => rig.store.held.map(({ id }) => id);

describe('a container that comes back (D9)', () => {
  it('asks for its lease in one round trip and has its address again', async () => {
    const sent = await runAndRemove();
    expect([heldIds(), rig.server.leases.size, rig.host.endpoints.size]).toEqual([
      [ENDPOINT],
      1,
      0,
    ]);
    const answer = await rig.createEndpoint({ ...byId, endpointId: SECOND });
    expect(answer).toMatchObject({ address: '192.0.2.50/24' });
    expect(sentSince(sent)).toEqual(['REQUEST']);
    expect(rig.wire.sent[sent]!.message.options.get(OPTION.REQUESTED_ADDRESS)).toEqual(
      ipv4Value(ip('192.0.2.50')),
    );
    expect(rig.wire.sent[sent]!.message.options.has(OPTION.SERVER_ID)).toBe(false);
    expect(heldIds()).toEqual([]);
    await rig.clock.pass(2 * MINUTE - 1000);
    expect(sentSince(sent)).toEqual(['REQUEST']);
  });

  it('by the MAC that Docker gave as well as by id', async () => {
    const given = { interface: { macAddress: '02:00:00:00:00:aa' } };
    const sent = await runAndRemove(given);
    await rig.createEndpoint({ ...given, endpointId: SECOND });
    expect(sentSince(sent)).toEqual(['REQUEST']);
  });

  it('also on another network of the same segment', async () => {
    const networkId = 'o'.repeat(64);
    await rig.createNetwork({ networkId });
    const sent = await runAndRemove();
    await rig.createEndpoint({ ...byId, networkId, endpointId: SECOND });
    expect([sentSince(sent), heldIds()]).toEqual([['REQUEST'], []]);
  });

  it('not on another segment', async () => {
    const networkId = 'o'.repeat(64);
    await rig.createNetwork({ networkId, options: { parent: 'eth1', vlan: '600' } });
    const sent = await runAndRemove();
    await rig.createEndpoint({ ...byId, networkId, endpointId: SECOND });
    expect([sentSince(sent), heldIds()]).toEqual([['DISCOVER', 'REQUEST'], [ENDPOINT]]);
  });

  it('wants another address now: it discovers, and the held lease gives way', async () => {
    const sent = await runAndRemove();
    const wish = { options: { id: 'asterisk', ip: '192.0.2.77' } };
    const failed = refusal(rig.createEndpoint({ ...wish, endpointId: SECOND }));
    await rig.clock.pass(20_000);
    expect((await failed).code).toBe('ADDRESS_NOT_OFFERED');
    expect(sentSince(sent)[0]).toBe('DISCOVER');
    expect(heldIds()).toEqual([ENDPOINT]);
  });

  it('wants another address, and gets it: the held one is given back', async () => {
    const sent = await runAndRemove();
    rig.server.reserve(rig.wire.sent[0]!.message.chaddr, '192.0.2.77');
    const wish = { options: { id: 'asterisk', ip: '192.0.2.77' } };
    expect(await rig.createEndpoint({ ...wish, endpointId: SECOND })).toMatchObject({
      address: '192.0.2.77/24',
    });
    expect(sentSince(sent)).toEqual(['DISCOVER', 'REQUEST', 'RELEASE']);
    expect(rig.wire.sent.at(-1)!.message.ciaddr).toBe('192.0.2.50');
    expect(heldIds()).toEqual([]);
  });

  it('its address is wanted by another meanwhile: it is given back first', async () => {
    const sent = await runAndRemove();
    const macAddress = '02:00:00:00:00:aa';
    rig.server.reserve(macAddress, '192.0.2.50');
    const wish = { options: { ip: '192.0.2.50' }, interface: { macAddress } };
    expect(await rig.createEndpoint({ ...wish, endpointId: SECOND })).toMatchObject({
      address: '192.0.2.50/24',
    });
    expect(sentSince(sent)).toEqual(['RELEASE', 'DISCOVER', 'REQUEST']);
    expect(heldIds()).toEqual([]);
  });

  it('on another VLAN that is no matter', async () => {
    const networkId = 'o'.repeat(64);
    await rig.createNetwork({ networkId, options: { parent: 'eth1', vlan: '600' } });
    await runAndRemove();
    const wish = { options: { id: 'other', ip: '192.0.2.50' } };
    const created = refusal(rig.createEndpoint({ ...wish, networkId, endpointId: SECOND }));
    await rig.clock.pass(20_000);
    await created;
    expect(heldIds()).toEqual([ENDPOINT]);
  });

  it('is refused by the server: it discovers', async () => {
    const sent = await runAndRemove();
    rig.server.forgetClients(1);
    const created = rig.createEndpoint({ ...byId, endpointId: SECOND });
    await rig.clock.pass(1000);
    expect(await created).toMatchObject({ address: '192.0.2.51/24' });
    expect(sentSince(sent)).toEqual(['REQUEST', 'DISCOVER', 'REQUEST']);
    expect(heldIds()).toEqual([]);
  });
});

describe('no server answers a container that comes back', () => {
  beforeEach(async () => {
    await runAndRemove();
    rig.wire.server = () => [];
  });

  it('it starts on the rest of its lease after 3 s (RFC 2131 §3.2)', async () => {
    const created = rig.createEndpoint({ ...byId, endpointId: SECOND });
    await rig.clock.pass(3000);
    expect(await created).toMatchObject({ address: '192.0.2.50/24' });
    expect(heldIds()).toEqual([]);
  });

  it('and servers are asked on; the first that answers is told apart from a change', async () => {
    const created = rig.createEndpoint({ ...byId, endpointId: SECOND });
    await rig.clock.pass(3000);
    await created;
    const { expiresAt } = rig.record(SECOND).lease!;
    rig.wire.server = rig.server.answer;
    await rig.clock.pass(70_000);
    expect(rig.record(SECOND).lease!.expiresAt).toBeGreaterThan(expiresAt);
    expect(rig.log.messages('info')).toContain('lease renewed');
  });

  it('lease_timeout=1s is kept, and it starts all the same', async () => {
    rig.stop();
    rig = await rigWithNetwork({ options: { lease_timeout: '1s' } });
    await runAndRemove();
    rig.wire.server = () => [];
    const created = rig.createEndpoint({ ...byId, endpointId: SECOND });
    await rig.clock.pass(1000);
    expect(await created).toMatchObject({ address: '192.0.2.50/24' });
  });

  it('the next ones on the segment do not wait for the same silence again', async () => {
    rig.wire.server = rig.server.answer;
    const other = { options: { id: 'other' } };
    await rig.createEndpoint({ ...other, endpointId: SECOND });
    await rig.driver.removeEndpoint(SECOND);
    rig.wire.server = () => [];
    const first = rig.createEndpoint({ ...byId, endpointId: '1'.repeat(64) });
    await rig.clock.pass(3000);
    await first;
    const second = rig.createEndpoint({ ...other, endpointId: '2'.repeat(64) });
    await rig.clock.pass(200);
    expect(await second).toMatchObject({ address: '192.0.2.51/24' });
    const third = refusal(rig.createEndpoint({ endpointId: '3'.repeat(64) }));
    await rig.clock.pass(5000);
    expect((await third).code).toBe('NO_OFFER');
  });

  it('a start that fails later puts the lease back, and nobody is told', async () => {
    rig.store.failing.add('save leases');
    const failed = refusal(rig.createEndpoint({ ...byId, endpointId: SECOND }));
    await rig.clock.pass(3000);
    expect((await failed).code).toBe('STATE_UNWRITABLE');
    expect(rig.wire.sentTypes).not.toContain('RELEASE');
    expect([heldIds(), rig.host.endpoints.size]).toEqual([[ENDPOINT], 0]);
    await rig.driver.removeNetwork(NETWORK);
    expect(rig.wire.sent.at(-1)).toMatchObject({ type: 'RELEASE', place: { link: 'br500' } });
    // The server is silent.
    expect(rig.leftovers).toEqual({ ...NOTHING_LEFT, leases: ['192.0.2.50'] });
  });
});

describe('release=hold', () => {
  it('60 s: then the lease is given back over the bridge', async () => {
    await withRelease('hold=60s');
    const sent = await runAndRemove();
    await rig.clock.pass(MINUTE - 1);
    expect(sentSince(sent)).toEqual([]);
    await rig.clock.pass(1);
    expect(rig.wire.sent.at(-1)).toMatchObject({ type: 'RELEASE', place: { link: 'br500' } });
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('by default as long as the lease lasts, which a server keeps for a silent host, too', async () => {
    const sent = await runAndRemove();
    await rig.clock.pass(HOUR - 10_000);
    expect([sentSince(sent), heldIds()]).toEqual([[], [ENDPOINT]]);
    await rig.createEndpoint({ ...byId, endpointId: SECOND });
    expect([sentSince(sent), heldIds()]).toEqual([['REQUEST'], []]);
  });

  it('by default never longer than the lease', async () => {
    const sent = await runAndRemove();
    await rig.clock.pass(HOUR);
    expect([sentSince(sent), heldIds()]).toEqual([[], []]);
  });

  it.each([
    ['id', byId],
    ['a MAC that Docker gave', { interface: { macAddress: '02:00:00:00:00:aa' } }],
  ])('by default a day at most, for a lease without end, by %s', async (_what, request) => {
    rig.stop();
    rig = await rigWithNetwork({ server: { leaseSec: 0xffffffff } });
    const sent = await runAndRemove(request);
    await rig.clock.pass(24 * HOUR - 1);
    expect([sentSince(sent), heldIds()]).toEqual([[], [ENDPOINT]]);
    await rig.clock.pass(1);
    expect(sentSince(sent)).toEqual(['RELEASE']);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('given back past T1 without a renewal on the way', async () => {
    await withRelease('hold=50m');
    const sent = await runAndRemove();
    await rig.clock.pass(50 * MINUTE);
    expect(sentSince(sent)).toEqual(['RELEASE']);
  });

  it('a lease that ends before its hold time is nobody’s any more', async () => {
    await withRelease('hold=2h');
    const sent = await runAndRemove();
    await rig.clock.pass(HOUR);
    expect([sentSince(sent), heldIds()]).toEqual([[], []]);
  });

  it('a random MAC never returns: its lease is given back at once', async () => {
    const sent = await runAndRemove({});
    expect(sentSince(sent - 1)).toEqual(['RELEASE']);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('now: given back at once', async () => {
    await withRelease('now');
    await runAndRemove();
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('never: not given back, also when its network goes', async () => {
    await withRelease('never');
    const sent = await runAndRemove();
    await rig.clock.pass(50 * MINUTE);
    expect(heldIds()).toEqual([ENDPOINT]);
    await rig.driver.removeNetwork(NETWORK);
    expect([sentSince(sent), heldIds()]).toEqual([[], []]);
  });

  it('a network that goes gives back what is held on it, before its links go', async () => {
    const sent = await runAndRemove();
    await rig.driver.removeNetwork(NETWORK);
    expect(rig.wire.sent[sent]).toMatchObject({ type: 'RELEASE', place: { link: 'br500' } });
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('a network that goes with an endpoint dockerd forgot gives its lease back, too', async () => {
    await rig.createEndpoint(byId);
    await rig.driver.removeNetwork(NETWORK);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('what cannot be written down is given back at once, and told', async () => {
    await rig.createEndpoint(byId);
    await rig.join();
    await rig.driver.leave(ENDPOINT);
    rig.store.failing.add('save leases');
    await rig.driver.removeEndpoint(ENDPOINT);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
    expect(rig.log.messages('error')).toEqual(['lease not held; it is given back']);
  });

  it('an endpoint that nobody joins is held, too', async () => {
    await rig.createEndpoint(byId);
    await rig.clock.pass(JOIN_TIMEOUT_MS);
    await settled();
    expect(heldIds()).toEqual([ENDPOINT]);
  });
});

describe('over a restart', () => {
  it('the hold time runs on', async () => {
    await withRelease('hold=60s');
    const sent = await runAndRemove();
    await rig.clock.pass(40_000);
    await rig.restart();
    await rig.clock.pass(19_999);
    expect(sentSince(sent)).toEqual([]);
    await rig.clock.pass(1);
    expect([sentSince(sent), heldIds()]).toEqual([['RELEASE'], []]);
  });

  it('what was due meanwhile is given back at once', async () => {
    await withRelease('hold=60s');
    const sent = await runAndRemove();
    rig.stop();
    await rig.clock.pass(2 * MINUTE);
    await rig.restart();
    await rig.clock.pass(0);
    expect([sentSince(sent), heldIds()]).toEqual([['RELEASE'], []]);
  });

  it('the container finds its lease', async () => {
    const sent = await runAndRemove();
    await rig.restart();
    await rig.createEndpoint({ ...byId, endpointId: SECOND });
    expect(sentSince(sent)).toEqual(['REQUEST']);
  });

  it('killed right after taking over: the endpoint has it, and nobody else', async () => {
    const sent = await runAndRemove();
    await rig.createEndpoint({ ...byId, endpointId: SECOND });
    expect([heldIds(), rig.store.contents.leases.length]).toEqual([[], 1]);
    await rig.restart();
    expect(heldIds()).toEqual([]);
    await rig.clock.pass(2 * MINUTE);
    expect(sentSince(sent)).not.toContain('RELEASE');
  });
});

describe('over a reboot of the host', () => {
  const reboot = async (away: number) => {
    rig.stop();
    for (const hostEnd of [...rig.host.endpoints.keys()]) rig.host.loseEndpoint(hostEnd);
    rig.host.links.delete('br500');
    rig.host.links.delete('eth1.500');
    rig.sandbox = 'not-yet';
    rig.clock.reboot(away);
    await rig.restart();
  };

  it('the leases of running containers are held, and taken up again', async () => {
    await rig.createEndpoint(byId);
    await rig.join();
    const sent = rig.wire.sent.length;
    await reboot(5 * MINUTE);
    expect([heldIds(), rig.store.endpoints]).toEqual([[ENDPOINT], []]);
    await rig.driver.removeEndpoint(ENDPOINT); // dockerd cleans up what it finds
    await rig.createEndpoint({ ...byId, endpointId: SECOND });
    expect(sentSince(sent)).toEqual(['REQUEST']);
  });

  it('longer than the hold time: dockerd starts containers one after the other', async () => {
    await withRelease('hold=60s');
    await rig.createEndpoint(byId);
    await rig.join();
    await reboot(5 * MINUTE);
    await rig.clock.pass(9 * MINUTE);
    expect(heldIds()).toEqual([ENDPOINT]);
    await rig.clock.pass(MINUTE);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('without a server the container starts on the rest of its lease', async () => {
    await rig.createEndpoint(byId);
    await rig.join();
    rig.wire.server = () => [];
    await reboot(5 * MINUTE);
    const created = rig.createEndpoint({ ...byId, endpointId: SECOND });
    await rig.clock.pass(3000);
    expect(await created).toMatchObject({ address: '192.0.2.50/24' });
    expect(rig.record(SECOND).lease!.expiresAt - rig.clock.wall()).toBeLessThan(HOUR - 5 * MINUTE);
  });

  it('a lease that ended while the host was off is not used', async () => {
    await rig.createEndpoint(byId);
    await rig.join();
    rig.wire.server = () => [];
    await reboot(2 * HOUR);
    expect(heldIds()).toEqual([]);
    const failed = refusal(rig.createEndpoint({ ...byId, endpointId: SECOND }));
    await rig.clock.pass(20_000);
    expect((await failed).code).toBe('NO_OFFER');
  });

  it('a wall clock that was set back: the lease counts anew from now, and is asked for first', async () => {
    await rig.createEndpoint(byId);
    await rig.join();
    const sent = rig.wire.sent.length;
    await reboot(-24 * HOUR);
    await rig.createEndpoint({ ...byId, endpointId: SECOND });
    expect(sentSince(sent)).toEqual(['REQUEST']);
  });

  it('the lease of a random MAC is given back', async () => {
    await rig.createEndpoint();
    await rig.join();
    await reboot(5 * MINUTE);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });
});

describe('links of nobody', () => {
  it('go at start, with their firewall rule', async () => {
    rig.host.addBridge('br600');
    rig.host.links.add('eth1.600');
    rig.host.rules.add('br600');
    await rig.restart();
    expect([...rig.host.links]).toEqual(['eth1', 'br500', 'eth1.500']);
    expect([...rig.host.rules]).toEqual(['br500']);
  });

  it('stay if part of the state cannot be read: they may be its', async () => {
    rig.host.addBridge('br600');
    rig.host.endpoints.set('vdhx', { containerEnd: 'vdcx', here: true, mtu: 1500 });
    rig.isStoreComplete = false;
    await rig.restart();
    expect([rig.host.linkExists('br600'), rig.host.endpoints.size]).toEqual([true, 1]);
  });

  it('nor do endpoints whose network cannot be read: a container may be using them', async () => {
    await rig.createEndpoint(byId);
    await rig.join();
    await rig.store.delete('networks', rig.record().networkId);
    rig.isStoreComplete = false;
    await rig.restart();
    expect([rig.store.endpoints.length, rig.host.endpoints.size]).toEqual([1, 1]);
    expect(rig.log.messages('error')).toContain('endpoint of an unreadable network left alone');
  });

  it('that cannot be removed are told', async () => {
    rig.host.failing.set('removeOrphanLinks', new Error('ip failed'));
    await rig.restart();
    expect(rig.log.messages('error')).toEqual(['links of nobody not removed']);
  });
});

describe('a disk that is full', () => {
  it('a renewal that cannot be stored is told once, and written with the next change', async () => {
    await rig.createEndpoint(byId);
    await rig.createEndpoint({ endpointId: SECOND });
    await rig.join();
    await rig.join(SECOND);
    rig.store.failing.add('save leases');
    const stored = rig.store.endpoints.map(({ lease }) => lease!.expiresAt);
    await rig.clock.pass(50 * MINUTE); // more than one renewal of both
    expect(rig.log.messages('error')).toEqual(['endpoint state not saved']);
    expect(rig.record().lease!.expiresAt).toBeGreaterThan(stored[0]!);
    expect(rig.store.endpoints.map(({ lease }) => lease!.expiresAt)).toEqual(stored);
    rig.store.failing.clear();
    await rig.driver.leave(ENDPOINT);
    for (const id of [ENDPOINT, SECOND]) {
      const onDisk = rig.store.endpoints.find((record) => record.id === id);
      expect(onDisk).toEqual(rig.record(id));
    }
  });

  it('CreateNetwork fails with the reason and leaves nothing', async () => {
    rig.store.failing.add('save networks');
    const request = { networkId: 'o'.repeat(64), options: { parent: 'eth1', vlan: '600' } };
    expect((await refusal(rig.createNetwork(networkRequest(request)))).code).toBe(
      'STATE_UNWRITABLE',
    );
    expect([rig.host.links.has('br600'), rig.store.networks.length]).toEqual([false, 1]);
  });
});

describe('a container that went without a word (dockerd was killed)', () => {
  const INSIDE = '/var/run/docker/netns/0123456789ab';
  /**
   * The sandbox is unmounted. A moment later its namespace ends, with the link, unless a socket of
   * ours is in it.
   */
  const dies = (hostEnd: string) => {
    rig.sandbox = 'not-a-namespace';
    const look = rig.leases.hasLostSandbox.bind(rig.leases);
    rig.leases.hasLostSandbox = (key) => {
      const hasLost = look(key);
      if (socketsInside() === 0) rig.host.loseEndpoint(hostEnd);
      return hasLost;
    };
  };
  const socketsInside = () =>
    rig.wire.openSockets.filter(({ place }) => place.netnsPath !== undefined).length;
  beforeEach(async () => {
    await rig.createEndpoint(byId);
    await rig.join();
  });

  it('is no twin of itself: it starts, with its lease', async () => {
    dies(ownEnd(rig.record()));
    const sent = rig.wire.sent.length;
    await rig.createEndpoint({ ...byId, endpointId: SECOND });
    expect(sentSince(sent)).toEqual(['REQUEST']);
    expect(rig.store.endpoints.map(({ id }) => id)).toEqual([SECOND]);
  });

  it('is no twin of itself after a Leave whose DeleteEndpoint was missed (libnetwork.md §6)', async () => {
    await rig.driver.leave(ENDPOINT);
    await rig.createEndpoint({ ...byId, endpointId: SECOND });
    expect(rig.store.endpoints.map(({ id }) => id)).toEqual([SECOND]);
  });

  /** Nothing of ours is in its namespace: the kernel has removed it, with the link. */
  const isGone = () => {
    expect(socketsInside()).toBe(0);
    rig.host.loseEndpoint(rig.record().hostEnd);
  };

  it('is found by the sweep, which enters no sandbox, and its lease is held', async () => {
    isGone();
    rig.leases.hasLostSandbox = () => {
      throw new Error('a sandbox was entered');
    };
    await rig.endpoints.clearAbandoned();
    expect([heldIds(), rig.store.endpoints, rig.host.endpoints.size]).toEqual([[ENDPOINT], [], 0]);
  });

  it('is found, too, during a renewal that nobody answers: its socket lets go', async () => {
    rig.wire.server = () => [];
    while (socketsInside() === 0) await rig.clock.pass(1_000);
    await rig.clock.pass(10_000);
    isGone();
    await rig.endpoints.clearAbandoned();
    expect([heldIds(), rig.store.endpoints]).toEqual([[ENDPOINT], []]);
  });

  it('is found, too, where a starting dockerd has put another namespace in place of its sandbox', async () => {
    rig.sandbox = 'not-yet'; // that sandbox has no link of ours
    isGone();
    await rig.endpoints.clearAbandoned();
    expect([heldIds(), rig.store.endpoints]).toEqual([[ENDPOINT], []]);
  });

  it('is not disturbed where its sandbox is still the one it was', async () => {
    const [looks, pendingBefore] = [rig.wire.sockets.length, rig.clock.pending];
    await rig.endpoints.clearAbandoned();
    expect([rig.wire.sockets.length, rig.host.endpoints.size]).toEqual([looks, 1]);
    expect(rig.clock.pending).toBe(pendingBefore);
  });

  it('is forgotten once, though dockerd deletes it while the sweep looks', async () => {
    const record = rig.record();
    isGone();
    const swept = rig.endpoints.clearAbandoned();
    await rig.driver.leave(ENDPOINT);
    await rig.driver.removeEndpoint(ENDPOINT);
    await swept;
    await rig.endpoints.clear(record);
    expect([rig.leases.size, rig.store.endpoints]).toEqual([0, []]);
  });

  it('one that only cannot be seen is left alone, and refuses its twin', async () => {
    rig.sandbox = 'not-a-namespace';
    const swept = rig.endpoints.clearAbandoned();
    await rig.clock.pass(3000);
    await swept;
    expect(rig.host.endpoints.size).toBe(1);
    const refused = refusal(rig.createEndpoint({ ...byId, endpointId: SECOND }));
    await rig.clock.pass(3000);
    expect((await refused).code).toBe('INVALID_OPTION');
    rig.sandbox = { link: 'eth0' };
    await rig.clock.pass(3000);
    expect(rig.wire.sockets.at(-1)!.place).toEqual({
      netnsPath: INSIDE,
      link: 'eth0',
      ...{ speaksVia: 'br500', defendsFrom: 'br500' },
    });
  });
});
