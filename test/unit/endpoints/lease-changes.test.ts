/** What happens in a running container when its lease changes, ends, comes back or comes late. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeArpFrame } from '../../../plugin/acd/frame.ts';
import { OPTION } from '../../../plugin/dhcp4/options.ts';
import { NO_IPV6 } from '../../../plugin/state/stored-ipv6.ts';
import { PluginError } from '../../../plugin/vocabulary/errors.ts';
import {
  DriverRig,
  ENDPOINT,
  NOTHING_LEFT,
  refusal,
  SANDBOX,
} from '../../support/fakes/driver-rig.ts';
import { settled } from '../../support/time/fake-clock.ts';
import { ack, ip, ip6, mac, nak, offer, type ReplyParts } from '../../support/frames/messages.ts';
import type { Server } from '../../support/lan/memory-packet-socket.ts';

const HOUR = 3_600_000;
const OLD = { address: ip('192.0.2.50'), prefixLength: 24 };
const NEW = { address: ip('192.0.2.77'), prefixLength: 24 };
/** T1, T2 and expiry of the leases of `serverWith`. */
const TIMES = { leaseSec: 100, t1Sec: 50, t2Sec: 80 };

let rig: DriverRig;
const start = async (options: Record<string, string> = {}, internal = false) => {
  rig = new DriverRig();
  await rig.createNetwork({
    options: { parent: 'eth1', vlan: '500', acd: 'off', ...options },
    internal,
  });
};
beforeEach(() => start());
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
});

/** Grants these terms to every client. */
const serverWith =
  (parts: ReplyParts = {}): Server =>
  ({ type, message: { xid, chaddr } }) => {
    const all = { ...TIMES, ...parts, xid, header: { chaddr } };
    if (type === 'DISCOVER') return [offer(all)];
    return type === 'REQUEST' ? [ack(all)] : [];
  };
const option = (code: number, ...bytes: number[]) => ({
  options: [[code, Uint8Array.from(bytes)] as const],
});
const changes = () => rig.host.sandboxChanges.splice(0);
const stored = () => rig.store.endpoints[0]!;

/** A container that has run for a while on a lease of 100 s. */
async function running(parts: ReplyParts = {}): Promise<void> {
  rig.wire.server = serverWith(parts);
  await rig.createEndpoint();
  await rig.join();
  await rig.clock.pass(5_000);
}

describe('acd=optimistic: somebody claims the address just after the container has got it', () => {
  const STRANGER = mac('02:00:00:00:00:99');
  /** A reservation: the server never has another address for this client. */
  const joined = async () => {
    rig.stop();
    await start({ acd: 'optimistic' });
    rig.wire.server = serverWith();
    await rig.createEndpoint();
    await rig.join();
  };
  const address = () => stored().terms.configured?.address;

  it('one frame: the container keeps its address, and the segment is told whose it is', async () => {
    await joined();
    rig.wire.claim(OLD.address, STRANGER);
    for (let seconds = 0; seconds < 30; seconds += 1) {
      await rig.clock.pass(1_000);
      expect(address()).toBe(OLD.address);
    }
    expect([changes(), rig.wire.sentTypes.includes('DECLINE')]).toEqual([[], false]);
    expect(decodeArpFrame(rig.wire.sentArp.at(-1)!.frame).senderAddress).toBe(OLD.address);
  });

  it('a host that has it, and goes: the container is without an address no longer than 30 s after that', async () => {
    await joined();
    const { sentArp } = rig.wire;
    const push = sentArp.push.bind(sentArp);
    sentArp.push = (...sent) => {
      queueMicrotask(() => rig.wire.claim(OLD.address, STRANGER));
      return push(...sent);
    };
    rig.wire.claim(OLD.address, STRANGER);
    await rig.clock.pass(60_000);
    expect(address()).toBeUndefined();
    sentArp.push = push;
    await rig.clock.pass(30_000);
    expect(address()).toBe(OLD.address);
  });
});

describe('a renewal with other terms', () => {
  it('another address at each renewal: applied each time, and an operator is told once', async () => {
    await running();
    let host = 60;
    rig.wire.server = (sent) => {
      if (sent.type === 'REQUEST') host += 1;
      return serverWith({ address: ip(`192.0.2.${host}`) })(sent);
    };
    const told = () => rig.log.messages('warn').filter((text) => text.includes('at each renewal'));
    await rig.clock.pass(120_000);
    expect([changes().length, told()]).toEqual([2, []]);
    await rig.clock.pass(600_000);
    expect([changes().length >= 10, told().length]).toEqual([true, 1]);
  });

  it('another address now and then is not told as that', async () => {
    await running();
    for (let host = 60; host < 66; host += 1) {
      rig.wire.server = serverWith({ address: ip(`192.0.2.${host}`) });
      await rig.clock.pass(120_000);
    }
    expect(rig.log.messages('warn')).toEqual([]);
  });

  it('another address: the container gets it, the record tells, the segment is told', async () => {
    await running();
    const announced = rig.wire.sentArp.length;
    rig.wire.server = serverWith({ address: NEW.address });
    await rig.clock.pass(60_000);
    expect(changes()).toEqual([{ type: 'replace-address', from: OLD, to: NEW }]);
    expect(stored().terms).toMatchObject({ answered: OLD, configured: NEW });
    expect(stored().lease).toMatchObject(NEW);
    expect(rig.wire.sentArp.length).toBeGreaterThan(announced);
    expect(rig.log.messages('info')).toContain('container changed');
    expect(rig.log.messages('error')).toEqual([]);
  });

  it('the same terms change nothing', async () => {
    await running();
    await rig.clock.pass(HOUR);
    expect(changes()).toEqual([]);
    expect(rig.host.count('changeSandbox')).toBe(0);
  });

  it('another router, and an MTU that is within limits (RFC 2132 §5.1)', async () => {
    await running();
    rig.wire.server = serverWith(option(OPTION.ROUTER, 192, 0, 2, 9));
    await rig.clock.pass(60_000);
    rig.wire.server = serverWith(option(OPTION.INTERFACE_MTU, 5, 120));
    await rig.clock.pass(60_000);
    expect(changes()).toEqual([
      { type: 'set-gateway', via: '192.0.2.9' },
      { type: 'set-mtu', mtu: 1400 },
      { type: 'set-gateway', via: '192.0.2.1' },
    ]);
    expect(stored().mtu).toBe(1400);
    rig.wire.server = serverWith(option(OPTION.INTERFACE_MTU, 0, 68));
    await rig.clock.pass(60_000);
    expect(changes()).toEqual([{ type: 'set-mtu', mtu: 1500 }]);
  });

  it('an MTU that would take its IPv6 from a running container is not used (RFC 8200)', async () => {
    await running();
    const address = { address: ip6('2001:db8:500::5'), prefixLength: 64, source: 'slaac' as const };
    const ipv6 = { ...NO_IPV6, address, answered: address, configured: address };
    await rig.registry.keepEndpoint({ ...stored(), ipv6 });
    rig.wire.server = serverWith(option(OPTION.INTERFACE_MTU, 2, 64));
    await rig.clock.pass(60_000);
    expect(changes()).toEqual([]);
    rig.wire.server = serverWith(option(OPTION.INTERFACE_MTU, 5, 0));
    await rig.clock.pass(60_000);
    expect(changes()).toEqual([{ type: 'set-mtu', mtu: 1280 }]);
  });

  it('--internal: never a gateway', async () => {
    rig.stop();
    await start({}, true);
    await running();
    rig.wire.server = serverWith(option(OPTION.ROUTER, 192, 0, 2, 9));
    await rig.clock.pass(60_000);
    expect(changes()).toEqual([]);
    expect(rig.log.messages('info')).not.toContain('lease changed'); // nobody applies the change
  });

  it.each([
    ['DNS servers', option(OPTION.DOMAIN_NAME_SERVER, 192, 0, 2, 9), { dnsServers: ['192.0.2.9'] }],
    ['an MTU above the link’s', option(OPTION.INTERFACE_MTU, 35, 40), { mtu: 9_000 }],
  ])('%s: no change, but the record has it', async (_what, parts, kept) => {
    await running();
    rig.wire.server = serverWith(parts);
    await rig.clock.pass(60_000);
    expect(changes()).toEqual([]);
    expect(stored().lease).toMatchObject(kept);
    expect(rig.log.messages('info')).toContain('lease renewed');
    expect(rig.log.messages('info')).not.toContain('lease changed');
  });
});

describe('a lease that ends', () => {
  const without = [
    { type: 'remove-gateway', via: '192.0.2.1' },
    { type: 'remove-address', from: OLD },
  ];
  const within = [
    { type: 'add-address', to: OLD },
    { type: 'set-gateway', via: '192.0.2.1' },
  ];

  it('by expiry: the container gives up the address (RFC 2131 §4.4.5), an operator is told', async () => {
    await running();
    rig.wire.server = () => [];
    await rig.clock.pass(60_000);
    expect(changes()).toEqual([]);
    await rig.clock.pass(40_000);
    expect(changes()).toEqual(without);
    expect(stored()).toMatchObject({ lease: undefined, lost: { cause: 'expired' } });
    expect(stored().terms).toMatchObject({ answered: OLD, configured: undefined });
    expect(rig.log.messages('error')).toEqual(['lease lost; the container gives up its address']);
    expect(rig.driver.endpointInfo(ENDPOINT)).toMatchObject({
      'vlandhcp.address': 'none',
      'vlandhcp.cause': 'expired',
    });
  });

  it('and comes back: the container gets it again', async () => {
    await running();
    rig.wire.server = () => [];
    await rig.clock.pass(200_000);
    changes();
    rig.wire.server = serverWith();
    await rig.clock.pass(70_000);
    expect(changes()).toEqual(within);
    expect(stored()).toMatchObject({ lease: OLD, lost: undefined });
  });

  it('by expiry with on_expiry=keep: it stays, and is changed when another one comes', async () => {
    rig.stop();
    await start({ on_expiry: 'keep' });
    await running();
    rig.wire.server = () => [];
    await rig.clock.pass(200_000);
    expect(changes()).toEqual([]);
    expect(rig.log.messages('error')).toEqual(['lease lost; the container keeps its address']);
    expect(rig.driver.status()[0]!.endpoints[0]).toMatchObject({
      address: '192.0.2.50/24',
      state: 'no lease, address kept',
      lost: { cause: 'expired' },
    });
    rig.wire.server = serverWith({ address: NEW.address });
    await rig.clock.pass(70_000);
    expect(changes()).toEqual([{ type: 'replace-address', from: OLD, to: NEW }]);
  });

  it.each(['remove', 'keep'])('by a NAK, with on_expiry=%s: it goes at once', async (onExpiry) => {
    rig.stop();
    await start({ on_expiry: onExpiry });
    await running();
    rig.wire.server = ({ type, message: { xid, chaddr } }) =>
      type === 'REQUEST' ? [nak({ xid, header: { chaddr } })] : [];
    await rig.clock.pass(60_000);
    expect(changes()).toEqual(without);
    expect(rig.log.messages('warn')).toContain('lease lost; the container gives up its address');
  });

  it('while the plugin is away: the container gives it up when the plugin is back', async () => {
    await running();
    rig.stop();
    rig.wire.server = () => [];
    await rig.clock.pass(HOUR);
    await rig.restart();
    await rig.clock.pass(5_000);
    expect(changes()).toEqual(without);
    rig.wire.server = serverWith();
    await rig.clock.pass(70_000);
    expect(changes()).toEqual(within);
  });

  it('was lost, and the plugin starts again: it asks on', async () => {
    await running();
    rig.wire.server = () => [];
    await rig.clock.pass(200_000);
    await rig.restart();
    changes();
    rig.wire.server = serverWith();
    await rig.clock.pass(70_000);
    expect(changes()).toEqual(within);
    expect(rig.driver.status()[0]!.endpoints[0]).toMatchObject({ state: 'leased' });
  });
});

describe('libnetwork configures the link itself, from what CreateEndpoint answered', () => {
  it('a change before Join is made after it: Join answers as before, 1 s after the link is up it is changed', async () => {
    rig.wire.server = serverWith();
    const { address } = await rig.createEndpoint();
    rig.wire.server = serverWith({
      address: NEW.address,
      ...option(OPTION.ROUTER, 192, 0, 2, 9),
    });
    await rig.clock.pass(60_000);
    expect(await rig.createEndpoint()).toMatchObject({ address });
    expect(await rig.driver.join(ENDPOINT, SANDBOX)).toMatchObject({ gateway: '192.0.2.1' });
    rig.host.moveIntoSandbox(rig.record().hostEnd);
    rig.sandbox = { link: 'eth0' };
    await rig.clock.pass(900);
    expect(changes()).toEqual([]);
    await rig.clock.pass(1_000);
    expect(changes()).toEqual([
      { type: 'replace-address', from: OLD, to: NEW },
      { type: 'set-gateway', via: '192.0.2.9' },
    ]);
  });

  it('a second Join starts from there again (trap 22)', async () => {
    await running();
    rig.wire.server = serverWith({ address: NEW.address });
    await rig.clock.pass(60_000);
    await rig.driver.leave(ENDPOINT);
    await rig.driver.join(ENDPOINT, SANDBOX);
    changes();
    await rig.clock.pass(5_000);
    expect(changes()).toEqual([{ type: 'replace-address', from: OLD, to: NEW }]);
  });

  it('after Leave nothing is changed', async () => {
    await running();
    await rig.driver.leave(ENDPOINT);
    rig.wire.server = serverWith({ address: NEW.address });
    await rig.clock.pass(60_000);
    expect(changes()).toEqual([]);
  });
});

describe('a container that cannot be changed', () => {
  const failure = new PluginError('SOCKET_FAILED', 'sandbox cannot be entered');

  it('is told once, the record stays true, and each renewal tries again', async () => {
    await running();
    rig.host.failing.set('changeSandbox', failure);
    rig.wire.server = serverWith({ address: NEW.address });
    await rig.clock.pass(300_000);
    expect(rig.log.messages('error')).toEqual([
      'the container could not be changed to its lease; restart it, and see that the plugin can enter its sandbox (mount --make-rshared /)',
    ]);
    expect(stored()).toMatchObject({ lease: NEW, terms: { configured: OLD } });
    expect(rig.driver.status()[0]!.endpoints[0]).toMatchObject({
      address: '192.0.2.50/24',
      state: 'pending',
      lease: { address: '192.0.2.77/24' },
    });
    rig.host.failing.clear();
    await rig.clock.pass(60_000);
    expect(changes()).toEqual([{ type: 'replace-address', from: OLD, to: NEW }]);
    expect(rig.driver.status()[0]!.endpoints[0]).toMatchObject({ state: 'leased' });
  });

  it('is changed as soon as its sandbox can be entered', async () => {
    rig.wire.server = serverWith();
    await rig.createEndpoint();
    rig.sandbox = 'not-a-namespace';
    await rig.driver.join(ENDPOINT, SANDBOX);
    rig.host.moveIntoSandbox(rig.record().hostEnd);
    rig.host.failing.set('changeSandbox', failure);
    rig.wire.server = serverWith({ address: NEW.address });
    await rig.clock.pass(60_000);
    expect(rig.log.messages('error')).toHaveLength(1);
    rig.host.failing.clear();
    rig.sandbox = { link: 'eth0' };
    await rig.clock.pass(5_000);
    expect(changes()).toEqual([{ type: 'replace-address', from: OLD, to: NEW }]);
  });

  it('a disk that is full keeps no change from the container', async () => {
    await running();
    rig.store.failing.add('save leases');
    rig.wire.server = () => [];
    await rig.clock.pass(101_000);
    expect(rig.log.messages('error')).toContain('endpoint state not saved');
    expect(changes()).toHaveLength(2);
  });
});

describe('on_no_server=late', () => {
  beforeEach(async () => {
    rig.stop();
    await start({ on_no_server: 'late', lease_timeout: '2s' });
    rig.wire.server = () => [];
  });
  const createLate = async () => {
    const creating = rig.createEndpoint();
    await rig.clock.pass(2_000);
    return creating;
  };

  it('the endpoint is made without an address, and Join has no way out', async () => {
    expect(await createLate()).toMatchObject({ address: undefined });
    expect(stored()).toMatchObject({ lease: undefined, lost: { cause: 'no-server' } });
    expect(await rig.driver.join(ENDPOINT, SANDBOX)).toMatchObject({
      gateway: undefined,
      staticRoutes: [],
    });
    expect(rig.driver.endpointInfo(ENDPOINT)).toMatchObject({ 'vlandhcp.cause': 'no-server' });
  });

  it('the lease is applied as soon as a server answers', async () => {
    await createLate();
    await rig.join();
    await rig.clock.pass(100_000);
    rig.wire.server = serverWith();
    await rig.clock.pass(65_000);
    expect(changes()).toEqual([
      { type: 'add-address', to: OLD },
      { type: 'set-gateway', via: '192.0.2.1' },
    ]);
    expect(stored()).toMatchObject({ lease: OLD, lost: undefined });
    expect(rig.log.messages('info')).toContain('lease acquired');
  });

  it('also when the server answers before Join, and after a restart of the plugin', async () => {
    await createLate();
    await rig.restart();
    rig.wire.server = serverWith();
    await rig.clock.pass(10_000);
    expect(stored()).toMatchObject({ lease: OLD });
    await rig.join();
    await rig.clock.pass(2_000);
    expect(changes()).toHaveLength(2);
  });

  it('a server that is up in time is waited for as usual', async () => {
    rig.wire.server = serverWith();
    expect(await rig.createEndpoint()).toMatchObject({ address: '192.0.2.50/24' });
  });

  it('a server that refuses is no missing server', async () => {
    rig.wire.server = ({ type, message: { xid, chaddr } }) => {
      const parts = { xid, header: { chaddr } };
      return type === 'DISCOVER' ? [offer(parts)] : [nak(parts)];
    };
    const failed = refusal(rig.createEndpoint());
    await rig.clock.pass(2_000);
    expect((await failed).code).toBe('NAK');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('removed without ever having had a lease, nothing is left', async () => {
    await createLate();
    await rig.join();
    await rig.driver.leave(ENDPOINT);
    await rig.driver.removeEndpoint(ENDPOINT);
    await settled();
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
    expect(rig.wire.sentTypes).not.toContain('RELEASE');
  });

  it('a record that cannot be written: the client does not stay behind', async () => {
    rig.store.failing.add('save leases');
    const failed = refusal(rig.createEndpoint());
    await rig.clock.pass(2_000);
    expect((await failed).code).toBe('STATE_UNWRITABLE');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });
});

describe('another MTU of the network', () => {
  async function lowerMtu(): Promise<void> {
    const network = rig.registry.networks()[0]!;
    await rig.registry.addNetwork({ ...network, mtu: 1400 });
    rig.endpoints.changes.networkChanged(network.id);
    await rig.clock.pass(1);
  }
  const byUs = () => rig.host.calls.filter((call) => call.startsWith('changeSandbox')).length;

  it('reaches a container that has run for a while at once', async () => {
    await running();
    await lowerMtu();
    expect(changes()).toEqual([{ type: 'set-mtu', mtu: 1400 }]);
  });

  it('reaches one that was found just now when libnetwork is through with it', async () => {
    rig.wire.server = serverWith();
    await rig.createEndpoint();
    await rig.join();
    await lowerMtu();
    await rig.clock.pass(500);
    expect(byUs()).toBe(0);
    await rig.clock.pass(1_000);
    expect(changes()).toEqual([{ type: 'set-mtu', mtu: 1400 }]);
  });

  it('reaches one that is still on its way into its sandbox there', async () => {
    rig.wire.server = serverWith();
    await rig.createEndpoint();
    await rig.driver.join(ENDPOINT, SANDBOX);
    await lowerMtu();
    await rig.clock.pass(5_000);
    expect(byUs()).toBe(0);
    rig.host.moveIntoSandbox(rig.record().hostEnd);
    rig.sandbox = { link: 'eth0' };
    await rig.clock.pass(5_000);
    expect(changes()).toEqual([{ type: 'set-mtu', mtu: 1400 }]);
    expect(rig.log.messages('error')).toEqual([]);
  });
});
