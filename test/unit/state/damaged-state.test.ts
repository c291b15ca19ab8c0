/**
 * Changes every field of every kind of record, and starts a plugin with it. It must not crash or
 * spin. No container's link and nobody else's lease is lost. `status` answers.
 */
import fc from 'fast-check';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { writeRecord } from '../../../plugin/state/files/read-record.ts';
import type { Records } from '../../../plugin/state/stored-records.ts';
import { statusTable } from '../../../plugin/state/status.ts';
import { BOX, DriverRig, ENDPOINT, NETWORK, networkRequest } from '../../support/driver-rig.ts';

// Each test lives through dozens of lives of the plugin. A busy machine computes for minutes.
vi.setConfig({ testTimeout: 240_000 });

const HELD_ONE = 'd'.repeat(64);
const WITNESS = 'f'.repeat(64);
const OTHER_NETWORK = 'a'.repeat(64);
/**
 * The limit for all clients together in less than two hours. A machine that spins sends thousands.
 */
const MOST_MESSAGES = 1_000;

/** Two endpoints in containers, one held lease, one address under another driver. */
async function site(): Promise<DriverRig> {
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
  const poolId = await rig.createForeignNetwork({
    pool: '192.0.2.0/24',
    options: { parent: 'eth1', vlan: '700' },
  });
  rig.host.addSegmentLink('eth1.700');
  await rig.requestAddress(poolId, { macAddress: '02:42:00:00:00:77' });
  return rig;
}

/** Leases are listed by their kind of holder. */
const KINDS = ['networks', 'endpoint', 'nobody', 'pools', 'address'] as const;
type Kind = (typeof KINDS)[number];
const folderOf = (kind: Kind): keyof Records =>
  kind === 'networks' || kind === 'pools' ? kind : 'leases';

/** Every place in a value. A place is a list of keys. */
function placesIn(value: unknown, at: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return [at];
  const inside = Object.entries(value).flatMap(([key, inner]) => placesIn(inner, [...at, key]));
  return at.length === 0 ? inside : [at, ...inside];
}

function changed(value: unknown, [key, ...rest]: readonly string[], to: unknown): unknown {
  if (key === undefined) return to;
  const copy: Record<string, unknown> = { ...(value as Record<string, unknown>) };
  if (rest.length === 0 && to === undefined) delete copy[key];
  else copy[key] = changed(copy[key], rest, to);
  return Array.isArray(value) ? Object.values(copy) : copy;
}

const nested = (levels: number): unknown => (levels === 0 ? 1 : { x: nested(levels - 1) });
const WRONG: readonly unknown[] = [
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

let rig: DriverRig;
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
});

/** The first record of a kind that does not belong to the witness. */
function victim(kind: Kind): { id: string } {
  const folder = folderOf(kind);
  const records: readonly { id: string; holder?: { is: string } }[] = rig.store.contents[folder];
  const isOne = ({ id }: { id: string }) => id !== WITNESS && id !== OTHER_NETWORK;
  return records.filter(isOne).find(({ holder }) => (holder?.is ?? kind) === kind)!;
}

async function lifeWith(kind: Kind, text: string): Promise<void> {
  const inContainers = [rig.record().hostEnd, rig.record(WITNESS).hostEnd];
  rig.store.tampered.set(`${folderOf(kind)}/${victim(kind).id}`, text);
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
}

describe.each(KINDS)('%s', (kind) => {
  it('each field in turn, by each wrong value', async () => {
    rig = await site();
    const places = placesIn(victim(kind));
    rig.stop();
    expect(places.length).toBeGreaterThan(5);
    for (const place of places) {
      // A sample of values that differs from field to field. The property below tries the others at
      // random.
      const start = places.indexOf(place);
      for (const value of [WRONG[0], WRONG[1 + (start % 16)]]) {
        rig = await site();
        const record = changed(victim(kind), place, value) as object;
        await lifeWith(kind, writeRecord(folderOf(kind), record)).catch((cause: unknown) => {
          throw new Error(`${place.join('.')} = ${String(JSON.stringify(value)).slice(0, 60)}`, {
            cause,
          });
        });
        rig.stop();
      }
    }
  });

  it('several fields at once, by dice', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(), fc.oneof(fc.constantFrom(...WRONG), fc.jsonValue())), {
          minLength: 1,
          maxLength: 4,
        }),
        async (changes) => {
          rig = await site();
          let record: unknown = victim(kind);
          for (const [index, value] of changes) {
            const places = placesIn(record);
            if (places.length > 0) record = changed(record, places[index % places.length]!, value);
          }
          try {
            await lifeWith(kind, writeRecord(folderOf(kind), record as object));
          } finally {
            rig.stop();
          }
        },
      ),
      { numRuns: 15 },
    );
  });
});

describe('a file without a record', () => {
  it.each(
    KINDS.flatMap((kind) =>
      ['', 'null', '[[[[', '{"version":1,"record":5}'].map((text) => [kind, text] as const),
    ),
  )('%s: %j', async (kind, text) => {
    rig = await site();
    await lifeWith(kind, text);
  });
});
