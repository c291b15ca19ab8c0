/** What a container's link is given of IPv6 at its start and later. */
import { expect, test } from 'vitest';
import { firstIpv6 } from '../../../plugin/endpoints/first-ipv6.ts';
import { Ipv6Changes, type Ipv6ChangesDeps } from '../../../plugin/endpoints/ipv6-changes.ts';
import { KeyedLock } from '../../../plugin/keyed-lock.ts';
import type { EndpointRecord } from '../../../plugin/state/lease-records.ts';
import type { SandboxIpv6Result } from '../../../plugin/vocabulary/sandbox-change.ts';
import type { NetworkRecord } from '../../../plugin/state/records.ts';
import { NO_IPV6, restoreIpv6 } from '../../../plugin/state/stored-ipv6.ts';
import { parseSubnet6 } from '../../../plugin/wire/address6.ts';
import { advertisement, frame } from '../ndp/ndp-messages.ts';
import { CLIENT_MAC, ip6 } from '../../support/frames/messages.ts';
import { MANAGED, PREFIX, SLAAC, Wire } from '../leasing/ipv6-wire.ts';

type Wanted = Parameters<Ipv6ChangesDeps['host']['setSandboxIpv6']>[1];

/** One joined endpoint with that client. */
function endpointWith(wire: Wire, hasIpv6 = true) {
  const { address } = wire.client.terms;
  const network = { id: 'n', options: { ipv6: 'auto', ipv6PatienceMs: 0 }, mtu: 1200 };
  let record = {
    ...{ id: 'e', leaseId: 'l', networkId: 'n', sandboxKey: '/x', mtu: 1200, mac: CLIENT_MAC },
    ...{ hostEnd: undefined, containerEnd: 'vdc1' },
    ipv6: { ...NO_IPV6, address, answered: address, configured: address },
  } as unknown as EndpointRecord;
  const asked: Wanted[] = [];
  const result: { now: SandboxIpv6Result } = { now: 'set' };
  const host = {
    hasIpv6: () => hasIpv6,
    setSandboxIpv6: (_place: unknown, wanted: Wanted) => {
      asked.push(wanted);
      return Promise.resolve(result.now);
    },
    sendInto: () => undefined,
  };
  const changes = new Ipv6Changes({
    ...{ host, clock: wire.clock, log: wire.log, lock: new KeyedLock() },
    registry: { findEndpoint: () => record, findNetwork: () => network },
    leases: { ipv6: () => wire.client },
    ports: { follow: () => Promise.resolve() },
    sandboxPath: (key: string) => key,
    remember: (next: EndpointRecord) => Promise.resolve(void (record = next)),
  } as unknown as Ipv6ChangesDeps);
  return {
    changes,
    asked,
    result,
    host,
    network: network as unknown as NetworkRecord,
    now: () => record,
  };
}

/** The link was found, and libnetwork has finished with it. */
async function entered(changes: Ipv6Changes, { clock }: Wire): Promise<void> {
  await changes.entered('e');
  await clock.pass(3_000);
}

test('another host has the address of a prefix: it is taken out of the container', async () => {
  const wire = new Wire('auto', 'optimistic');
  wire.client.start(undefined, 0);
  wire.hear(PREFIX);
  const { changes, asked, now } = endpointWith(wire);
  await changes.entered('e');
  const claim = frame(SLAAC, 'ff02::1', {
    type: 'neighbor-advertisement',
    ...{ isRouter: false, isSolicited: false, isOverride: true, target: ip6(SLAAC), options: [] },
  });
  wire.hear(claim);
  await wire.clock.pass(100);
  wire.hear(claim);
  await changes.handle('e', wire.changes.at(-1)!);
  expect(asked.at(-1)).toMatchObject({ former: undefined }); // libnetwork may announce it now
  await wire.clock.pass(3_000);
  expect(asked.at(-1)).toMatchObject({ address: undefined, former: { address: SLAAC } });
  expect(now().ipv6?.configured).toBeUndefined();
});

test('--internal: the container is told to take no route of a router', async () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  wire.hear(PREFIX);
  const { changes, asked, network } = endpointWith(wire);
  Object.assign(network, { internal: true });
  await entered(changes, wire);
  expect(asked.at(-1)).toMatchObject({ isInternal: true });
});

test('a person has switched IPv6 off in the container: the log and the record say so, and it stays off', async () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  wire.hear(PREFIX);
  const { changes, asked, result, now } = endpointWith(wire);
  result.now = 'off';
  await entered(changes, wire);
  expect(now().ipv6?.configured).toBeUndefined();
  await entered(changes, wire);
  expect(asked.at(-1)?.isOffByDocker).toBe(false);
  expect(wire.log.messages('warn')).toEqual([
    'IPv6 is switched off in this container: it has no IPv6 address, and is left so',
  ]);
  changes.close();
});

test('an address that came late was there, and IPv6 is off now: a person did that', async () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  wire.hear(PREFIX);
  const { changes, asked, now } = endpointWith(wire);
  Object.assign(now(), { ipv6: { ...now().ipv6, answered: undefined, configured: undefined } });
  await entered(changes, wire);
  await entered(changes, wire);
  expect([asked[0], asked.at(-1)].map((one) => one?.isOffByDocker)).toEqual([true, false]);
  changes.close();
});
test.each([true, false])(
  'killed between the record of a conflict and the container: it is taken out after it (told by our IPAM: %s)',
  async (isGiven) => {
    const had = { address: ip6(SLAAC), prefixLength: 64, source: 'slaac' } as const;
    const wire = new Wire('slaac', 'fast', isGiven ? parseSubnet6('2001:db8:500::/64') : undefined);
    const stored = {
      ...{ ...NO_IPV6, answered: had, configured: had, isGiven },
      contested: [had.address],
    };
    wire.client.resume(restoreIpv6(stored, wire.clock));
    wire.hear(PREFIX);
    const { changes, asked, now } = endpointWith(wire);
    Object.assign(now(), { ipv6: stored });
    await entered(changes, wire);
    expect(asked.at(-1)).toMatchObject({ address: undefined, former: { address: SLAAC } });
    changes.close();
  },
);

test('a prefix ends: its address is left to the kernel', async () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  wire.hear(PREFIX);
  const { changes, asked } = endpointWith(wire);
  await entered(changes, wire);
  await wire.clock.pass(3_600_000);
  await changes.handle('e', wire.changes.at(-1)!);
  expect(asked.at(-1)).toMatchObject({ address: undefined, former: undefined });
});

test('ipv6=dhcp, and Docker was told the subnet and the MAC: that address is not taken away as a stray', async () => {
  const wire = new Wire('dhcp');
  wire.client.start(undefined, 0);
  const { changes, asked, now, network } = endpointWith(wire);
  Object.assign(network.options, { ipv6: 'dhcp' });
  const told = { address: ip6(SLAAC), prefixLength: 64, source: 'slaac' } as const;
  Object.assign(now(), { mac: CLIENT_MAC, ipv6: { ...NO_IPV6, address: told, answered: told } });
  await entered(changes, wire);
  expect(asked.at(-1)).toMatchObject({ isAutonomous: false, unwanted: undefined });
  Object.assign(now(), { ipv6: NO_IPV6 });
  await entered(changes, wire);
  expect(asked.at(-1)).toMatchObject({ unwanted: '::ff:fe00:c1' });
  changes.close();
});

test.each([
  [advertisement(), /no prefix of a router has the A flag/],
  [MANAGED, /no IPv6 address within ipv6_patience/],
])('a start without an address: the log says why', async (heard, sentence) => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  wire.hear(heard);
  const { host, network } = endpointWith(wire);
  const deps = { leases: { ipv6: () => wire.client }, host, clock: wire.clock, log: wire.log };
  const first = firstIpv6(deps, { leaseId: 'l', mac: CLIENT_MAC }, network, Infinity);
  await wire.clock.pass(1);
  expect((await first)?.answered).toBeUndefined();
  expect(wire.log.messages('warn')).toEqual([expect.stringMatching(sentence)]);
  wire.client.stop();
});

test('a start whose address another host has: the log says so', async () => {
  const wire = new Wire('slaac', 'fast');
  wire.client.start(undefined, 0);
  wire.hear(PREFIX);
  const claim = frame(SLAAC, 'ff02::1', {
    type: 'neighbor-advertisement',
    ...{ isRouter: false, isSolicited: false, isOverride: true, target: ip6(SLAAC), options: [] },
  });
  wire.hear(claim);
  const { host, network } = endpointWith(wire);
  const deps = { leases: { ipv6: () => wire.client }, host, clock: wire.clock, log: wire.log };
  const first = firstIpv6(deps, { leaseId: 'l', mac: CLIENT_MAC }, network, Infinity);
  await wire.clock.pass(1);
  expect((await first)?.answered).toBeUndefined();
  expect(wire.log.messages('warn').at(-1)).toBe(`no IPv6 address: another host has ${SLAAC}`);
  wire.client.stop();
});

test('a link without IPv6: the start is not told of an address, and no setting is touched', async () => {
  const wire = new Wire();
  wire.client.start(undefined, 0);
  wire.hear(PREFIX);
  const { changes, asked, host, network } = endpointWith(wire, false);
  const deps = { leases: { ipv6: () => wire.client }, host, clock: wire.clock, log: wire.log };
  expect(
    (await firstIpv6(deps, { leaseId: 'l', mac: CLIENT_MAC }, network, Infinity))?.answered,
  ).toBeUndefined();
  expect(wire.log.messages('warn').join()).toContain('started without IPv6: its MTU is below 1280');
  await entered(changes, wire);
  expect(asked).toEqual([]);
  expect(wire.log.messages('error').length).toBe(1);
  changes.close();
});
