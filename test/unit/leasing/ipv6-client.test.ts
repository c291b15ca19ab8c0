/** One container's IPv6 on a wire of the test's: what it sends, takes, and tells. */
import { expect, test } from 'vitest';
import { optionOf } from '../../../plugin/dhcp6/options.ts';
import { encodeNdpFrame } from '../../../plugin/ndp/frame.ts';
import { MOST_ROUTERS } from '../../../plugin/ndp/routers.ts';
import { linkLocalOf } from '../../../plugin/wire/address6.ts';
import { CLIENT_MAC, ip6 } from '../../support/frames/messages.ts';
import { ADDRESS6, statusOption } from '../../support/frames/messages6.ts';
import { seededRandom } from '../../support/time/seeded-random.ts';
import { advertisement, frame, OTHER_MAC, prefix } from '../ndp/ndp-messages.ts';
import { MANAGED, PREFIX, SLAAC, Wire } from './ipv6-wire.ts';

test('a prefix: one solicitation, and the address is there with the answer', async () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  expect(wire.neighbourly).toEqual(['router-solicitation']);
  expect(await wire.isSettled()).toBe(false);
  wire.hear(PREFIX);
  expect(wire.client.terms.address).toEqual({
    ...{ address: SLAAC, prefixLength: 64, source: 'slaac' },
  });
  expect(await wire.isSettled()).toBe(true);
  expect(wire.asked).toEqual([]);
});

test('a second container on the segment finds the router, and asks nobody', () => {
  const wire = new Wire();
  wire.routers.subscribe('br500', () => undefined);
  wire.routers.hear('br500', PREFIX);
  wire.client.start(undefined, 0);
  expect(wire.client.terms.address?.address).toBe(SLAAC);
  expect(wire.neighbourly).toEqual([]);
});

test('the M flag: the address of the server counts, whatever it offers besides', async () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  wire.hear(MANAGED);
  wire.answer('ADVERTISE', { addresses: [[ADDRESS6], ['2001:db8::51']] });
  expect(wire.asked.at(-1)?.type).toBe('REQUEST');
  const ia = optionOf(wire.asked.at(-1)?.options ?? [], 'ia-na');
  expect(ia?.options.length).toBe(1);
  expect(await wire.isSettled()).toBe(false);
  wire.answer('REPLY');
  expect(wire.client.terms.address).toEqual({
    ...{ address: ADDRESS6, prefixLength: 128, source: 'dhcp' },
  });
  expect(await wire.isSettled()).toBe(true);
});

test('M set and no server: a prefix is used meanwhile, and the wait goes on', async () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  wire.hear(advertisement({ isManaged: true, options: [prefix('2001:db8:500::/64')] }));
  expect(wire.client.terms.address?.source).toBe('slaac');
  expect(await wire.isSettled()).toBe(false);
  wire.answer('ADVERTISE', { addresses: null, options: [statusOption(2)] });
  expect(wire.client.terms.lease).toBeUndefined();
});

test('a router without a prefix and without the M flag: no address, and nobody waits', async () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  wire.hear(advertisement({ options: [] }));
  expect(await wire.isSettled()).toBe(true);
  expect([wire.client.terms.address, wire.asked]).toEqual([undefined, []]);
});

test('slaac never asks for a lease, dhcp asks before any router has spoken', () => {
  const slaac = new Wire('slaac');
  slaac.client.start(undefined, 0);
  slaac.hear(MANAGED);
  expect(slaac.asked.map(({ type }) => type)).toEqual(['INFORMATION-REQUEST']);
  const dhcp = new Wire('dhcp');
  dhcp.client.start(undefined, 0);
  expect(dhcp.asked.map(({ type }) => type)).toEqual(['SOLICIT']);
  dhcp.hear(PREFIX);
  expect(dhcp.client.terms.address).toBeUndefined();
});

test('the way is open again: a router that was not heard, and a server that is silent, are asked', async () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  await wire.clock.pass(9_000);
  wire.client.askNow();
  expect(wire.neighbourly).toEqual(Array(4).fill('router-solicitation'));
  wire.hear(MANAGED);
  await wire.clock.pass(3_000_000); // the next SOLICIT may be an hour away
  const before = wire.asked.length;
  wire.client.askNow();
  await wire.clock.pass(1_000);
  expect(wire.asked.length).toBe(before + 1);
  wire.answer('ADVERTISE');
  wire.answer('REPLY');
  expect(wire.client.terms.address?.address).toBe(ADDRESS6);
  const leased = wire.asked.length;
  wire.client.askNow(); // nothing is due
  await wire.clock.pass(1_000);
  expect(wire.asked.length).toBe(leased);
});

test('no router answers: three solicitations, then nobody waits any more', async () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  await wire.clock.pass(8_999);
  expect(await wire.isSettled()).toBe(false);
  await wire.clock.pass(1);
  expect(wire.neighbourly).toEqual(Array(3).fill('router-solicitation'));
  expect(await wire.isSettled()).toBe(true);
  wire.hear(PREFIX);
  expect(wire.changes.map(({ change, address }) => [change, address?.address])).toEqual([
    ['acquired', SLAAC],
  ]);
});

test('acd=fast: the address waits for its probe; another host has it: none, with a warning', async () => {
  const wire = new Wire('auto', 'fast');
  wire.client.start(undefined, 0);
  wire.hear(PREFIX);
  expect(wire.client.terms.address).toBeUndefined();
  const target = ip6(SLAAC);
  wire.hear({
    ...frame(SLAAC, 'ff02::1', {
      type: 'neighbor-advertisement',
      ...{ isRouter: false, isSolicited: false, isOverride: true },
      ...{ target, options: [{ type: 'target-link-layer', mac: OTHER_MAC }] },
    }),
  });
  await wire.clock.pass(5_000);
  expect(wire.client.terms.address).toBeUndefined();
  expect(await wire.isSettled()).toBe(true);
  expect(wire.log.messages('warn')).toContain('IPv6 address not used: another host has it');
});

test('acd=optimistic: a leased address that another host has is declined, and another is leased', async () => {
  const wire = new Wire('dhcp', 'optimistic');
  wire.client.start(undefined, 0);
  wire.answer('ADVERTISE');
  wire.answer('REPLY');
  expect(wire.client.terms.address?.address).toBe(ADDRESS6);
  const claim = frame(ADDRESS6, 'ff02::1', {
    type: 'neighbor-advertisement',
    ...{ isRouter: false, isSolicited: false, isOverride: true },
    ...{ target: ip6(ADDRESS6), options: [] },
  });
  wire.hear(claim);
  await wire.clock.pass(100);
  wire.hear(claim);
  expect(wire.asked.map(({ type }) => type)).toContain('DECLINE');
  expect(wire.changes.at(-1)).toMatchObject({ change: 'lost', address: undefined });
});

test('before the container has its kernel, its addresses are answered for; then no more', () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  const ask = frame('fe80::1', 'ff02::1', {
    type: 'neighbor-solicitation',
    ...{ target: linkLocalOf(CLIENT_MAC), options: [] },
  });
  wire.hear(ask);
  const answer = `neighbor-advertisement ${linkLocalOf(CLIENT_MAC)}`;
  expect(wire.neighbourly.filter((one) => one === answer).length).toBe(1);
  wire.client.configured();
  wire.hear(ask);
  expect(wire.neighbourly.filter((one) => one === answer).length).toBe(1);
});

test('a prefix is replaced: the new address is told; the router goes: the address is lost', async () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  wire.hear(PREFIX);
  wire.hear(
    advertisement({
      options: [prefix('2001:db8:500::/64', { preferredLifetime: 0 }), prefix('2001:db8:600::/64')],
    }),
  );
  expect(wire.client.terms.address?.address).toBe('2001:db8:600::ff:fe00:c1');
  await wire.clock.pass(3_600_000);
  expect(wire.changes.map(({ change }) => change)).toEqual(['acquired', 'changed', 'lost']);
});

test('a flood of forged routers: a bounded table, one warning, the first router stays', () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  wire.hear(PREFIX);
  for (let host = 1; host <= 1000; host += 1) {
    wire.hear(advertisement({ options: [] }, `fe80::${(0x1000 + host).toString(16)}`));
  }
  expect(wire.routers.table('br500').length).toBe(MOST_ROUTERS);
  expect(wire.client.terms.address?.address).toBe(SLAAC);
  expect(wire.log.messages('warn').length).toBe(1);
});

test('what it hears cannot make it throw', () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  const good = encodeNdpFrame(PREFIX);
  const random = seededRandom(11);
  for (let round = 0; round < 2000; round += 1) {
    const bytes = Uint8Array.from(good.subarray(0, Math.floor(random() * (good.length + 1))));
    if (bytes.length > 0) bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    wire.hearBytes(bytes);
  }
});

test('release: the server is told up to four times, from the link of the host', async () => {
  const wire = new Wire('dhcp');
  wire.client.start(undefined, 0);
  wire.answer('ADVERTISE');
  wire.answer('REPLY');
  const { lease } = wire.client.terms;
  if (lease === undefined) throw new Error('no lease');
  const leaving = new Wire('dhcp');
  let ended = 0;
  leaving.client.release('br500', lease, () => (ended += 1));
  expect(leaving.asked.map(({ type }) => type)).toEqual(['RELEASE']);
  await leaving.clock.pass(60_000);
  expect(leaving.asked.map(({ type }) => type)).toEqual(Array(4).fill('RELEASE'));
  expect([ended, leaving.clock.pending]).toEqual([1, 0]);
});

test('stopped: no timer stays, and who waited is told', async () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  const waiting = wire.client.reached('settled');
  wire.client.stop();
  await waiting;
  expect(wire.clock.pending).toBe(0);
});

test('after a restart of the plugin the address stays while no router has spoken yet', async () => {
  const wire = new Wire();
  const address = { address: ip6(SLAAC), prefixLength: 64, source: 'slaac' } as const;
  wire.client.resume({ address, lease: undefined });
  await wire.clock.pass(20_000);
  expect([wire.changes, wire.client.terms.address]).toEqual([[], address]);
  wire.hear(PREFIX);
  expect(wire.changes).toEqual([]);
  await wire.clock.pass(3_700_000);
  expect(wire.changes.map(({ change }) => change)).toEqual(['lost']);
});

test('register_dns: option 39 with flag S in each message that asks (RFC 4704 §4.1); a later name is in the next', () => {
  const wire = new Wire('dhcp');
  wire.client.rename('pbx');
  wire.client.start(undefined, 0);
  const told = () => optionOf(wire.asked.at(-1)?.options ?? [], 'fqdn');
  expect(told()).toMatchObject({ flags: 1, name: 'pbx', isPartial: true });
  wire.client.rename('pbx.lab.example');
  wire.answer('ADVERTISE');
  expect(wire.asked.at(-1)?.type).toBe('REQUEST');
  expect(told()).toMatchObject({ flags: 1, name: 'pbx.lab.example', isPartial: false });
});

test('ip6= with ipv6=auto: a server is asked, although no router speaks of one', () => {
  const wire = new Wire('auto', 'off', undefined, ip6('2001:db8::50'));
  wire.client.start(undefined, 0);
  wire.hear(PREFIX);
  expect(wire.asked.map(({ type }) => type)).toEqual(['SOLICIT']);
  wire.answer('ADVERTISE');
  wire.answer('REPLY');
  expect(wire.client.terms.address).toMatchObject({ address: '2001:db8::50', source: 'dhcp' });
});
