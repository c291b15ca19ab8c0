/**
 * Tests scripts/release. The same commit gives the same files, byte by byte. Times and owners of
 * the folder do not matter.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { root } from '../support/pages/readme.ts';

const temporary = mkdtempSync(join(tmpdir(), 'vlandhcp-'));
const checkout = join(temporary, 'checkout');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  version: string;
};
const git = (...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=T', '-c', 'user.email=t@localhost', ...args], {
    cwd: checkout,
    encoding: 'utf8',
  });

/** Makes a checkout of one commit, and a minimal plugin folder for each architecture. */
beforeAll(() => {
  mkdirSync(checkout);
  for (const name of ['scripts', 'config.json', 'package.json', 'package-lock.json']) {
    cpSync(join(root, name), join(checkout, name), { recursive: true });
  }
  git('init', '-q');
  git('add', '.');
  git('commit', '-q', '-m', 'one');
});
afterAll(() => {
  rmSync(temporary, { recursive: true });
});

function pluginFolder(name: string, arch: string, order: readonly string[], seconds: number) {
  const folder = join(temporary, name);
  const app = join(folder, 'rootfs/app');
  mkdirSync(app, { recursive: true });
  cpSync(join(checkout, 'config.json'), join(folder, 'config.json'));
  writeFileSync(join(app, 'RELEASE'), `vlandhcp ${version} ${arch}\n`);
  writeFileSync(join(app, 'PACKAGES'), 'iproute2=6.1.0-3\nlibc6=2.36-9\n');
  for (const file of order) {
    writeFileSync(join(app, file), `this is ${file}\n`);
    utimesSync(join(app, file), seconds, seconds);
  }
  return folder;
}

function release(out: string, ...args: string[]) {
  return spawnSync(join(checkout, 'scripts/release'), [...args, join(temporary, out)], {
    encoding: 'utf8',
  });
}
function filesOf(out: string): Map<string, string> {
  const folder = join(temporary, out);
  return new Map(
    readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'base64')]),
  );
}

describe('scripts/release', () => {
  it('makes the same bytes and digests from the same commit, twice', () => {
    for (const [out, order, seconds] of [
      ['first', ['a', 'b', 'c'], 1_000_000_000],
      ['second', ['c', 'a', 'b'], 1_500_000_000],
    ] as const) {
      const given = ['amd64', 'arm64'].flatMap((arch) => [
        '--dir',
        `${arch}=${pluginFolder(`${out}-${arch}`, arch, order, seconds)}`,
      ]);
      const { status, stderr } = release(out, ...given);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    }
    const first = filesOf('first');
    expect([...first.keys()].sort()).toEqual([
      'SHA256SUMS',
      ...['amd64', 'arm64'].flatMap((arch) =>
        ['digest', 'spdx.json', 'tar.gz'].map((end) => `vlandhcp-${version}-${arch}.${end}`),
      ),
    ]);
    expect(filesOf('second')).toEqual(first);
    execFileSync('sha256sum', ['--check', '--quiet', '--strict', 'SHA256SUMS'], {
      cwd: join(temporary, 'first'),
    });
  });

  it('makes another digest from another file', () => {
    const folder = pluginFolder('other-amd64', 'amd64', ['a', 'b', 'd'], 1_000_000_000);
    expect(release('other', '--arch', 'amd64', '--dir', `amd64=${folder}`).status).toBe(0);
    const name = `vlandhcp-${version}-amd64.digest`;
    expect(filesOf('other').get(name)).toMatch(/./);
    expect(filesOf('other').get(name)).not.toBe(filesOf('first').get(name));
  });

  it('lists in the bill of materials what runs, for its architecture, and no development package', () => {
    const path = join(temporary, `first/vlandhcp-${version}-arm64.spdx.json`);
    const { packages } = JSON.parse(readFileSync(path, 'utf8')) as {
      packages: { name: string; versionInfo?: string }[];
    };
    const names = packages.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(['vlandhcp', 'iproute2', 'libc6', 'koffi']));
    expect(names).toContain('@koromix/koffi-linux-arm64');
    expect(names).not.toContain('@koromix/koffi-linux-x64');
    expect(names).not.toContain('vitest');
    expect(packages.filter(({ versionInfo }) => versionInfo === undefined)).toEqual([]);
  });

  it('refuses a tag that is not the version, a tag of another commit, and changed files', () => {
    expect(release('x', '--tag', 'v99.0.0').stderr).toContain(`must be v${version}`);
    expect(release('x', '--tag', `v${version}`).stderr).toContain('is not the tag of this commit');
    git('tag', `v${version}`);
    writeFileSync(join(checkout, 'scripts/new'), '');
    expect(release('x', '--tag', `v${version}`).stderr).toContain('changes that are not committed');
    rmSync(join(checkout, 'scripts/new'));
  });

  it('refuses a folder of another architecture, and an OUTDIR with files', () => {
    const arm = join(temporary, 'first-arm64');
    const answer = release('y', '--arch', 'amd64', '--dir', `amd64=${arm}`);
    expect(answer.stderr).toContain(`is not vlandhcp ${version} for amd64`);
    expect(release('first').stderr).toContain('is not empty');
  });
});
