/**
 * Hostile servers and neighbours of one container. `test.fails` marks what the code does not hold
 * yet: such a test turns red once it does, and `.fails` is to go.
 */
import { expect, test } from 'vitest';
import { encodeNdpFrame } from '../../../plugin/ndp/frame.ts';
import { INFINITE_LIFETIME } from '../../../plugin/ndp/options.ts';
import {
  hearRouter,
  MOST_ROUTERS,
  NO_ROUTERS,
  type RouterTable,
} from '../../../plugin/ndp/routers.ts';
import { chooseSlaacAddress } from '../../../plugin/ndp/slaac.ts';
import { CLIENT_MAC, ip6 } from '../../support/frames/messages.ts';
import { ADDRESS6, lease6 } from '../../support/frames/messages6.ts';
import { advertisement, frame, prefix } from '../ndp/ndp-messages.ts';
import { MANAGED, PREFIX, SLAAC, Wire } from './ipv6-wire.ts';

const FOREVER = { validLifetime: INFINITE_LIFETIME, preferredLifetime: INFINITE_LIFETIME };

// Docker reads such an address as IPv4, and the start fails: "driver modified interface address:
// endpoint interface IP present (10.50.0.106/24). Cannot be modified with (10.50.0.99/32)".
test('a server offers an IPv4-mapped address: it is no address for a container', () => {
  const wire = new Wire('dhcp');
  wire.client.start(undefined, 0);
  wire.answer('ADVERTISE', { addresses: [['::ffff:10.50.0.99']] });
  wire.answer('REPLY', { addresses: [['::ffff:10.50.0.99']] });
  expect(wire.client.terms.address).toBeUndefined();
});

// The xid is multicast, so that any host of the VLAN can send these.
test('a server refuses the same request again and again: the log says it once', () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  wire.hear(MANAGED);
  wire.answer('ADVERTISE');
  for (let count = 0; count < 100; count += 1) wire.answer('REPLY', { status: 1 });
  expect(wire.log.messages('warn').filter((text) => text.includes('refused')).length).toBe(1);
});

test('a router tells a better prefix with each RA: the log is not as long as the flood', () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  wire.hear(PREFIX);
  for (let count = 0; count < 200; count += 1) {
    const network = `2001:db8:${(0x4ff - count).toString(16)}::/64`;
    wire.hear(advertisement({ options: [prefix(network, FOREVER)] }));
  }
  expect(wire.changes.length).toBeLessThan(50);
});

// The attacker may have gone long ago: each start after that is told of its prefix alone.
test('forged routers that speak once do not shut out the router that speaks on', () => {
  let table: RouterTable = NO_ROUTERS;
  for (let count = 1; count <= MOST_ROUTERS; count += 1) {
    const options = [prefix(`2001:db8:bad${count}::/64`, FOREVER)];
    const forged = advertisement({ routerLifetime: 0, options }, `fe80::bad${count}`);
    ({ table } = hearRouter(table, forged, 0));
  }
  const day = 86_400_000;
  for (let now = 0; now <= day; now += 600_000) ({ table } = hearRouter(table, PREFIX, now));
  expect(table.map(({ address }) => address)).toContain('fe80::1');
});

// The link moves into the sandbox between a doubt and the question that settles it. Nothing can be
// sent then, and the question is not repeated.
test.fails('a doubt that could not be settled does not make the address free', async () => {
  const wire = new Wire('auto', 'optimistic');
  wire.client.start(undefined, 0);
  wire.hear(PREFIX);
  const claim = frame(SLAAC, 'ff02::1', {
    type: 'neighbor-advertisement',
    ...{ isRouter: false, isSolicited: false, isOverride: true, target: ip6(SLAAC), options: [] },
  });
  wire.hear(claim);
  wire.client.closeSocket();
  await wire.clock.pass(500);
  wire.client.open({ link: 'eth0', netnsPath: '/x' });
  const before = wire.neighbourly.length;
  await wire.clock.pass(5_000);
  expect(wire.neighbourly.slice(before)).toContain(`neighbor-solicitation ${SLAAC}`);
});

test('what a neighbour claims of the container does not reach its own frames', async () => {
  const wire = new Wire('auto', 'full');
  wire.client.start(undefined, 0);
  wire.hear(PREFIX);
  const own = frame(SLAAC, 'ff02::1', {
    type: 'neighbor-advertisement',
    ...{ isRouter: false, isSolicited: false, isOverride: true, target: ip6(SLAAC), options: [] },
  });
  wire.hearBytes(encodeNdpFrame({ ...own, sourceMac: CLIENT_MAC }));
  await wire.clock.pass(10_000);
  expect(wire.client.terms.address?.address).toBe(SLAAC);
});

// The log warns of each container with a lease: `IPv6 address lost`, with the cause `no-router`.
test.each(['optimistic', 'off'] as const)(
  'acd=%s: after a restart of the plugin a lease is not lost and acquired again',
  async (acd) => {
    const wire = new Wire('dhcp', acd);
    const address = { address: ip6(ADDRESS6), prefixLength: 128, source: 'dhcp' } as const;
    wire.client.resume({ address, lease: lease6() });
    await wire.clock.pass(1_000);
    expect(wire.changes).toEqual([]);
  },
);

// The kernel refuses it ("Cannot assign loopback address on this device"), and the start fails.
test('token=::1 and a router that tells ::/64: the loopback address is not chosen', () => {
  const { table } = hearRouter(NO_ROUTERS, advertisement({ options: [prefix('::/64')] }), 0);
  expect(chooseSlaacAddress(table, ip6('::1'), 0)).toBeUndefined();
});
