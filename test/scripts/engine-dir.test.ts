/** Tests what scripts/lab/guest says of an ENGINE_DIR that holds no engine. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { root } from '../support/pages/readme.ts';

const folder = mkdtempSync(join(tmpdir(), 'vlandhcp-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const guest = (engine: string) =>
  spawnSync(join(root, 'scripts/lab/guest'), ['--', 'true'], {
    encoding: 'utf8',
    env: { ...process.env, ENGINE_DIR: engine },
  });

it('ENGINE_DIR that does not exist: one sentence, and nothing is started', () => {
  const engine = join(folder, 'nowhere');
  expect(guest(engine)).toMatchObject({
    status: 1,
    stderr: `guest: there is no folder ENGINE_DIR=${engine}\n`,
  });
});

it('ENGINE_DIR with a part of an engine in its folder bin: the first program that is missing', () => {
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  for (const program of ['dockerd', 'docker']) {
    writeFileSync(join(bin, program), '#!/bin/sh\n', { mode: 0o755 });
  }
  expect(guest(folder)).toMatchObject({
    status: 1,
    stderr: `guest: ENGINE_DIR=${folder} holds no engine: there is no program ${join(bin, 'containerd')}\n`,
  });
});
