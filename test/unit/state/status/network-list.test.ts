/** Networks with their numbers agree with the list of all leases, and cost no row of a lease. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { leaseOfEndpoint } from '../../../../plugin/state/lease-records.ts';
import type { LeaseEntry } from '../../../../plugin/state/status/lease-list.ts';
import { mac } from '../../../support/frames/messages.ts';
import { BOX, DriverRig, ENDPOINT, NETWORK } from '../../../support/fakes/driver-rig.ts';

const OTHER = 'b'.repeat(64);

let rig: DriverRig;
beforeEach(async () => {
  rig = new DriverRig();
  await rig.createNetwork();
  await rig.createNetwork({ networkId: OTHER, options: { parent: 'eth1', vlan: '600' } });
  await rig.createEndpoint();
  await rig.join();
});
afterEach(() => rig.stop());

/** Puts a copy of the record of `ENDPOINT` into memory. */
function copy(number: number, parts: Partial<ReturnType<DriverRig['record']>> = {}): void {
  const id = `${number}`.padStart(64, '0');
  const own = { id, leaseId: id, mac: mac('02:00:00:00:00:99'), hostEnd: `vdh${number}` };
  const record = leaseOfEndpoint({ ...rig.record(), ...own, ...parts });
  rig.registry.adopt({ networks: [], pools: [], leases: [record] });
}

/** The numbers as the list of leases has them. */
function counted(leases: readonly LeaseEntry[]) {
  const networks: Record<string, Record<string, number>> = {};
  for (const { network, state } of leases) {
    const own = (networks[network] ??= {});
    own[state] = (own[state] ?? 0) + 1;
  }
  return networks;
}

it('has each network, and of each the states of its leases as the list of leases has them', async () => {
  const lost = { at: rig.clock.wall(), cause: 'expired', isAddressKept: false } as const;
  copy(1, { networkId: OTHER });
  copy(2, { lease: undefined, lost });
  copy(3, { terms: { ...rig.record().terms, configured: undefined } });
  const id = 'a'.repeat(64);
  await rig.createEndpoint({ endpointId: id, options: { id: 'asterisk' } });
  await rig.driver.removeEndpoint(id);
  const poolId = await rig.createForeignNetwork();
  await rig.requestAddress(poolId);
  const networks = rig.operator.networks();
  const pool = `pool ${poolId.split(':').at(-1)}`;
  expect(Object.fromEntries(networks.map(({ network, leases }) => [network, leases]))).toEqual({
    [NETWORK]: { leased: 1, pending: 2, held: 1 },
    [OTHER]: { leased: 1 },
    [pool]: { leased: 1 },
  });
  expect(counted(rig.operator.leases())).toEqual(
    Object.fromEntries(networks.map(({ network, leases }) => [network, leases])),
  );
});

it('tells since when the oldest renewal waits', async () => {
  const { lease } = rig.record();
  if (lease === undefined) throw new Error('no lease');
  expect(rig.operator.networks()[0]).toMatchObject({ waitingSince: undefined });
  rig.wire.server = () => [];
  await rig.clock.pass(lease.t1At - rig.clock.wall() + 20_000);
  copy(1, { lease: { ...lease, t1At: lease.t1At - 60_000 } });
  const waiting = rig.operator.leases().flatMap(({ renewal }) => renewal ?? []);
  expect(waiting).toHaveLength(2);
  const [oldest] = waiting.map(({ since }) => since).sort();
  expect(rig.operator.networks()).toMatchObject([
    { network: NETWORK, waitingSince: oldest, leases: { renewing: 2 } },
    { network: OTHER, waitingSince: undefined },
  ]);
});

it('counts addresses that another host uses, too', () => {
  const claim = { by: BOX, since: 1, lastAt: 1, count: 1, defences: 1 };
  vi.spyOn(rig.leases, 'claimsOn').mockImplementation((id) =>
    id === rig.record(ENDPOINT).leaseId ? (claim as never) : undefined,
  );
  copy(1);
  expect(rig.operator.networks().map(({ conflicts }) => conflicts)).toEqual([1, 0]);
});

it('asks the kernel for the time as often for 1,000 leases as for one', () => {
  const readings = (work: () => unknown) => {
    const [now, wall] = [vi.spyOn(rig.clock, 'now'), vi.spyOn(rig.clock, 'wall')];
    work();
    const count = now.mock.calls.length + wall.mock.calls.length;
    now.mockRestore();
    wall.mockRestore();
    return count;
  };
  const networks = () => rig.operator.networks();
  const leases = () => rig.operator.leases();
  const beside1 = [readings(networks), readings(leases)];
  for (let number = 0; number < 1000; number += 1) copy(number);
  expect(networks()[0]).toMatchObject({ leases: { leased: 1001 } });
  expect([readings(networks), readings(leases)]).toEqual(beside1);
});
