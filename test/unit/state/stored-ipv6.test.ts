import { describe, expect, it } from 'vitest';
import { readRecord, writeRecord } from '../../../plugin/state/files/read-record.ts';
import { linkEnds } from '../../../plugin/options/endpoint-identity.ts';
import { leaseOfEndpoint } from '../../../plugin/state/lease-records.ts';
import { termsOf } from '../../../plugin/state/records.ts';
import { storeLease } from '../../../plugin/state/stored-lease.ts';
import {
  renewalDueAt,
  restoreIpv6,
  restoreLease6,
  storeLease6,
  type StoredIpv6,
} from '../../../plugin/state/stored-ipv6.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { ip6, lease, mac } from '../../support/frames/messages.ts';
import { ADDRESS6, lease6 } from '../../support/frames/messages6.ts';

const now = 100_000_000;
const clock = () => new FakeClock({ now });
const aLease = () => lease6({ requestedAt: now });
const ADDRESS = { address: ip6(ADDRESS6), prefixLength: 128, source: 'dhcp' } as const;

function recordWith(ipv6: unknown): string {
  const at = clock();
  const terms = termsOf(lease());
  const id = 'e'.repeat(64);
  const record = leaseOfEndpoint({
    ...{ id, leaseId: id, networkId: 'n'.repeat(64), ...linkEnds(id) },
    ...{ mac: mac('02:00:00:00:00:aa'), macGiven: false, isStable: false, mtu: 1500 },
    ...{ clientId: '01020000000000aa', hostName: undefined, requestedAddress: undefined },
    ...{ lease: storeLease(lease({ requestedAt: now }), at), lost: undefined },
    ...{ terms: { answered: terms, configured: terms }, createdAt: at.wall() },
    sandboxKey: '/var/run/docker/netns/1',
  });
  return writeRecord('leases', { ...record, ipv6 });
}
const read = (text: string) => readRecord('leases', text, { id: 'e'.repeat(64), writtenAt: 0 });

const STORED: StoredIpv6 = {
  address: ADDRESS,
  lease: storeLease6(aLease(), clock()),
  answered: ADDRESS,
  configured: undefined,
};

describe('on disk', () => {
  it.each([
    ['a lease', STORED],
    ['an address that another host has', { ...STORED, contested: [ip6('2001:db8:500::99')] }],
    [
      'lifetimes without end',
      {
        ...STORED,
        lease: storeLease6(
          lease6({
            requestedAt: now,
            ...{ t1At: Infinity, t2At: Infinity },
            addresses: [
              { address: ADDRESS.address, preferredUntil: Infinity, validUntil: Infinity },
            ],
          }),
          clock(),
        ),
      },
    ],
    ['nothing yet', { address: undefined, lease: undefined }],
    ['no IPv6', undefined],
  ])('%s comes back as it was', (_what, ipv6) => {
    const reading = read(recordWith(ipv6));
    expect(reading.is).toBe('complete');
    const record = reading.is === 'complete' ? reading.record : undefined;
    const absent = { answered: undefined, configured: undefined };
    expect(record?.ipv6).toEqual(ipv6 === undefined ? undefined : { ...absent, ...ipv6 });
  });

  it.each([
    ['an address of IPv4', { ...STORED, address: { ...ADDRESS, address: '10.0.0.1' } }],
    ['a prefix length of 200', { ...STORED, configured: { ...ADDRESS, prefixLength: 200 } }],
    ['a lease without addresses', { ...STORED, lease: { ...STORED.lease, addresses: [] } }],
    ['a server id that is none', { ...STORED, lease: { ...STORED.lease, serverId: 'zz' } }],
    ['text', 'IPv6'],
  ])('%s: the container keeps its IPv4 lease, and the reason names the field', (_what, ipv6) => {
    const reading = read(recordWith(ipv6));
    expect(reading).toMatchObject({
      is: 'damaged',
      reason: expect.stringMatching(/ipv6/) as string,
    });
    expect(reading.is === 'damaged' && reading.record.lease?.address).toBe(lease().address);
    expect(reading.is === 'damaged' && reading.record.ipv6).toBeUndefined();
  });
});

describe('times', () => {
  it('a stepped wall clock changes no lease; another boot never makes it longer', async () => {
    const at = clock();
    const stored = storeLease6(aLease(), at);
    await at.pass(60_000);
    at.stepWall(-3_600_000);
    expect(restoreLease6(stored, at)).toEqual(aLease());
    at.reboot(120_000);
    const [leased] = restoreLease6(stored, at).addresses;
    expect(leased!.validUntil - at.now()).toBeLessThanOrEqual(3_600_000);
  });

  it('nothing stored: a client begins with nothing', () => {
    expect(restoreIpv6(undefined, clock())).toEqual({ address: undefined, lease: undefined });
  });
});

it('who has to ask a server first after a restart', () => {
  const due = (parts: Partial<Parameters<typeof renewalDueAt>[0]>) =>
    renewalDueAt({ family: 6, lease: undefined, ipv6: STORED, ...parts }, clock());
  const none = { ...STORED, lease: undefined };
  expect(due({})).toBe(aLease().t1At);
  expect(due({ ipv6: none })).toBe(Infinity);
  expect(due({ ipv6: { ...none, address: undefined } })).toBe(-Infinity);
  expect(due({ family: 4 })).toBe(-Infinity);
});
