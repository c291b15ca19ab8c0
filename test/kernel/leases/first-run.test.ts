/** A first run on a machine that lacks something: real file systems, no network. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { SmallCheckout } from '../../support/pages/small-checkout.ts';

let folder = '';
let small: SmallCheckout;
let mounted: string[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vlandhcp-'));
  small = new SmallCheckout(folder);
});
afterEach(() => {
  for (const path of mounted) execFileSync('umount', [path]);
  mounted = [];
  rmSync(folder, { recursive: true });
});

function mount(path: string, ...args: string[]): void {
  execFileSync('mount', [...args, path]);
  mounted.unshift(path);
}

/** A file system of 1 MB without room for a single block. */
function full(path: string): string {
  mkdirSync(path, { recursive: true });
  mount(path, '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs');
  expect(() => {
    writeFileSync(join(path, 'filler'), Buffer.alloc(2 << 20));
  }).toThrow('ENOSPC');
  return path;
}

function run(script: string, args: string[], env: Record<string, string> = {}) {
  const { status, stdout, stderr } = spawnSync(join(small.folder, 'scripts', script), args, {
    encoding: 'utf8',
    env: small.env(env),
  });
  return { status, stdout, stderr };
}

test('a full folder for temporary files is named', () => {
  const path = full(join(folder, 'temporary'));
  expect(run('lab/prepare', ['modules'], { TMPDIR: path })).toMatchObject({
    status: 1,
    stderr: `prepare: the folder for temporary files is full: ${path}\n`,
  });
});

test('a full disk under the lab is named', () => {
  const path = full(small.lab);
  const { status, stderr } = run('lab/setup', ['--demo']);
  expect(status).toBe(1);
  expect(stderr).toBe(
    `setup: the folder of the lab (VLANDHCP_LAB names another) is full: ${path}\n`,
  );
});

test('a full disk under the checkout is named, and the demo says where it failed', () => {
  mount(small.folder, '-t', 'tmpfs', '-o', 'size=8m', 'tmpfs');
  const within = new SmallCheckout(small.folder);
  expect(() => {
    writeFileSync(join(small.folder, 'filler'), Buffer.alloc(16 << 20));
  }).toThrow('ENOSPC');
  const { status, stdout, stderr } = spawnSync(join(within.folder, 'scripts/demo'), [], {
    encoding: 'utf8',
    env: within.env(),
  });
  expect(stderr).toBe(`prepare: the checkout is full: ${within.folder}\n`);
  expect(stdout).toMatch(/demo: FAILED while preparing; the last line above says why\n$/);
  expect(status).toBe(1);
});

test.each([
  ['lab/prepare', ['modules']],
  ['check', []],
])('scripts/%s: a checkout that is mounted read-only is said to be', (script, args) => {
  mount(small.folder, '--bind', small.folder);
  execFileSync('mount', ['-o', 'remount,bind,ro', small.folder]);
  const { status, stderr } = run(script, args);
  expect(status).toBe(1);
  expect(stderr).toMatch(
    / the checkout cannot be written: \S.*of mine \(it is mounted read-only\)\n$/,
  );
});

test('without a network the network is named, and not a package of Debian', () => {
  const { status, stderr } = run('lab/setup', ['--demo'], {
    VLANDHCP_DEBIAN_MIRROR: 'http://mirror.invalid/debian',
    VLANDHCP_LAB_KERNEL: 'uml',
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /setup: the package list of Debian sid cannot be fetched from http:\/\/mirror\.invalid\/debian: there is no network/,
  );
});

test('without a network the package install names the network', () => {
  const { status, stderr } = run('lab/prepare', ['modules'], {
    npm_config_registry: 'http://registry.invalid/',
    npm_config_cache: join(small.lab, 'npm'),
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(/prepare: the package install failed: there is no network.*\n$/);
});
