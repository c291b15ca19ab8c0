import { describe, expect, it } from 'vitest';
import { parseNetworkOptions } from '../../../../plugin/options/options.ts';
import { storeLease, termsOf } from '../../../../plugin/state/records.ts';
import {
  endpointInfo,
  endpointStatus,
  networkStatus,
} from '../../../../plugin/state/status/status.ts';
import { statusTable } from '../../../../plugin/state/status/status-table.ts';
import { DriverRig } from '../../../support/fakes/driver-rig.ts';
import { FakeClock } from '../../../support/time/fake-clock.ts';
import { ip, lease, mac } from '../../../support/frames/messages.ts';
import type { EndpointRecord } from '../../../../plugin/state/lease-records.ts';

const clock = new FakeClock();
const granted = lease({ requestedAt: clock.now(), t1At: Infinity });
const terms = termsOf(granted);
const record = (parts: Partial<EndpointRecord> = {}): EndpointRecord => ({
  id: 'e'.repeat(64),
  leaseId: 'e'.repeat(64),
  isStable: false,
  networkId: 'n'.repeat(64),
  hostEnd: 'vdh0',
  containerEnd: 'vdc0',
  mac: mac('02:00:00:00:00:aa'),
  macGiven: false,
  clientId: '01020000000000aa',
  hostName: undefined,
  requestedAddress: undefined,
  mtu: 1500,
  lease: storeLease(granted, clock),
  lost: undefined,
  terms: { answered: terms, configured: terms },
  createdAt: clock.wall(),
  sandboxKey: undefined,
  ...parts,
});
const lost = { at: clock.wall(), cause: 'expired', isAddressKept: false } as const;
const configured = (given: typeof terms | undefined) => ({ answered: terms, configured: given });

describe('the truth about a container', () => {
  it('is what it has, the lease behind it and the times of that, a time that never comes in a word', () => {
    expect(endpointStatus(record(), clock)).toMatchObject({
      address: '192.0.2.50/24',
      gateway: '192.0.2.1',
      state: 'leased',
      lease: { server: '192.0.2.1', renewsAt: 'infinite', expiresAt: '2026-01-01T01:00:00.000Z' },
      lost: undefined,
    });
  });

  it('has the DNS servers of the lease, its domain name and its search list, each domain once', () => {
    const domainSearch = ['lab.example.org', 'example.org'];
    const names = { dnsServers: [ip('10.50.0.1')], domainName: 'example.org', domainSearch };
    const { lease: shown } = endpointStatus(
      record({ lease: { ...record().lease!, ...names } }),
      clock,
    );
    expect(shown?.dnsServers).toEqual(['10.50.0.1']);
    expect(shown?.domainSearch).toEqual(['example.org', 'lab.example.org']);
  });

  it('has unknown times where no calendar has them: status answers for all the others', () => {
    const odd = record({ lease: { ...record().lease!, expiresAt: 1e300 } });
    expect(endpointStatus(odd, clock).lease?.expiresAt).toBe('unknown');
  });

  it('has times by the wall clock as it is now, though it was set since', () => {
    const stepped = new FakeClock();
    const stored = record({ lease: storeLease(granted, stepped) });
    stepped.stepWall(3_600_000);
    expect(endpointStatus(stored, stepped).lease?.expiresAt).toBe('2026-01-01T02:00:00.000Z');
  });

  it.each([
    ['no lease', { lease: undefined, lost, terms: configured(undefined) }],
    ['no lease, address kept', { lease: undefined, lost: { ...lost, isAddressKept: true } }],
    ['pending', { lease: undefined, lost }],
    ['pending', { terms: configured(undefined) }],
    ['pending', { terms: configured({ ...terms, address: ip('192.0.2.9') }) }],
  ])('says "%s"', (state, parts) => {
    expect(endpointStatus(record(parts), clock).state).toBe(state);
  });

  it.each([
    ['leased', 1_800_000, undefined],
    [
      'renewing',
      1_810_000,
      { since: '2026-01-01T00:30:00.000Z', until: '2026-01-01T00:52:30.000Z' },
    ],
    [
      'rebinding',
      3_150_000,
      { since: '2026-01-01T00:52:30.000Z', until: '2026-01-01T01:00:00.000Z' },
    ],
  ])('says "%s" %i ms into an hour that nobody renewed', async (state, after, renewal) => {
    const later = new FakeClock();
    const stored = record({ lease: storeLease(lease({ requestedAt: later.now() }), later) });
    await later.pass(after);
    expect(endpointStatus(stored, later)).toMatchObject({ state, renewal });
  });

  it('as EndpointOperInfo takes it: flat, text only', () => {
    const parts = { lease: undefined, lost, terms: configured(undefined) };
    expect(endpointInfo(record(parts), clock)).toEqual({
      'vlandhcp.address': 'none',
      'vlandhcp.lost': '2026-01-01T00:00:00.000Z',
      'vlandhcp.cause': 'expired',
    });
  });
});

it('the table has a line per endpoint of the network, aligned under its headings', () => {
  const network = {
    id: 'n'.repeat(64),
    options: parseNetworkOptions({ parent: 'eth1', vlan: '500' }),
    internal: false,
    vlanLink: 'eth1.500',
    uplinkPort: true,
    mtu: 1500,
  };
  const gone = record({ id: 'f'.repeat(64), lease: undefined, lost, terms: configured(undefined) });
  const table = statusTable([networkStatus(network, { endpoints: [record(), gone] }, clock)]);
  expect(table.split('\n')).toEqual([
    'NETWORK       SEGMENT           ENDPOINT      MAC                ADDRESS        SERVER     STATE               UNTIL',
    'nnnnnnnnnnnn  VLAN 500 of eth1  eeeeeeeeeeee  02:00:00:00:00:aa  192.0.2.50/24  192.0.2.1  leased              2026-01-01T01:00:00.000Z',
    'nnnnnnnnnnnn  VLAN 500 of eth1  ffffffffffff  02:00:00:00:00:aa  none           none       no lease (expired)  since 2026-01-01T00:00:00.000Z',
  ]);
  expect(table).not.toMatch(/["\\]/);
});

it("leases of another driver's containers stand under their pool, as Docker was told them", async () => {
  const rig = new DriverRig();
  const poolId = await rig.createForeignNetwork();
  await rig.requestAddress(poolId, { macAddress: '02:00:00:00:00:aa' });
  expect(rig.driver.status()).toMatchObject([
    {
      network: expect.stringMatching(/^pool [0-9a-f]{16}$/) as string,
      segment: 'VLAN 500 of eth1',
      bridge: 'eth1.500',
      endpoints: [
        {
          mac: '02:00:00:00:00:aa',
          address: expect.stringMatching(/^192\.0\.2\.5\d\/24$/) as string,
          state: 'leased',
        },
      ],
    },
  ]);
  rig.stop();
});
