/**
 * Attacks on the IPv6 of a starting container. `test.fails` marks what the code does not hold yet:
 * such a test turns red once it does, and `.fails` is to go.
 */
import { expect, test } from 'vitest';
import { Ipv6Changes, type Ipv6ChangesDeps } from '../../../plugin/endpoints/ipv6-changes.ts';
import { KeyedLock } from '../../../plugin/keyed-lock.ts';
import type { EndpointRecord } from '../../../plugin/state/lease-records.ts';
import { NO_IPV6 } from '../../../plugin/state/stored-ipv6.ts';
import { ip6 } from '../../support/frames/messages.ts';
import { PREFIX, SLAAC, Wire } from '../leasing/ipv6-wire.ts';
import { frame } from '../ndp/ndp-messages.ts';

type Wanted = Parameters<Ipv6ChangesDeps['host']['setSandboxIpv6']>[1];

const CLAIM = frame(SLAAC, 'ff02::1', {
  type: 'neighbor-advertisement',
  ...{ isRouter: false, isSolicited: false, isOverride: true, target: ip6(SLAAC), options: [] },
});

/** @param ipv6 of its record. @param sendInto of the host. */
function joined(wire: Wire, ipv6: Partial<EndpointRecord['ipv6']>, sendInto = () => undefined) {
  let record = {
    ...{ id: 'e', leaseId: 'l', networkId: 'n', sandboxKey: '/x', mtu: 1400 },
    ...{ hostEnd: 'vdh1', containerEnd: 'vdc1', ipv6: { ...NO_IPV6, ...ipv6 } },
  } as unknown as EndpointRecord;
  const asked: Wanted[] = [];
  const setSandboxIpv6 = (_place: unknown, wanted: Wanted) => {
    asked.push(wanted);
    return Promise.resolve(true);
  };
  const changes = new Ipv6Changes({
    host: { hasIpv6: () => true, setSandboxIpv6, sendInto },
    ...{ clock: wire.clock, log: wire.log, lock: new KeyedLock() },
    registry: {
      findEndpoint: () => record,
      findNetwork: () => ({ id: 'n', options: { ipv6: 'auto', ipv6PatienceMs: 0 } }),
    },
    leases: { ipv6: () => wire.client },
    ports: { follow: () => Promise.resolve() },
    sandboxPath: (key: string) => key,
    remember: (next: EndpointRecord) => Promise.resolve(void (record = next)),
  } as unknown as Ipv6ChangesDeps);
  return { changes, asked, now: () => record };
}

function started(): Wire {
  const wire = new Wire('auto', 'optimistic');
  wire.client.start(undefined, 0);
  wire.hear(PREFIX);
  return wire;
}

// Engine 28 announces the address after the link is up. If it has gone by then, the start fails:
// "failed to advertise addresses: write ip ::1->ff02::1: sendmsg: invalid argument".
test('a conflict before the link is found: libnetwork finishes before the address goes', async () => {
  const wire = started();
  const { address } = wire.client.terms;
  const { changes, asked } = joined(wire, { address, answered: address, configured: address });
  wire.hear(CLAIM);
  await wire.clock.pass(100);
  wire.hear(CLAIM);
  await changes.handle('e', wire.changes.at(-1)!);
  await changes.entered('e');
  expect(asked.filter(({ former }) => former !== undefined)).toEqual([]);
});

// AF_PACKET refuses a frame that is longer than the link's MTU allows. A router whose link has a
// larger MTU than the container's sends such RAs.
test('a router advertisement that does not fit the link: the container is finished all the same', async () => {
  const wire = started();
  const { address } = wire.client.terms;
  const { changes, asked, now } = joined(wire, { address }, () => {
    throw new Error('send: EMSGSIZE');
  });
  await changes.entered('e');
  expect(now().ipv6?.configured).toEqual(address);
  await wire.clock.pass(60_000);
  // Each time its lifetimes become infinite, whatever the router said since.
  expect(asked.filter((wanted) => wanted.address !== undefined).length).toBe(1);
  changes.close();
});
