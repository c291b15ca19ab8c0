/** scripts/lab/places.sh says on which core a lab machine runs, and when. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../support/pages/readme.ts';

/** Two cores. `runs` is a job that stays until the end, and `ends` is one that ends by itself. */
const FRAME = `
  set -euo pipefail; . "$0/common.sh"; . "$0/places.sh"
  allowed_cores() { printf '4\\n6\\n'; }
  trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
  runs() { take_place; (exec sleep 600) & keep_place $!; echo "$place"; }
  ends() { take_place; true & keep_place $!; echo "$place"; }
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

it('each machine has a core to itself', () => {
  expect(cores('runs; runs')).toEqual(['4', '6']);
});

it('where all cores are taken, the next machine waits for one that ends', () => {
  expect(cores('runs; ends; runs')).toEqual(['4', '6', '6']);
});

it('a job without a core takes none', () => {
  expect(cores('(exec sleep 600) & runs; runs')).toEqual(['4', '6']);
});
