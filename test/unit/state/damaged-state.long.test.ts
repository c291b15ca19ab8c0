/**
 * Changes every field of every kind of record, and starts a plugin with it.
 * test/support/fakes/damaged-state.ts says what must hold then.
 */
import fc from 'fast-check';
import { describe, it, vi } from 'vitest';
import { writeRecord } from '../../../plugin/state/files/read-record.ts';
import {
  changed,
  folderOf,
  KINDS,
  lifeWith,
  lifeWithWrong,
  placesIn,
  placesOf,
  site,
  victim,
  WRONG,
} from '../../support/fakes/damaged-state.ts';

// Each test lives through dozens of lives of the plugin. A busy machine computes for minutes.
vi.setConfig({ testTimeout: 240_000 });

describe.each(KINDS)('%s', (kind) => {
  it('each field in turn, by each wrong value', async () => {
    for (const [index, place] of (await placesOf(kind)).entries()) {
      // A sample of values that differs from field to field. The property below tries the others at
      // random.
      for (const value of [WRONG[0], WRONG[1 + (index % 16)]]) {
        await lifeWithWrong(kind, place, value);
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
          const rig = await site();
          try {
            let record: unknown = victim(rig, kind);
            for (const [index, value] of changes) {
              const places = placesIn(record);
              if (places.length === 0) continue;
              record = changed(record, places[index % places.length]!, value);
            }
            await lifeWith(rig, kind, writeRecord(folderOf(kind), record as object));
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
    const rig = await site();
    try {
      await lifeWith(rig, kind, text);
    } finally {
      rig.stop();
    }
  });
});
