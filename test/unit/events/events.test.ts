/** The closed list of events: code, page and emitters have the same types. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { COUNTED_TYPES, EVENT_TYPES } from '../../../plugin/events/events.ts';
import { root, table } from '../../support/pages/readme.ts';

const TYPES = [...Object.keys(EVENT_TYPES), ...Object.keys(COUNTED_TYPES)];

it('docs/events.md has each type with the text of the code, in its order, and no other', () => {
  const rows = table('Events').map(([type, what]) => [type?.replaceAll('`', ''), what]);
  expect(rows).toEqual([...Object.entries(EVENT_TYPES), ...Object.entries(COUNTED_TYPES)]);
});

it('each type is emitted somewhere', () => {
  const plugin = join(root, 'plugin');
  const code = readdirSync(plugin, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && path !== 'events/events.ts')
    .map((path) => readFileSync(join(plugin, path), 'utf8'))
    .join('\n');
  // A client's own words for what happened to its lease: `lease.${change}`.
  const byChange = ['acquired', 'renewed', 'changed'].map((change) => `lease.${change}`);
  expect(TYPES.filter((type) => !code.includes(`'${type}'`) && !byChange.includes(type))).toEqual(
    [],
  );
  expect(code).toContain('type: `lease.${change}`');
});
