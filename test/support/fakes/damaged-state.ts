/**
 * Records with wrong values, and the life of a plugin that starts with one of them. It must not
 * crash or spin. No container's link and nobody else's lease is lost. `status` answers.
 */
import { expect } from 'vitest';
import { writeRecord } from '../../../plugin/state/files/read-record.ts';
import type { Records } from '../../../plugin/state/stored-records.ts';
import { statusTable } from '../../../plugin/state/status/status-table.ts';
import { BOX, DriverRig, ENDPOINT, NETWORK, networkRequest } from './driver-rig.ts';

const HELD_ONE = 'd'.repeat(64);
const WITNESS = 'f'.repeat(64);
const OTHER_NETWORK = 'a'.repeat(64);
/**
 * The limit for all clients together in less than two hours. A machine that spins sends thousands.
 */
const MOST_MESSAGES = 1_000;

/** Two endpoints in containers, a held lease, an address of both families under another driver. */
export async function site(): Promise<DriverRig> {
  const rig = new DriverRig();
  await rig.createNetwork();
  await rig.createNetwork(
    networkRequest({ networkId: OTHER_NETWORK, options: { parent: 'eth1', vlan: '600' } }),
  );
  const opts = { options: { hostname: 'web-1' }, userMac: '02:00:00:00:00:11' };
  await rig.createEndpoint({
    endpointId: HELD_ONE,
    ...opts,
    interface: { macAddress: opts.userMac },
  });
  await rig.driver.removeEndpoint(HELD_ONE);
  await rig.createEndpoint({ options: { hostname: 'web-2' }, interface: { macAddress: BOX } });
  await rig.join();
  await rig.createEndpoint({ networkId: OTHER_NETWORK, endpointId: WITNESS });
  await rig.join(WITNESS);
  const options = { parent: 'eth1', vlan: '700' };
  const poolId = await rig.createForeignNetwork({ pool: '192.0.2.0/24', options });
  const six = await rig.requestPool({ pool: '2001:db8:700::/64', options, v6: true });
  rig.host.addSegmentLink('eth1.700');
  const macAddress = '02:42:00:00:00:77';
  await rig.requestAddress(poolId, { macAddress });
  await rig.requestAddress(six.poolId, { macAddress });
  return rig;
}

/** Leases are listed by their kind of holder. */
export const KINDS = ['networks', 'endpoint', 'nobody', 'pools', 'address'] as const;
export type Kind = (typeof KINDS)[number];
export const folderOf = (kind: Kind): keyof Records =>
  kind === 'networks' || kind === 'pools' ? kind : 'leases';

/** Every place in a value. A place is a list of keys. */
export function placesIn(value: unknown, at: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [at];
  const inside = Object.entries(value).flatMap(([key, inner]) => placesIn(inner, [...at, key]));
  return at.length === 0 ? inside : [at, ...inside];
}

export function changed(value: unknown, [key, ...rest]: readonly string[], to: unknown): unknown {
  if (key === undefined) return to;
  const copy: Record<string, unknown> = { ...(value as Record<string, unknown>) };
  if (rest.length === 0 && to === undefined) delete copy[key];
  else copy[key] = changed(copy[key], rest, to);
  return Array.isArray(value) ? Object.values(copy) : copy;
}

const nested = (levels: number): unknown => (levels === 0 ? 1 : { x: nested(levels - 1) });
export const WRONG: readonly unknown[] = [
  undefined,
  null,
  5,
  -1,
  1e300,
  0.5,
  '',
  'é',
  'x',
  'infinite',
  '0.0.0.0',
  'x'.repeat(100_000),
  [],
  [null],
  {},
  true,
  nested(50),
];

/** The first record of a kind that does not belong to the witness. */
export function victim(rig: DriverRig, kind: Kind): { id: string } {
  const folder = folderOf(kind);
  const records: readonly { id: string; holder?: { is: string } }[] = rig.store.contents[folder];
  const isOne = ({ id }: { id: string }) => id !== WITNESS && id !== OTHER_NETWORK;
  return records.filter(isOne).find(({ holder }) => (holder?.is ?? kind) === kind)!;
}

/** The life of a plugin that starts with the text as a record. Nothing of it goes on afterwards. */
export async function lifeWith(rig: DriverRig, kind: Kind, text: string): Promise<void> {
  const inContainers = [rig.record().hostEnd, rig.record(WITNESS).hostEnd];
  rig.store.tampered.set(`${folderOf(kind)}/${victim(rig, kind).id}`, text);
  const sent = rig.wire.sent.length;
  await rig.restart();
  expect(statusTable(rig.driver.status())).toContain(WITNESS.slice(0, 12));
  // Renewals and new leases on a LAN whose server answers. No container loses its address.
  await rig.clock.pass(2_000_000);
  const count = (type: string) => rig.host.sandboxChanges.filter((one) => one.type === type).length;
  // A change of mask is allowed.
  expect(count('remove-address')).toBeLessThanOrEqual(count('add-address'));
  expect(statusTable(rig.driver.status())).toContain(WITNESS.slice(0, 12));
  expect([...rig.host.endpoints.keys()]).toEqual(expect.arrayContaining(inContainers));
  expect(rig.registry.findEndpoint(WITNESS)?.lease).toBeDefined();
  // Nobody answers from now on: leases end.
  rig.wire.server = () => [];
  await rig.clock.pass(4_000_000);
  expect(rig.wire.sent.length - sent).toBeLessThan(MOST_MESSAGES);
  expect([...rig.host.endpoints.keys()]).toEqual(expect.arrayContaining(inContainers));
  expect(rig.driver.endpointInfo(ENDPOINT)).toBeTypeOf('object');
  // The calls that Docker may make next.
  await rig.driver.leave(ENDPOINT);
  await rig.driver.removeEndpoint(ENDPOINT);
  await rig.driver.removeNetwork(NETWORK);
  expect([...rig.host.endpoints.keys()]).toContain(rig.record(WITNESS).hostEnd);
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
}

/** Such a life for one wrong value at one place of a record. @throws Error that names both. */
export async function lifeWithWrong(
  kind: Kind,
  place: readonly string[],
  value: unknown,
): Promise<void> {
  const rig = await site();
  try {
    const record = changed(victim(rig, kind), place, value) as object;
    await lifeWith(rig, kind, writeRecord(folderOf(kind), record));
  } catch (cause) {
    const what = String(JSON.stringify(value)).slice(0, 60);
    throw new Error(`${place.join('.')} = ${what}`, { cause });
  } finally {
    rig.stop();
  }
}

/** Every place in a record of that kind. */
export async function placesOf(kind: Kind): Promise<(readonly string[])[]> {
  const rig = await site();
  const places = placesIn(victim(rig, kind));
  rig.stop();
  expect(places.length).toBeGreaterThan(5);
  return places;
}
