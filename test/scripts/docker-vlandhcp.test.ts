/**
 * What cli/docker-vlandhcp runs, and what it refuses. Its PATH has only what a test puts there: a
 * `docker` that answers from a table, and a `node` that prints what it was started with.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { makeProgram } from '../../cli/program.ts';
import { root } from '../support/pages/readme.ts';

const SCRIPT = join(root, 'cli/docker-vlandhcp');
const SHOWS = '#!/bin/sh\necho "$VLANDHCP_CALLED_AS|$VLANDHCP_SOCKET|${DOCKER_HOST:-}|$*"\n';

let folder: string;
const file = (name: string) => join(folder, name);
const program = (name: string, text: string) => writeFileSync(file(name), text, { mode: 0o755 });
const found = (name: string) =>
  spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).stdout.trim();

/** @param plugin what `docker plugin inspect` prints. @param host of the present context. */
function docker({ plugin = `1234 ${folder}/run`, host = 'unix:///run/docker.sock' } = {}): void {
  program(
    'docker',
    `#!/bin/sh
case "$*" in
  'context inspect '*) echo ${host} ;;
  'plugin inspect '*) [ -n "${plugin}" ] && echo "${plugin}" ;;
  'info '*) echo ${folder}/data ;;
  'version') ;;
esac
`,
  );
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vlandhcp-wrapper-'));
  const app = file('data/plugins/1234/rootfs/app');
  mkdirSync(join(app, 'scripts'), { recursive: true });
  writeFileSync(join(app, 'vlandhcp-cli.cjs'), '');
  writeFileSync(join(app, 'scripts/plugin'), 'echo "$VLANDHCP_COMMAND|$*"\n');
  for (const name of ['sh', 'bash', 'id', 'readlink', 'grep']) symlinkSync(found(name), file(name));
  docker();
  // `node -e` is the question for the version.
  program('node', SHOWS.replace('echo', '[ "$1" = -e ] && exit 0; echo'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function run(args: readonly string[], env: Record<string, string> = {}, script = SCRIPT) {
  const options = { env: { PATH: folder, ...env }, encoding: 'utf8' } as const;
  const { status, stdout, stderr } = spawnSync(script, args, options);
  return { status, printed: stdout.trim(), failure: stderr.trim() };
}

it('the handshake of Docker is answered without docker and node', () => {
  for (const name of ['docker', 'node']) rmSync(file(name));
  const { printed } = run(['docker-cli-plugin-metadata']);
  expect(JSON.parse(printed)).toEqual({
    SchemaVersion: '0.1.0',
    Vendor: 'vlandhcp',
    Version: '@VERSION@', // scripts/build-rootfs puts the version in
    ShortDescription: 'Networks, leases and events of vlandhcp',
  });
});

describe('the words', () => {
  const socket = () => `${folder}/run/plugins/1234/admin.sock`;
  const cli = () => `${folder}/data/plugins/1234/rootfs/app/vlandhcp-cli.cjs`;
  const local = 'unix:///run/docker.sock';
  const given = (args: readonly string[]) => (args.join(' ').includes(local) ? local : '');

  it.each([
    [['vlandhcp', 'leases', '--json'], 'leases --json'],
    [['--debug', '--log-level', 'info', 'vlandhcp', 'leases'], 'leases'],
    [['--host', local, 'vlandhcp', 'events', '--since', '1h'], 'events --since 1h'],
    [[`-H=${local}`, 'vlandhcp'], ''],
    [['vlandhcp', 'logs', '--help'], 'logs --help'],
  ])('%j come behind the flags of Docker', (args, words) => {
    const { status, printed } = run(args);
    expect([status, printed]).toEqual([
      0,
      `docker vlandhcp|${socket()}|${given(args)}|${cli()} ${words}`.trim(),
    ]);
  });

  it('called as vlandhcp it takes them as they are', () => {
    symlinkSync(SCRIPT, file('vlandhcp'));
    expect(run(['leases'], {}, file('vlandhcp')).printed).toBe(
      `vlandhcp|${socket()}||${cli()} leases`,
    );
  });

  it.each(['logs', 'upgrade', 'remove', 'set', 'enable', 'disable'])(
    '%s is done by the script of the plugin, in a shell that a missing rootfs does not end',
    (word) => {
      expect(run(['vlandhcp', word, 'X']).printed).toBe(
        `docker vlandhcp|${word} --name vlandhcp:stable X`,
      );
    },
  );

  it("the person's own --name is the last one, which counts", () => {
    expect(run(['vlandhcp', 'remove', '--name', 'other']).printed).toBe(
      'docker vlandhcp|remove --name vlandhcp:stable --name other',
    );
  });
});

describe("Docker's completion asks with the words so far", () => {
  it.each([
    ['remove'],
    ['disable'],
    ['release', '10.50.0.23'],
    ['renew', 'box', ''],
    ['set', 'LOG_LEVEL=debug'],
    ['upgrade', '--yes', 'registry.example.net/vlandhcp:2'],
  ])('%s is not carried out', (...words) => {
    rmSync(file('bash')); // a link to the host's own
    for (const name of ['docker', 'node', 'bash']) {
      program(name, `#!/bin/sh\necho "$*" >>${folder}/ran\n`);
    }
    for (const asked of ['__complete', '__completeNoDesc']) {
      const { status, printed } = run([asked, 'vlandhcp', ...words]);
      expect([status, printed.split('\n').at(-1)]).toEqual([0, ':0']);
    }
    expect(existsSync(file('ran'))).toBe(false);
  });

  it('the commands are those of the program, and only where a command is typed', () => {
    const exit = () => undefined;
    const parts = { name: 'docker vlandhcp', version: '0', exit };
    const { commands } = makeProgram({ ...parts, surroundings: () => expect.unreachable() });
    const names = run(['__complete', 'vlandhcp', 'l']).printed.split('\n').slice(0, -1);
    expect(names.toSorted()).toEqual(commands.map((command) => command.name()).toSorted());
    expect(run(['__complete', 'vlandhcp', 'lease', '']).printed).toBe(':0');
  });
});

it('hub and uplink are no part of the plugin, and need no engine; the one of another host is no matter', () => {
  rmSync(file('docker'));
  for (const word of ['hub', 'uplink']) {
    for (const env of [{}, { DOCKER_HOST: 'tcp://far:2376' }, { DOCKER_CONTEXT: 'far' }]) {
      expect(run(['vlandhcp', word, 'list'], env, SCRIPT).failure).toBe(
        'vlandhcp: there is no /usr/local/lib/vlandhcp/vlandhcp-uplink.cjs; make it in a checkout: scripts/build-rootfs --app-only /usr/local/lib/vlandhcp',
      );
    }
  }
});

describe('refused in one sentence', () => {
  const remote =
    "and leases are kept on the engine's own host; log in there and type the command there";

  it.each([
    ['--host', ['--host', 'tcp://far:2376', 'vlandhcp', 'leases'], {}, 'tcp://far:2376'],
    ['--host=', ['--host=ssh://far', 'vlandhcp', 'leases'], {}, 'ssh://far'],
    ['-H', ['-H', 'ssh://far', 'vlandhcp', 'leases'], {}, 'ssh://far'],
    ['-Hssh', ['-Hssh://far', 'vlandhcp', 'leases'], {}, 'ssh://far'],
    ['DOCKER_HOST', ['vlandhcp', 'leases'], { DOCKER_HOST: 'ssh://far' }, 'ssh://far'],
  ])('a remote engine, by %s', (_by, args, env, host) => {
    expect(run(args, env)).toEqual({
      ...{ status: 1, printed: '' },
      failure: `vlandhcp: the engine is ${host}, ${remote}`,
    });
  });

  it('a remote engine, by a context', () => {
    docker({ host: 'ssh://far' });
    const failure = `vlandhcp: the engine is ssh://far, ${remote}`;
    expect(run(['--context', 'far', 'vlandhcp', 'leases']).failure).toBe(failure);
    expect(run(['-cfar', 'vlandhcp', 'leases']).failure).toBe(failure);
    expect(run(['vlandhcp', 'leases'], { DOCKER_CONTEXT: 'far' }).failure).toBe(failure);
    writeFileSync(file('config.json'), '{ "currentContext": "far" }');
    expect(run(['vlandhcp', 'leases'], { DOCKER_CONFIG: folder }).failure).toBe(failure);
  });

  it('no plugin', () => {
    docker({ plugin: '' });
    expect(run(['vlandhcp', 'leases']).failure).toBe(
      'vlandhcp: there is no plugin vlandhcp:stable on this host, and no /usr/local/lib/vlandhcp; see: docker plugin ls (another name: VLANDHCP_PLUGIN=NAME)',
    );
    expect(run(['vlandhcp', 'leases'], { VLANDHCP_PLUGIN: 'an other' }).failure).toBe(
      'vlandhcp: there is no plugin an other on this host, which VLANDHCP_PLUGIN names; see: docker plugin ls',
    );
  });

  it('the plugin of somebody else', () => {
    rmSync(file('data/plugins/1234/rootfs/app'), { recursive: true });
    expect(run(['vlandhcp', 'remove'], { VLANDHCP_PLUGIN: 'sshfs' }).failure).toBe(
      'vlandhcp: sshfs has no command line in it; if it is vlandhcp, upgrade it to this version: @VERSION@',
    );
  });

  it('a plugin that is too old', () => {
    rmSync(file('data/plugins/1234/rootfs/app/vlandhcp-cli.cjs'));
    expect(run(['vlandhcp', 'leases']).failure).toBe(
      'vlandhcp: vlandhcp:stable has no command line in it; if it is vlandhcp, upgrade it to this version: @VERSION@',
    );
  });
});

describe('without Node on the host', () => {
  const libraries = () => file('data/plugins/1234/rootfs/usr/lib/x86_64-linux-gnu');
  beforeEach(() => {
    rmSync(file('node'));
    mkdirSync(libraries(), { recursive: true });
    writeFileSync(join(libraries(), 'ld-linux-x86-64.so.2'), SHOWS, { mode: 0o755 });
  });

  it("the plugin's own is started by the plugin's own loader", () => {
    const rootfs = file('data/plugins/1234/rootfs');
    expect(run(['vlandhcp', 'leases']).printed.split('|').at(-1)).toBe(
      `--library-path ${libraries()} ${rootfs}/usr/bin/node ${rootfs}/app/vlandhcp-cli.cjs leases`,
    );
  });

  it('a Node that reads from /usr/share needs unshare, and the sentence says so', () => {
    mkdirSync(file('data/plugins/1234/rootfs/usr/share/nodejs'), { recursive: true });
    expect(run(['vlandhcp', 'leases']).failure).toBe(
      'vlandhcp: the host has neither Node 20.19 nor unshare (package util-linux); install one of them',
    );
    program('unshare', '#!/bin/sh\necho "$1 $2 $3"\n');
    expect(run(['vlandhcp', 'leases']).printed).toBe('-m -- sh');
  });
});
