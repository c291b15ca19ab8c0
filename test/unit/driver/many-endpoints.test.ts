/**
 * What a call of Docker costs must not depend on how many containers there are. Operations are
 * counted, not time: what is asked of the host, and looks through whole lists of leases.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { leaseOfEndpoint, leaseOfHeld } from '../../../plugin/state/lease-records.ts';
import type { Registry } from '../../../plugin/state/registry.ts';
import type { Ipv4, Mac } from '../../../plugin/wire/address.ts';
import {
  BOX,
  ENDPOINT,
  rigWithNetwork,
  SANDBOX,
  type DriverRig,
} from '../../support/fakes/driver-rig.ts';

const LISTS = ['endpoints', 'addresses', 'held', 'leases', 'holders'] as const;
const SECOND = 'f'.repeat(64);

let rig: DriverRig;
beforeEach(async () => {
  rig = await rigWithNetwork();
});
afterEach(() => rig.stop());

/** The numbered MAC and address. None of them is `BOX`, and none is in the server's pool. */
function identity(number: number): { mac: Mac; clientId: string; address: Ipv4 } {
  const [high, low] = [number >> 8, number & 255];
  const mac = `02:00:00:00:${hex(high)}:${hex(low)}` as Mac;
  const address = `198.18.${high}.${low}` as Ipv4;
  return { mac, clientId: `01${mac.replaceAll(':', '')}`, address };
}

function hex(octet: number): string {
  return octet.toString(16).padStart(2, '0');
}

/** Puts copies of the lease of `ENDPOINT` into memory. Half of them are held. */
function addMany(count: number): void {
  const { lease, ...record } = rig.record();
  for (let number = 0; number < count; number += 1) {
    const { mac, clientId, address } = identity(number);
    const id = `${number}`.padStart(64, '0');
    const own = { ...record, id, leaseId: id, mac, clientId, hostEnd: `vdh${number}` };
    const all = leaseOfEndpoint({ ...own, lease: lease && { ...lease, address } });
    const heldAt = { wall: rig.clock.wall() };
    const held = leaseOfHeld({ ...all, heldAt, isOrphan: false });
    const one = number % 2 === 0 ? all : { ...held, lease: all.lease };
    rig.registry.adopt({ networks: [], pools: [], leases: [one] });
  }
}

interface Cost {
  readonly hostCalls: readonly string[];
  readonly looks: Readonly<Record<string, number>>;
}

/** Counts during one container's life. */
async function costOf(life: () => Promise<void>): Promise<Cost> {
  const looks: Record<string, number> = {};
  const spies = LISTS.map((list) => {
    const real = rig.registry[list].bind(rig.registry) as () => never;
    return vi.spyOn(rig.registry as Pick<Registry, typeof list>, list).mockImplementation(() => {
      looks[list] = (looks[list] ?? 0) + 1;
      return real();
    });
  });
  rig.host.calls.length = 0;
  await life();
  for (const spy of spies) spy.mockRestore();
  return { hostCalls: [...rig.host.calls], looks };
}

async function life(): Promise<void> {
  await rig.createEndpoint({ endpointId: SECOND, interface: { macAddress: BOX } });
  await rig.driver.join(SECOND, SANDBOX);
  await rig.driver.leave(SECOND);
  await rig.driver.removeEndpoint(SECOND);
}

describe('one container, from CreateEndpoint to DeleteEndpoint', () => {
  it('looks through no list of leases, and asks the host for the same, beside 10 and beside 1,000', async () => {
    await rig.createEndpoint();
    addMany(10);
    await life(); // its MAC is known from now on
    const beside10 = await costOf(life);
    addMany(1000);
    expect(rig.registry.leases().length).toBeGreaterThan(1000);
    const beside1000 = await costOf(life);
    expect(beside1000.looks).toEqual({});
    expect(beside1000).toEqual(beside10);
    expect(rig.record(ENDPOINT).lease).toBeDefined();
  });
});
