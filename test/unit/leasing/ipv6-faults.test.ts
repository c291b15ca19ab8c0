/** What goes wrong with one container's IPv6, and stays with it. */
import { expect, test, vi } from 'vitest';
import { Ipv6Releases } from '../../../plugin/leasing/ipv6/ipv6-releases.ts';
import type { LeaseSubject } from '../../../plugin/leasing/lease-subject.ts';
import { linkLocalOf } from '../../../plugin/wire/address6.ts';
import { CLIENT_MAC, ip6 } from '../../support/frames/messages.ts';
import { ADDRESS6 } from '../../support/frames/messages6.ts';
import { advertisement, frame } from '../ndp/ndp-messages.ts';
import { MANAGED, PREFIX, SLAAC, Wire } from './ipv6-wire.ts';

function leased(): Wire {
  const wire = new Wire('dhcp');
  wire.client.start(undefined, 0);
  wire.answer('ADVERTISE');
  wire.answer('REPLY');
  return wire;
}

function reports(wire: Wire): number {
  return wire.sent.filter((bytes) => bytes[0] === 0x33 && bytes[5] === 0x16).length;
}

test('a server that answers late still gets through: it is answered, and switches are told again', async () => {
  const wire = new Wire('dhcp', 'optimistic');
  wire.client.start(undefined, 0);
  const before = reports(wire);
  await wire.clock.pass(60_000);
  expect(reports(wire)).toBeGreaterThanOrEqual(wire.asked.length);
  expect(before).toBeGreaterThan(0);
  const target = linkLocalOf(CLIENT_MAC);
  wire.hear(frame('fe80::1', 'ff02::1', { type: 'neighbor-solicitation', target, options: [] }));
  expect(wire.neighbourly.at(-1)).toBe(`neighbor-advertisement ${target}`);
});

test('a server names its addresses in another order, and adds one: the address in use stays', async () => {
  const wire = leased();
  await wire.clock.pass(901_000);
  expect(wire.asked.at(-1)?.type).toBe('RENEW');
  wire.answer('REPLY', { addresses: [['2001:db8:500::999'], [ADDRESS6]] });
  expect(wire.client.terms.address?.address).toBe(ADDRESS6);
  expect(wire.changes.map(({ change }) => change)).not.toContain('changed');
});

test('acd=fast: a renewal brings another address: the container keeps its own until that is proven', async () => {
  const wire = new Wire('dhcp', 'fast');
  wire.client.start(undefined, 0);
  wire.answer('ADVERTISE');
  wire.answer('REPLY');
  await wire.clock.pass(2_000);
  expect(wire.client.terms.address?.address).toBe(ADDRESS6);
  await wire.clock.pass(901_000);
  expect(wire.asked.at(-1)?.type).toBe('RENEW');
  const told = wire.changes.length;
  wire.answer('REPLY', { addresses: [['2001:db8:500::999'], [ADDRESS6, 0, 0]] });
  expect(wire.changes.length).toBe(told);
  await wire.clock.pass(2_000);
  expect(wire.changes.slice(told).map(({ change, address }) => [change, address?.address])).toEqual(
    [['changed', '2001:db8:500::999']],
  );
});

test('a router that has gone no longer sends containers to a server that went with it', async () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  wire.hear(MANAGED);
  wire.hear({ ...MANAGED, message: { ...MANAGED.message, routerLifetime: 0 } });
  wire.hear({ ...PREFIX, source: ip6('fe80::2') });
  expect(await wire.isSettled()).toBe(true);
});

test('a router that never leads elsewhere may set the M flag', () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  wire.hear({ ...MANAGED, message: { ...MANAGED.message, routerLifetime: 0 } });
  expect(wire.asked.map(({ type }) => type)).toEqual(['SOLICIT']);
});

test('acd=optimistic: the address of a prefix that another host has is known as contested', async () => {
  const wire = new Wire('auto', 'optimistic');
  wire.client.start(undefined, 0);
  wire.hear(PREFIX);
  const address = ip6(SLAAC);
  expect(wire.client.isContested(address)).toBe(false);
  const claim = frame(SLAAC, 'ff02::1', {
    type: 'neighbor-advertisement',
    ...{ isRouter: false, isSolicited: false, isOverride: true, target: address, options: [] },
  });
  wire.hear(claim);
  await wire.clock.pass(100);
  wire.hear(claim);
  expect(wire.changes.at(-1)).toMatchObject({ change: 'lost', cause: 'conflict' });
  expect(wire.client.isContested(address)).toBe(true);
});

test('65 search names in a REPLY: the first 64 are kept, so that the record is a valid one', () => {
  const wire = new Wire('dhcp');
  wire.client.start(undefined, 0);
  wire.answer('ADVERTISE');
  const names = Array.from({ length: 65 }, (_, index) => `n${index}.example`);
  wire.answer('REPLY', { options: [{ type: 'domain-list', names }] });
  expect(wire.client.terms.lease?.domainSearch).toEqual(names.slice(0, 64));
});

test('a fault of its own: IPv6 alone ends, and is started again with what it had', async () => {
  const wire = leased();
  const had = wire.client.terms;
  const broken = vi.spyOn(wire.routers, 'table').mockImplementation(() => {
    throw new TypeError('a fault of ours');
  });
  wire.client.configured();
  expect(wire.client.replay()).toEqual([]);
  const waits = wire.client.settled();
  expect(wire.log.messages('error').length).toBeGreaterThan(0);
  broken.mockRestore();
  await wire.clock.pass(10_000);
  await waits;
  expect(wire.client.terms).toEqual(had);
  await wire.clock.pass(901_000);
  expect(wire.asked.at(-1)?.type).toBe('RENEW');
  wire.client.stop();
  expect(wire.clock.pending).toBe(0);
});

test('stopped after a fault: it is not started again', async () => {
  const wire = leased();
  vi.spyOn(wire.routers, 'table').mockImplementation(() => {
    throw new TypeError('a fault of ours');
  });
  wire.client.replay();
  wire.client.stop();
  expect(wire.clock.pending).toBe(0);
  await wire.clock.pass(3_600_000);
  expect(wire.log.messages('error').length).toBe(1);
});

test('the same identity asks again: the RELEASE of before is not repeated', async () => {
  const { lease } = leased().client.terms;
  if (lease === undefined) throw new Error('no lease');
  const leaving = new Wire('dhcp');
  const releases = new Ipv6Releases(() => leaving.client);
  const subject = { ipv6: leaving.client.subject } as LeaseSubject;
  releases.give(subject, lease, 'br500');
  expect(leaving.asked.length).toBe(1);
  releases.stop(subject);
  await leaving.clock.pass(60_000);
  expect([leaving.asked.length, leaving.clock.pending]).toEqual([1, 0]);
  releases.close();
});

test('an advertisement without a prefix: nothing to wait for, and no address', async () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  wire.hear(advertisement({ options: [] }));
  expect(await wire.isSettled()).toBe(true);
  expect(wire.client.terms.address).toBeUndefined();
});
