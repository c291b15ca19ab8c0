/** The Dockerfile copies what scripts/build-rootfs reads, and .dockerignore lets it through. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { root } from '../support/pages/readme.ts';

const copied = [
  ...readFileSync(join(root, 'Dockerfile'), 'utf8').matchAll(/^COPY (?!-)(.+) \S+$/gm),
]
  .flatMap(([, paths = '']) => paths.split(' '))
  .sort();

it('each file that the Dockerfile copies is in the build context, and nothing else is', () => {
  const allowed = readFileSync(join(root, '.dockerignore'), 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1));
  expect(allowed.sort()).toEqual(copied);
});

it('scripts/build-rootfs and the scripts that it reads are among them', () => {
  const folder = mkdtempSync(join(tmpdir(), 'vlandhcp-'));
  for (const path of copied) cpSync(join(root, path), join(folder, path), { recursive: true });
  const { status, stderr } = spawnSync(
    join(folder, 'scripts/build-rootfs'),
    ['--arch', 'none', 'x'],
    {
      encoding: 'utf8',
    },
  );
  rmSync(folder, { recursive: true });
  expect(stderr).toBe('build-rootfs: --arch none is not supported; say amd64 or arm64\n');
  expect(status).toBe(1);
});
