/**
 * A first run says in one sentence what it lacks: scripts/lab/preflight.sh, and paths with a blank.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { root } from '../support/readme.ts';

const folder = mkdtempSync(join(tmpdir(), 'first run-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/**
 * Runs a line of shell with the functions of preflight.sh. Programs in `bin` come first in PATH.
 */
function preflight(line: string, bin = folder) {
  const { status, stdout, stderr } = spawnSync(
    'bash',
    [
      '-c',
      `set -euo pipefail; . "$0/common.sh"; . "$0/preflight.sh"; ${line}`,
      join(root, 'scripts/lab'),
    ],
    { encoding: 'utf8', env: { ...process.env, PATH: `${bin}:${process.env['PATH'] ?? ''}` } },
  );
  return { status, stdout, stderr };
}

function fakeNode(version: string): string {
  const bin = mkdtempSync(join(folder, 'bin '));
  writeFileSync(join(bin, 'node'), `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
  return bin;
}

describe('a first run', () => {
  it.each(['v18.19.0', 'v20.18.3', 'v8.0.0'])(
    'refuses Node %s in one line, with the way to get a newer one',
    (version) => {
      const { status, stderr } = preflight('need_node', fakeNode(version));
      expect(status).toBe(1);
      expect(stderr).toContain(`Node ${version} is too old`);
      expect(stderr).toContain('Node 20.19 or newer is needed; get it:');
      expect(stderr.trim().split('\n')).toHaveLength(1);
    },
  );

  it.each(['v20.19.0', 'v22.1.0', 'v100.0.0'])('takes Node %s', (version) => {
    expect(preflight('need_node', fakeNode(version))).toMatchObject({ status: 0, stderr: '' });
  });

  it('asks for the same Node as package.json', () => {
    const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      engines: { node: string };
    };
    expect(`>=${preflight('echo $node_minimum').stdout.trim()}`).toBe(engines.node);
  });

  it.each(['check', 'demo', 'lab/prepare modules'])(
    'scripts/%s says first that Node is too old',
    (script) => {
      const [name = '', ...words] = script.split(' ');
      const { status, stdout, stderr } = spawnSync(join(root, 'scripts', name), words, {
        encoding: 'utf8',
        env: { ...process.env, PATH: `${fakeNode('v18.19.0')}:${process.env['PATH'] ?? ''}` },
      });
      expect(status).toBe(1);
      if (script !== 'demo' || process.getuid?.() === 0)
        expect(stderr).toContain('Node v18.19.0 is too old');
      else expect(stdout).toContain('must run as root');
    },
  );

  it('names a folder that is not there or has too little room', () => {
    expect(preflight('need_writable /nowhere "the checkout"').stderr).toContain(
      'the checkout cannot be written: /nowhere (there is no such folder)',
    );
    expect(preflight(`need_room "${folder}" 999999999 "the lab"`).stderr).toContain(
      `the lab needs 999999999 MB free in ${folder}; there are `,
    );
  });

  it.each([
    ['npm error code EAI_AGAIN', 'there is no network'],
    ["W: Temporary failure resolving 'deb.debian.org'", 'there is no network'],
    ['npm error code ENOSPC', 'the disk is full'],
    ['mkdir: Read-only file system', 'mounted read-only'],
    ['npm error code EBADENGINE', 'another version of Node'],
  ])('finds the reason in "%s"', (log, reason) => {
    writeFileSync(join(folder, 'log'), `first line\n${log}\n`);
    expect(preflight(`reason_in "${folder}/log"`).stdout).toContain(reason);
  });

  it('invents no reason', () => {
    writeFileSync(join(folder, 'log'), 'error: it broke\n');
    expect(preflight(`reason_in "${folder}/log"`)).toMatchObject({ status: 1, stdout: '' });
  });

  it('knows that the packages fit this Node', () => {
    expect(preflight('modules_fit')).toMatchObject({ status: 0 });
    expect(preflight(`checkout="${folder}"; modules_fit`)).toMatchObject({ status: 1 });
  });

  it('bundles in a path with a blank', () => {
    const copy = join(folder, 'a b');
    for (const path of ['scripts/bundle.mjs', 'package.json', 'tsconfig.json'])
      cpSync(join(root, path), join(copy, path));
    mkdirSync(join(copy, 'plugin'));
    writeFileSync(join(copy, 'plugin/main.ts'), 'process.stdout.write("built");\n');
    execFileSync('ln', ['-s', join(root, 'node_modules'), join(copy, 'node_modules')]);
    execFileSync(process.execPath, [join(copy, 'scripts/bundle.mjs')]);
    expect(
      execFileSync(process.execPath, [join(copy, 'dist/vlandhcp.cjs')], { encoding: 'utf8' }),
    ).toBe('built');
  });

  it('uses no path of a URL, in which a blank is %20', () => {
    const found = spawnSync(
      'grep',
      ['-rnE', String.raw`import\.meta\.url\)\.pathname`, 'plugin', 'scripts', 'bench', 'test'],
      {
        cwd: root,
        encoding: 'utf8',
      },
    );
    expect(found).toMatchObject({ status: 1, stdout: '' });
  });
});
