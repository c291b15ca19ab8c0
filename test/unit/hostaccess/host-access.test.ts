/**
 * The host's own access to its macvlan containers, over a fake host: link, lease and record, what
 * is refused, what comes late, what a restart finds, and that nothing is left.
 */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { hostLinkName } from '../../../plugin/options/endpoint-identity.ts';
import { hostLeaseId } from '../../../plugin/state/lease-records.ts';
import {
  DriverRig,
  NETWORK,
  networkRequest,
  NOTHING_LEFT,
  refusal,
} from '../../support/fakes/driver-rig.ts';
import { settled } from '../../support/time/fake-clock.ts';
import { ack, ip, mac, offer, type ReplyParts } from '../../support/frames/messages.ts';
import type { Server } from '../../support/lan/memory-packet-socket.ts';

const LINK = hostLinkName(NETWORK);
const TYPED = { parent: 'eth1', vlan: '500', mode: 'macvlan', host_access: 'true', acd: 'off' };
const OTHER = 'o'.repeat(64);

let rig: DriverRig;
beforeEach(() => (rig = new DriverRig()));
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
});

const create = (options: Record<string, string> = {}) =>
  rig.createNetwork({ options: { ...TYPED, ...options } });
/** Lets the time of the call pass, too. */
async function createSlowly(options: Record<string, string> = {}): Promise<void> {
  const creating = create(options);
  await rig.clock.pass(6_000);
  await creating;
}
const linkNow = () => rig.host.hostLinks.get(LINK);
const record = () => rig.registry.findHostLease(NETWORK);
const hostStatus = () => rig.driver.status()[0]?.host;
const at = (address: string) => ({ address: ip(address), prefixLength: 24 });
const silent: Server = () => [];
const serverWith =
  (parts: ReplyParts): Server =>
  ({ type, message: { xid, chaddr } }) => {
    const all = { leaseSec: 100, t1Sec: 50, t2Sec: 80, ...parts, xid, header: { chaddr } };
    if (type === 'DISCOVER') return [offer(all)];
    return type === 'REQUEST' ? [ack(all)] : [];
  };

/** Nothing of the network, of the host's link and of its lease. */
async function expectNothingLeft(): Promise<void> {
  await rig.wiring.settled();
  expect([...rig.host.links]).toEqual(['eth1']);
  expect(rig.store.contents).toEqual({ networks: [], leases: [], pools: [] });
  expect(rig.leftovers).toEqual(NOTHING_LEFT);
}

describe('a network with host_access=true', () => {
  it('gives the host a link on the VLAN link, with a leased address and its prefix', async () => {
    await create();
    expect(linkNow()).toMatchObject({
      mac: record()?.mac,
      mtu: 1500,
      connection: { kind: 'macvlan', lower: 'eth1.500', mode: 'bridge' },
      address: at('192.0.2.50'),
    });
    expect(hostStatus()).toMatchObject({
      link: LINK,
      address: '192.0.2.50/24',
      state: 'leased',
      lease: { server: '192.0.2.1' },
    });
  });

  it('its MAC is the same when the network is made again, and the client-id is made of it', async () => {
    await create();
    const before = record()!;
    expect(before.clientId).toBe(`01${before.mac.replaceAll(':', '')}`);
    await rig.driver.removeNetwork(NETWORK);
    await rig.createNetwork({ networkId: OTHER, options: TYPED });
    expect(rig.registry.findHostLease(OTHER)?.mac).toBe(before.mac);
  });

  it('another host has another MAC there', async () => {
    await create();
    const before = record()!;
    rig.stop();
    rig = new DriverRig();
    rig.host.macs.set('eth1.500', mac('02:00:00:00:00:e2'));
    await create();
    expect(record()?.mac).not.toBe(before.mac);
  });

  it('leaves nothing when it is removed, and gives the lease back', async () => {
    await create();
    await rig.driver.removeNetwork(NETWORK);
    await expectNothingLeft();
  });

  it('release=never: the lease ends by itself', async () => {
    await create({ release: 'never' });
    await rig.driver.removeNetwork(NETWORK);
    expect(rig.wire.sent.map(({ type }) => type)).not.toContain('RELEASE');
    expect(rig.registry.leases()).toEqual([]);
    expect(rig.leases.size).toBe(0);
  });

  it('a call that dockerd repeats changes nothing', async () => {
    await create();
    const before = [record(), rig.wire.sent.length];
    await create();
    expect([record(), rig.wire.sent.length]).toEqual(before);
  });
});

it('a network without it makes no link and asks for no lease', async () => {
  await create({ host_access: 'false' });
  expect([linkNow(), record(), rig.wire.sent.length]).toEqual([undefined, undefined, 0]);
  expect(hostStatus()).toBeUndefined();
});

describe('refused in one sentence, and nothing is left', () => {
  it('a subnet that the host has by another link', async () => {
    rig.host.hostSubnets = [
      {
        destination: ip('192.0.2.128'),
        prefixLength: 25,
        what: 'the route 192.0.2.128/25 of eth0',
        link: 'eth0',
      },
    ];
    expect(await refusal(create())).toEqual({
      code: 'LINK_CONFLICT',
      message:
        'the server of VLAN 500 of eth1 leases 192.0.2.0/24 to the host, which has the route 192.0.2.128/25 of eth0 already and could use only one of the two; leave host_access out, or remove that route',
    });
    await expectNothingLeft();
  });

  it('a name server of the host in that subnet is no hindrance', async () => {
    const what = 'the name server 192.0.2.53';
    rig.host.hostSubnets = [{ destination: ip('192.0.2.53'), prefixLength: 32, what }];
    await create();
    expect(linkNow()?.address).toEqual(at('192.0.2.50'));
  });

  it('a second network of the VLAN with host_access', async () => {
    await create();
    const second = await refusal(rig.createNetwork({ networkId: OTHER, options: TYPED }));
    expect(second).toEqual({
      code: 'LINK_CONFLICT',
      message:
        'network nnnnnnnnnnnn on the same link has host_access=true, and by that the host reaches the containers of both; leave host_access out',
    });
    await rig.createNetwork({ networkId: OTHER, options: { ...TYPED, host_access: 'false' } });
    expect(rig.host.hostLinks.size).toBe(1);
  });

  it('a link of that name that is not ours stays', async () => {
    rig.host.links.add(LINK);
    expect((await refusal(create())).message).toContain('is not one of ours');
    expect([...rig.host.links]).toEqual(['eth1', LINK]);
    expect(rig.registry.networks()).toEqual([]);
  });

  it('a record that cannot be written', async () => {
    const add = rig.registry.addHostLease.bind(rig.registry);
    rig.registry.addHostLease = () => Promise.reject(new Error('the disk is full'));
    expect((await refusal(create())).message).toBe('the disk is full');
    rig.registry.addHostLease = add;
    await expectNothingLeft();
  });

  it('a call that dockerd has given up', async () => {
    rig.wire.server = silent;
    const gone = new AbortController();
    const creating = refusal(
      rig.driver.createNetwork(networkRequest({ options: TYPED }), gone.signal),
    );
    await settled();
    gone.abort();
    expect((await creating).code).toBe('CANCELLED');
    await expectNothingLeft();
  });
});

describe('a call that dockerd repeats', () => {
  it('fails without removing the network that an earlier call made', async () => {
    await create();
    await rig.registry.removeHostLease(NETWORK);
    rig.host.failing.set('ensureHostLink', new Error('no memory'));
    expect((await refusal(create())).message).toBe('no memory');
    expect(rig.registry.findNetwork(NETWORK)).toBeDefined();
    expect(rig.host.linkExists('eth1.500')).toBe(true);
  });

  it('makes the network after the call that dockerd gave up has taken all back', async () => {
    rig.wire.server = silent;
    const gone = new AbortController();
    const first = refusal(rig.createNetwork({ options: TYPED }, gone.signal));
    await settled();
    const second = create();
    await settled();
    gone.abort();
    rig.wire.server = rig.server.answer;
    expect((await first).code).toBe('CANCELLED');
    await second;
    expect(rig.registry.findNetwork(NETWORK)).toBeDefined();
    expect(linkNow()?.address).toEqual(at('192.0.2.50'));
  });
});

describe('no server answers', () => {
  it('the network is made within 5 s, and the address comes when a server does', async () => {
    rig.wire.server = silent;
    await createSlowly();
    expect(linkNow()?.address).toBeUndefined();
    expect(hostStatus()).toMatchObject({ state: 'no lease', lost: { cause: 'no-server' } });
    expect(rig.log.messages('warn')).toContainEqual(
      expect.stringMatching(/^no DHCP server answers: the host gets its link now/),
    );
    rig.wire.server = rig.server.answer;
    await rig.clock.pass(70_000);
    expect(linkNow()?.address).toEqual(at('192.0.2.50'));
    expect(hostStatus()?.state).toBe('leased');
  });

  it('on_no_server=link-local is for containers: nothing is probed for the host', async () => {
    rig.wire.server = silent;
    await createSlowly({ on_no_server: 'link-local' });
    await rig.clock.pass(60_000);
    expect([rig.wire.sentArp, linkNow()?.address]).toEqual([[], undefined]);
  });

  it('a lease that comes late and cannot be used is said, shown and not used', async () => {
    rig.wire.server = silent;
    await createSlowly();
    rig.host.hostSubnets = [
      { destination: ip('192.0.2.0'), prefixLength: 24, what: 'the route x', link: 'eth0' },
    ];
    rig.wire.server = rig.server.answer;
    await rig.clock.pass(70_000);
    expect([linkNow()?.address, hostStatus()?.state]).toEqual([undefined, 'lease not used']);
    expect(rig.log.messages('error')).toContainEqual(expect.stringContaining('leave host_access'));
  });
});

describe('what fails is tried again', () => {
  it('a record that is lost and cannot be written', async () => {
    await create();
    await rig.registry.removeHostLease(NETWORK);
    rig.leases.forget(record()?.id ?? hostLeaseId(NETWORK));
    const add = rig.registry.addHostLease.bind(rig.registry);
    rig.registry.addHostLease = () => Promise.reject(new Error('the disk is full'));
    rig.host.removeLink(LINK);
    await rig.wiring.settled(true);
    await settled();
    expect(rig.log.messages('error')).toContainEqual(expect.stringContaining('it is tried again'));
    rig.registry.addHostLease = add;
    await rig.clock.pass(15_000);
    expect([linkNow()?.address, hostStatus()?.state]).toEqual([at('192.0.2.50'), 'leased']);
  });

  it('a look at the routes: until then the lease is kept, and its address not used', async () => {
    rig.wire.server = silent;
    await createSlowly();
    const read = rig.host.readHostSubnets.bind(rig.host);
    rig.host.readHostSubnets = () => Promise.reject(new Error('ip failed'));
    rig.wire.server = serverWith({ leaseSec: 4000, t1Sec: 2000, t2Sec: 3000 });
    while (record()?.lease === undefined && rig.clock.now() < 100_000) await rig.clock.pass(1_000);
    expect([record()?.lease?.address, linkNow()?.address]).toEqual(['192.0.2.50', undefined]);
    rig.host.readHostSubnets = read;
    await rig.clock.pass(10_000);
    expect([linkNow()?.address, hostStatus()?.state]).toEqual([at('192.0.2.50'), 'leased']);
  });

  it('a removal of the link: until then lease, record and network stay', async () => {
    await create();
    rig.host.failing.set('removeHostLink', new Error('no memory'));
    expect((await refusal(rig.driver.removeNetwork(NETWORK))).message).toBe('no memory');
    expect([record()?.lease?.address, rig.leases.size]).toEqual(['192.0.2.50', 1]);
    expect(rig.wire.sent.map(({ type }) => type)).not.toContain('RELEASE');
    rig.host.failing.clear();
    await rig.driver.removeNetwork(NETWORK);
    expect(rig.wire.sent.map(({ type }) => type)).toContain('RELEASE');
    await expectNothingLeft();
  });

  it('a removal of the link, also without a second docker network rm', async () => {
    await create();
    rig.host.failing.set('removeHostLink', new Error('no memory'));
    await refusal(rig.driver.removeNetwork(NETWORK));
    rig.host.failing.clear();
    await rig.clock.pass(15_000);
    await expectNothingLeft();
  });

  it('what a failed creation could not take back', async () => {
    rig.host.hostSubnets = [
      { destination: ip('192.0.2.0'), prefixLength: 24, what: 'the route x', link: 'eth0' },
    ];
    rig.host.failing.set('removeHostLink', new Error('no memory'));
    await refusal(create());
    expect([record()?.id, rig.host.linkExists(LINK)]).toEqual([hostLeaseId(NETWORK), true]);
    rig.host.failing.clear();
    await rig.clock.pass(15_000);
    await expectNothingLeft();
  });
});

describe('a lease that changes', () => {
  it('another address is followed', async () => {
    rig.wire.server = serverWith({});
    await create();
    rig.wire.server = serverWith({ address: ip('192.0.2.77') });
    await rig.clock.pass(60_000);
    expect([linkNow()?.address, record()?.holder.address]).toEqual([
      at('192.0.2.77'),
      at('192.0.2.77'),
    ]);
  });

  it.each([
    ['remove', undefined, 'no lease'],
    ['keep', at('192.0.2.50'), 'no lease, address kept'],
  ])('on_expiry=%s: it ends, and the next one is taken', async (on_expiry, address, state) => {
    rig.wire.server = serverWith({});
    await create({ on_expiry });
    rig.wire.server = silent;
    await rig.clock.pass(110_000);
    expect([linkNow()?.address, hostStatus()?.state]).toEqual([address, state]);
    rig.wire.server = serverWith({ address: ip('192.0.2.78') });
    await rig.clock.pass(120_000);
    expect(linkNow()?.address).toEqual(at('192.0.2.78'));
  });

  it('a link that cannot be changed is tried again', async () => {
    rig.wire.server = serverWith({});
    await create();
    rig.host.failing.set('ensureHostLink', new Error('no memory'));
    rig.wire.server = serverWith({ address: ip('192.0.2.77') });
    await rig.clock.pass(55_000);
    expect(rig.log.messages('error')).toContainEqual(expect.stringContaining('it is tried again'));
    rig.host.failing.clear();
    await rig.clock.pass(15_000);
    expect(linkNow()?.address).toEqual(at('192.0.2.77'));
  });
});

describe('the link is made again', () => {
  const gone = (name: string) => {
    const link = rig.host.link(name);
    rig.host.removeLink(name);
    rig.host.forgetIndex(name);
    rig.host.onChange?.onLink(link, true);
  };

  it.each(['eth1.500', LINK])('when %s goes', async (victim) => {
    await create();
    gone(victim);
    await rig.clock.pass(5_000);
    expect(linkNow()).toMatchObject({ mac: record()?.mac, address: at('192.0.2.50') });
  });

  const triesAtLink = () => rig.host.calls.filter((call) => call.startsWith('ensureHostLink'));

  it('after 10 s if a try failed, whatever the kernel reports of links until then', async () => {
    await create();
    rig.host.failing.set('ensureHostLink', new Error('no memory'));
    gone(LINK);
    await rig.clock.pass(1_000);
    rig.host.calls.length = 0;
    await rig.wiring.settled(true);
    await settled();
    expect(triesAtLink()).toEqual([]);
    rig.host.failing.clear();
    await rig.clock.pass(10_000);
    expect(linkNow()?.address).toEqual(at('192.0.2.50'));
  });

  it('at once with another link below, also if the last try failed', async () => {
    await create();
    rig.host.failing.set('ensureHostLink', new Error('no memory'));
    gone(LINK);
    await rig.clock.pass(1_000);
    rig.host.failing.clear();
    gone('eth1.500');
    await rig.clock.pass(1_000);
    expect(linkNow()?.address).toEqual(at('192.0.2.50'));
  });

  it('with the MTU of the network, when that changes', async () => {
    await create();
    rig.host.oddities.set('eth1', { mtu: 1400 });
    rig.host.onChange?.onLink(rig.host.link('eth1'), false);
    await rig.clock.pass(5_000);
    expect(linkNow()?.mtu).toBe(rig.registry.findNetwork(NETWORK)?.mtu);
  });
});

describe('after kill -9', () => {
  it('link, address and lease are the same, and the lease is renewed', async () => {
    rig.wire.server = serverWith({});
    await create();
    const before = record();
    await rig.restart();
    expect([record(), linkNow()?.address, rig.leases.size]).toEqual([before, at('192.0.2.50'), 1]);
    await rig.clock.pass(60_000);
    expect(record()?.lease?.requestedAt).toBeGreaterThan(before!.lease!.requestedAt);
  });

  it('after a boot the link is made again', async () => {
    await create();
    for (const name of [LINK, 'eth1.500']) rig.host.removeLink(name);
    await rig.restart();
    expect(linkNow()?.address).toEqual(at('192.0.2.50'));
  });

  it('a link that is not there and cannot be made does not stop the start', async () => {
    await create();
    rig.host.removeLink(LINK);
    rig.host.failing.set('ensureHostLink', new Error('no memory'));
    await rig.restart();
    rig.host.failing.clear();
    await rig.clock.pass(15_000);
    expect(linkNow()?.address).toEqual(at('192.0.2.50'));
  });

  it('between the network and the link: a start makes it and asks for a lease', async () => {
    await create();
    await rig.registry.removeHostLease(NETWORK);
    rig.host.removeLink(LINK);
    await rig.restart();
    await rig.clock.pass(1_000);
    expect(linkNow()?.address).toEqual(at('192.0.2.50'));
  });

  it('while the network was removed: the start removes link and lease', async () => {
    await create();
    await rig.networks.closing(NETWORK);
    await rig.restart();
    await expectNothingLeft();
  });

  it('a link and a lease of a network that is gone are removed', async () => {
    await create();
    await rig.registry.removeNetwork(NETWORK);
    await rig.restart();
    expect([...rig.host.links]).toEqual(['eth1']);
    expect([rig.registry.leases(), rig.leases.size]).toEqual([[], 0]);
  });

  it('where the file of the network cannot be read, link and record stay', async () => {
    await create();
    await rig.registry.removeNetwork(NETWORK);
    rig.isStoreComplete = false;
    await rig.restart();
    expect([rig.host.linkExists(LINK), rig.registry.leases().length]).toEqual([true, 1]);
    expect(rig.log.messages('error')).toContain(
      "the host's lease on an unreadable network left alone",
    );
  });
});
