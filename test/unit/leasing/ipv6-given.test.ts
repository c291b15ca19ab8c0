/** One container's IPv6 where Docker takes addresses of one subnet. */
import { expect, test } from 'vitest';
import { NO_IPV6, restoreIpv6 } from '../../../plugin/state/stored-ipv6.ts';
import { parseSubnet6 } from '../../../plugin/wire/address6.ts';
import { ip6 } from '../../support/frames/messages.ts';
import { ADDRESS6 } from '../../support/frames/messages6.ts';
import { advertisement, frame, OTHER_MAC, prefix } from '../ndp/ndp-messages.ts';
import { MANAGED, PREFIX, SLAAC, Wire } from './ipv6-wire.ts';

const SUBNET = parseSubnet6('2001:db8:500::/64')!;
const MADE = { address: ip6(SLAAC), prefixLength: 64, source: 'slaac' } as const;
const CHOSEN = { address: ip6('2001:db8:500::77'), prefixLength: 64, source: 'static' } as const;

const LEASED = { address: ip6(ADDRESS6), prefixLength: 128, source: 'dhcp' } as const;

function leasedBy(wire: Wire) {
  wire.client.start(undefined, 0);
  wire.answer('ADVERTISE');
  wire.answer('REPLY');
  return wire.client.terms.lease;
}

test('nothing is taken of a prefix until an address was given', () => {
  const wire = new Wire('auto', 'off', SUBNET);
  wire.client.start(undefined, 0);
  wire.hear(PREFIX);
  expect(wire.client.terms.address).toBeUndefined();
  wire.client.give(MADE);
  expect(wire.client.terms.address).toEqual(MADE);
});

test('the address that was given stays, whatever the routers say, also over a restart', () => {
  const wire = new Wire('auto', 'off', SUBNET);
  wire.client.start(undefined, 0);
  wire.client.give(MADE);
  wire.hear(advertisement({ options: [prefix('2001:db8:600::/64')] }));
  expect(wire.client.terms.address).toEqual(MADE);
  expect(wire.client.prefixes).toEqual([parseSubnet6('2001:db8:600::/64')]);
  const next = new Wire('auto', 'off', SUBNET);
  next.client.resume(wire.client.terms);
  next.hear(advertisement({ options: [prefix('2001:db8:600::/64')] }));
  expect([next.client.terms.address, next.changes]).toEqual([MADE, []]);
});

test('a lease in the subnet counts, one beside it does not', () => {
  for (const [address, source] of [
    [ADDRESS6, 'dhcp'],
    ['2001:db8:600::5', 'slaac'],
  ] as const) {
    const subnet = parseSubnet6(`${ADDRESS6}/64`)!;
    const wire = new Wire('auto', 'off', subnet);
    wire.client.start(undefined, 0);
    wire.client.give(MADE);
    wire.hear(MANAGED);
    wire.answer('ADVERTISE', { addresses: [[address]] });
    wire.answer('REPLY', { addresses: [[address]] });
    expect(wire.client.terms.address?.source).toBe(source);
  }
});

test('an address that a person chose: a lease beside it is given back, and none is asked for', () => {
  const wire = new Wire('dhcp', 'off', SUBNET);
  wire.client.start(undefined, 0);
  wire.answer('ADVERTISE');
  wire.answer('REPLY');
  wire.client.give(CHOSEN);
  expect(wire.client.terms).toMatchObject({ address: CHOSEN, lease: undefined });
  expect(wire.asked.map(({ type }) => type)).toContain('RELEASE');
  wire.answer('REPLY');
  wire.hear(MANAGED);
  expect(wire.asked.map(({ type }) => type).filter((type) => type === 'SOLICIT')).toHaveLength(1);
});

const CLAIM = frame(SLAAC, 'ff02::1', {
  type: 'neighbor-advertisement',
  ...{ isRouter: false, isSolicited: false, isOverride: true },
  ...{ target: ip6(SLAAC), options: [{ type: 'target-link-layer', mac: OTHER_MAC }] },
});

test('an address that another host has is no longer one, and the warning names that host', async () => {
  const wire = new Wire('slaac', 'fast', SUBNET);
  wire.client.start(undefined, 0);
  wire.client.give(MADE);
  expect(wire.client.terms.address).toEqual(MADE);
  wire.hear(CLAIM);
  await wire.clock.pass(5_000);
  expect(wire.client.terms.address).toBeUndefined();
  expect(wire.client.isContested(ip6(SLAAC))).toBe(true);
});

test('after a restart it stays beside a later lease, and nobody is asked about it again', () => {
  const wire = new Wire('dhcp', 'optimistic', parseSubnet6(`${ADDRESS6}/64`));
  const lease = leasedBy(new Wire('dhcp', 'off', SUBNET));
  wire.client.resume({ address: LEASED, lease, given: MADE });
  wire.hear(PREFIX);
  expect(wire.client.terms).toMatchObject({ address: LEASED, given: MADE });
  expect(wire.neighbourly.filter((packet) => packet.includes(SLAAC))).toEqual([]);
});

test('a client that is made anew after a conflict does not put the address back', async () => {
  const wire = new Wire('slaac', 'fast', SUBNET);
  wire.client.start(undefined, 0);
  wire.client.give(MADE);
  wire.hear(CLAIM);
  await wire.clock.pass(5_000);
  const next = new Wire('slaac', 'fast', SUBNET);
  next.client.resume(wire.client.terms);
  next.hear(PREFIX);
  await next.clock.pass(5_000);
  expect(next.client.terms).toMatchObject({ address: undefined, given: MADE });
  expect(next.client.isContested(MADE.address)).toBe(true);
});

test.each([
  ['as it is stored', [CHOSEN.address]],
  ['as older versions stored it', undefined],
])(
  'a contested address that a person chose, %s: after a restart no lease takes its place',
  (_how, contested) => {
    const next = new Wire('auto', 'off', SUBNET);
    const stored = { ...NO_IPV6, answered: CHOSEN, isGiven: true, contested };
    next.client.resume(restoreIpv6(stored, next.clock));
    next.hear(MANAGED);
    expect(next.asked.map(({ type }) => type)).not.toContain('SOLICIT');
    expect(next.client.terms.address).toBeUndefined();
  },
);
