/** scripts/lab/places.sh says on which core a lab machine runs, and when. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../support/pages/readme.ts';

/** Two cores. `runs SHARE` is a job that stays until the end, and `ends SHARE` is one that ends. */
const FRAME = `
  set -euo pipefail; . "$0/common.sh"; . "$0/places.sh"
  allowed_cores() { printf '4\\n6\\n'; }
  trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
  runs() { take_place "$1"; (exec sleep 600) & keep_place $! "$1"; echo "$place"; }
  ends() { take_place "$1"; true & keep_place $! "$1"; echo "$place"; }
`;
function cores(script: string): string[] {
  const { stdout, stderr, status } = spawnSync(
    'bash',
    ['-c', `${FRAME}${script}`, join(root, 'scripts/lab')],
    { encoding: 'utf8' },
  );
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return stdout.trim().split('\n');
}

it('two machines share a core, and the emptier core is taken first', () => {
  const script = 'for n in 1 2 3 4; do runs $half_core; done';
  expect(cores(`most_on_core=2; ${script}`)).toEqual(['4', '6', '4', '6']);
});

it('where all places are taken, the next machine waits for one that ends', () => {
  const script = 'runs $half_core; runs $half_core; runs $half_core; ends $half_core';
  expect(cores(`most_on_core=2; ${script}; runs $half_core`).at(-1)).toBe('6');
});

it('a machine that needs a core to itself gets one on which nothing runs', () => {
  const script = 'runs $half_core; runs $whole_core; runs $half_core';
  expect(cores(`most_on_core=2; ${script}`)).toEqual(['4', '6', '4']);
});

it('where memory is short, no two machines share a core', () => {
  expect(cores('machine_memory_mb=100000000; places_on_core')).toEqual(['1']);
  expect(cores(`most_on_core=1; runs $whole_core; runs $half_core`)).toEqual(['4', '6']);
});
