/**
 * A sample of damaged records: in each kind of record every eighth field, with a wrong value that
 * differs from field to field. damaged-state.long.test.ts changes every field.
 */
import { describe, it } from 'vitest';
import {
  KINDS,
  lifeWith,
  lifeWithWrong,
  placesOf,
  site,
  WRONG,
} from '../../support/fakes/damaged-state.ts';

const EVERY = 8;

describe.each(KINDS)('%s', (kind) => {
  it('some fields, each with another wrong value', async () => {
    const places = await placesOf(kind);
    // Each kind begins at another field. Records of one kind have the first fields in common.
    for (let at = KINDS.indexOf(kind); at < places.length; at += EVERY) {
      await lifeWithWrong(kind, places[at]!, WRONG[at % WRONG.length]);
    }
  });

  it('a file without a record', async () => {
    const rig = await site();
    try {
      await lifeWith(rig, kind, '[[[[');
    } finally {
      rig.stop();
    }
  });
});
