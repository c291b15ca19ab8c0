/**
 * scripts/lab/common.sh waits for a condition. A condition that gives up is one that is not true
 * yet.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { root } from '../support/pages/readme.ts';

const shell = (script: string) =>
  spawnSync(
    'bash',
    ['-c', `set -euo pipefail; . "$0"; ${script}`, join(root, 'scripts/lab/common.sh')],
    {
      encoding: 'utf8',
    },
  );

describe('wait_until', () => {
  it('asks again when the condition ends its own shell, and does not end the caller', () => {
    const { status, stdout } = shell(`
      count=$(mktemp)
      not_at_first() { echo >>"$count"; [ "$(wc -l <"$count")" -ge 3 ] || die 'not yet'; }
      wait_until 20 not_at_first; wc -l <"$count"; rm "$count"`);
    expect({ status, stdout }).toEqual({ status: 0, stdout: '3\n' });
  });

  it('fails when the time is over, and the caller can say why', () => {
    const { status, stderr } = shell(`
      never() { die 'nobody sees this'; }
      wait_until 0 never || die 'the caller speaks'`);
    expect({ status, stderr }).toEqual({ status: 1, stderr: 'common.sh: the caller speaks\n' });
  });
});
