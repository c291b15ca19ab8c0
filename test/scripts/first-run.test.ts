/**
 * A first run says in one sentence what it lacks: scripts/lab/preflight.sh, and paths with a blank.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { root } from '../support/pages/readme.ts';

const folder = mkdtempSync(join(tmpdir(), 'first run-'));
let lab = '';
beforeEach(() => {
  lab = mkdtempSync(join(folder, 'lab '));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** The environment of a script: an empty lab, and the programs of `bin` first in PATH. */
const withPrograms = (bin: string) => ({
  ...process.env,
  VLANDHCP_LAB: lab,
  XDG_CACHE_HOME: lab,
  PATH: `${bin}:${process.env['PATH'] ?? ''}`,
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
    {
      encoding: 'utf8',
      env: withPrograms(bin),
    },
  );
  return { status, stdout, stderr };
}

/** `npm pack` with small files of this test. KNOWN accepts their checksums. */
const FAKE_PACK = String.raw`
case "$*" in *node-linux-*@*npm@*) ;; *) exit 1 ;; esac
mkdir -p package/bin
printf '#!/bin/sh
echo v22.23.3
' >package/bin/node
printf '#!/bin/sh
echo the fetched npm
' >package/bin/npm-cli.js
cp package/bin/npm-cli.js package/bin/npx-cli.js
for word; do case $word in *@*)
  tar -czf "$(echo "$word" | tr @ -).tgz" --sort=name --mtime=@0 --owner=0 --group=0 package
esac; done`;
const KNOWN =
  'sha512sum() { [ "$1" = --check ] && cat >/dev/null; }; [ "\${#fetched_sums[@]}" = 3 ]';

function fakeNpm(bin: string, script: string): void {
  writeFileSync(join(bin, 'npm'), `#!/bin/bash\n${script}\n`, { mode: 0o755 });
}

function fakeNode(version: string): string {
  const bin = mkdtempSync(join(folder, 'bin '));
  writeFileSync(join(bin, 'node'), `#!/bin/sh\necho ${version}\n`, { mode: 0o755 });
  return bin;
}

describe('a first run', () => {
  it.each(['v18.19.0', 'v20.18.3', 'v8.0.0'])(
    'refuses Node %s in one line where npm cannot fetch a newer one, and says why',
    (version) => {
      const bin = fakeNode(version);
      fakeNpm(bin, 'echo npm error code EAI_AGAIN >&2; exit 1');
      const { status, stderr } = preflight('need_node', bin);
      expect(status).toBe(1);
      const [first = '', last = '', more] = stderr.trim().split('\n');
      expect(more).toBeUndefined();
      expect(first).toContain(`Node ${version} is too old`);
      expect(last).toContain(`Node ${version} is too old`);
      expect(last).toContain('Node 20.19 or newer is needed; npm cannot fetch it: there is no net');
    },
  );

  it("tells npm's own reason where it is none that is known here", () => {
    const bin = fakeNode('v18.19.0');
    const lines = [
      'npm ERR! code SELF_SIGNED_CERT_IN_CHAIN',
      'npm ERR! request to the registry failed, reason: self-signed certificate',
      '',
      'npm ERR! A complete log of this run can be found in:',
      'npm ERR!     /root/.npm/_logs/debug-0.log',
    ];
    fakeNpm(bin, `cat >&2 <<'WORDS'\n${lines.join('\n')}\nWORDS\nexit 1`);
    expect(preflight('need_node', bin).stderr).toMatch(
      /npm cannot fetch it: request to the registry failed, reason: self-signed certificate\n$/,
    );
  });

  it('fetches a newer Node where there is an old one, once, and uses it', () => {
    const bin = fakeNode('v18.19.0');
    fakeNpm(bin, FAKE_PACK);
    const line = `${KNOWN}; need_node npm; node --version; npm`;
    const first = preflight(line, bin);
    expect(first).toMatchObject({ status: 0, stdout: 'v22.23.3\nthe fetched npm\n' });
    expect(first.stderr).toContain('Node v18.19.0 is too old');
    fakeNpm(bin, 'exit 1');
    expect(preflight(line, bin)).toEqual({ ...first, stderr: '' });
  });

  it('uses no file from npm but the one that is known', () => {
    const bin = fakeNode('v18.19.0');
    fakeNpm(bin, FAKE_PACK);
    const { status, stderr } = preflight('need_node', bin);
    expect(status).toBe(1);
    expect(stderr).toMatch(/npm gave another node-linux-.* than the one that is known here/);
    expect(readdirSync(lab).filter((name) => name.startsWith('node'))).toEqual([]);
  });

  it('says what to type where there is neither Node nor npm', () => {
    const { status, stderr } = preflight(
      'hash -r; PATH=/nowhere; command() { builtin command "$@"; }; uname() { echo x86_64; }; need_node',
    );
    expect(status).toBe(1);
    expect(stderr).toMatch(
      /there is no node here; Node 20\.19 or newer is needed; type: apt-get install npm; then run/,
    );
  });

  it.each([
    ['12', 'npm node-abbrev node-fs.realpath'],
    ['13', 'npm node-abbrev node-fs.realpath node-fs-realpath node-webpack-sources'],
  ])('borrows of the npm of Debian %s only the packages %s', (version, packages) => {
    const apt = ['npm', 'node-abbrev', 'node-fs.realpath', 'node-fs-realpath', 'webpack']
      .concat('node-webpack-sources', 'libssl-dev')
      .map((name) => `Inst ${name} (1 Debian:x [all])\nConf ${name} (1 Debian:x [all])`);
    writeFileSync(join(folder, 'apt'), `NOTE: simulation\n${apt.join('\n')}\n`);
    const line = `. "$0/pieces/npm.sh"; debian_version() { echo ${version}; }; npm_packages <"${folder}/apt"`;
    expect(preflight(line).stdout.trim().split('\n').join(' ')).toBe(packages);
  });

  it.each(['v20.19.0', 'v22.1.0', 'v100.0.0'])('takes Node %s', (version) => {
    expect(preflight('need_node', fakeNode(version))).toMatchObject({ status: 0, stderr: '' });
  });

  it('asks for the same Node as package.json', () => {
    const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      engines: { node: string };
    };
    expect(`>=${preflight('echo $node_minimum').stdout.trim()}`).toBe(engines.node);
  });

  it.each([
    'check',
    'demo',
    'lab/prepare modules',
    'build-rootfs build/of-a-test',
    'plugin create',
    'release build/of-a-test',
  ])('scripts/%s says first that Node is too old', (script) => {
    const [name = '', ...words] = script.split(' ');
    const bin = fakeNode('v18.19.0');
    fakeNpm(bin, 'exit 1');
    const { status, stdout, stderr } = spawnSync(join(root, 'scripts', name), words, {
      encoding: 'utf8',
      env: withPrograms(bin),
    });
    expect(status).toBe(1);
    if (script !== 'demo' || process.getuid?.() === 0)
      expect(stderr).toContain('Node v18.19.0 is too old');
    else expect(stdout).toContain('must run as root');
  });

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
    ['E: Release file for http://x/InRelease is expired (invalid since 22d 12h)', 'is the clock'],
    ['E: Release file for http://x/InRelease is not valid yet', 'is the clock'],
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
    const page = ['index.html', 'style.css', 'icon.svg'].map((name) => `web/${name}`);
    const scripts = ['scripts/bundle.mjs', 'scripts/page-bundle.mjs'];
    for (const path of [...scripts, ...page, 'package.json', 'tsconfig.json'])
      cpSync(join(root, path), join(copy, path));
    writeFileSync(join(copy, 'web/main.tsx'), 'document.title = "built page";\n');
    for (const folder of ['plugin', 'cli']) {
      mkdirSync(join(copy, folder));
      writeFileSync(join(copy, folder, 'main.ts'), `process.stdout.write("built ${folder}");\n`);
    }
    writeFileSync(join(copy, 'plugin/uplink-main.ts'), 'process.stdout.write("built uplink");\n');
    execFileSync('ln', ['-s', join(root, 'node_modules'), join(copy, 'node_modules')]);
    execFileSync(process.execPath, [join(copy, 'scripts/bundle.mjs')]);
    const built = (bundle: string) =>
      execFileSync(process.execPath, [join(copy, 'dist', bundle)], { encoding: 'utf8' });
    const bundles = ['vlandhcp.cjs', 'vlandhcp-cli.cjs', 'vlandhcp-uplink.cjs'];
    expect(bundles.map(built)).toEqual(['built plugin', 'built cli', 'built uplink']);
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
