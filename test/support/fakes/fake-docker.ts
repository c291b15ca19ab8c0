/** A docker command that only takes notes, for tests of scripts/plugin. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach } from 'vitest';
import { root } from '../pages/readme.ts';

/** The settings of config.json. */
export const { env } = JSON.parse(readFileSync(join(root, 'config.json'), 'utf8')) as {
  env: { name: string }[];
};

/**
 * A `docker` with a plugin. The file `enabled` says whether it is enabled. The file `networks`
 * lists its networks.
 */
export const DOCKER = `#!/bin/bash
cd "$(dirname "$0")"
case "$*" in
  'plugin inspect -f {{.Enabled}} '*) cat enabled ;;
  'plugin inspect '*.Config.Env*) echo '${env.map(({ name }) => `${name} `).join('')}' ;;
  'plugin inspect '*) echo 1234 ;;
  'network ls -q') seq "$(wc -l <networks)" ;;
  'network inspect '*) cat networks ;;
  'plugin enable '*) echo "$*" >>done; echo true >enabled ;;
  'plugin disable '*) echo "$*" >>done; echo false >enabled ;;
  *) echo "$*" >>done ;;
esac
`;

export const WITHOUT_PLUGIN = DOCKER.replace(
  "'plugin inspect '*) echo 1234",
  "'plugin inspect '*) exit 1",
);

/** One for the tests of a file, reset before each of them. */
export function fakeDocker(): FakeDocker {
  const fake = new FakeDocker();
  beforeEach(() => {
    fake.reset();
  });
  afterAll(() => {
    fake.remove();
  });
  return fake;
}

class FakeDocker {
  readonly folder = mkdtempSync(join(tmpdir(), 'vlandhcp-'));
  readonly file = (name: string): string => join(this.folder, name);

  /** An enabled plugin, and no network that uses it. */
  reset(): void {
    this.program('docker', DOCKER);
    writeFileSync(this.file('enabled'), 'true\n');
    writeFileSync(this.file('networks'), 'bridge default bridge\nnull default none\n');
    writeFileSync(this.file('done'), '');
  }

  program(name: string, script: string): void {
    writeFileSync(this.file(name), script, { mode: 0o755 });
  }

  /** Runs scripts/plugin. */
  readonly operator = (...args: string[]) => {
    const PATH = `${this.folder}:${process.env['PATH'] ?? ''}`;
    const options = { env: { ...process.env, PATH }, encoding: 'utf8' } as const;
    return spawnSync(join(root, 'scripts/plugin'), args, options);
  };

  /** What docker was asked to do. */
  readonly done = (): string[] => readFileSync(this.file('done'), 'utf8').trim().split('\n');

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}
