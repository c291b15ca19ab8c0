/**
 * Tests scripts/plugin before it changes anything: the settings that it refuses, the networks that
 * it sees. The `docker` of these tests only takes notes.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parseListen } from '../../plugin/runtime/telling/listen-address.ts';
import { parseSettings } from '../../plugin/settings.ts';
import { DOCKER, fakeDocker, WITHOUT_PLUGIN, env } from '../support/fakes/fake-docker.ts';
import { root } from '../support/pages/readme.ts';

const fake = fakeDocker();
const { file, operator, done } = fake;

describe('scripts/plugin set', () => {
  it.each([
    ['LOG_LEVEL=loud'],
    ['LOG_LEVEL=debug'],
    ['LOG_LEVEL='],
    ['STATE_DIR=state'],
    ['STATE_DIR=/elsewhere'],
    ['JOIN_TIMEOUT=0'],
    ['JOIN_TIMEOUT=99999'],
    ['JOIN_TIMEOUT=100000'],
    ['JOIN_TIMEOUT=2m'],
    ['IPAM_REQUIRE_MAC=no'],
    ['IPAM_REQUIRE_MAC=false'],
    ['LOG_LEVEL=loud', 'JOIN_TIMEOUT=never'],
  ])('%s %s: takes what the plugin takes, and says the same of what it does not', (...words) => {
    const given = words.filter((word) => word !== undefined);
    const pairs = given.map((word): [string, string] => {
      const [key = '', value = ''] = word.split('=');
      return [key, value];
    });
    let problem: string | undefined;
    try {
      parseSettings(['--managed'], Object.fromEntries(pairs));
    } catch (error) {
      problem = (error as Error).message;
    }
    const { status, stderr } = operator('set', ...given);
    if (problem === undefined) {
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(done()).toEqual([
        'plugin disable -f vlandhcp:stable',
        `plugin set vlandhcp:stable ${given.join(' ')}`,
        'plugin enable vlandhcp:stable',
      ]);
    } else {
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: `plugin: ${problem}; nothing changed\n`,
      });
      expect(done()).toEqual(['']);
    }
  });

  it.each([
    ['HTTP_LISTEN=127.0.0.1:9325', ''],
    ['HTTP_LISTEN=[::1]:9325', ''],
    ['HTTP_LISTEN=localhost:9325', ''],
    ['HTTP_LISTEN=', ''],
    ['HTTP_LISTEN=9325', 'is not ADDRESS:PORT'],
    ['HTTP_LISTEN=host.example:80', 'is not ADDRESS:PORT'],
    ['HTTP_LISTEN=127.0.0.1:0', 'is not ADDRESS:PORT'],
    ['HTTP_TOKEN=0123456789abcdef', ''],
    ['HTTP_TOKEN=', ''],
    ['HTTP_TOKEN=short', 'is shorter than 16 characters'],
    ['HTTP_TOKEN=0123456789abcde ', 'is shorter than 16 characters, or has others than ASCII ones'],
  ])('%s: %s', (word, problem) => {
    const { status, stderr } = operator('set', word);
    expect(status).toBe(problem === '' ? 0 : 1);
    expect(stderr).toContain(problem);
    const [key, value = ''] = word.split('=');
    if (key !== 'HTTP_LISTEN' || value === '') return;
    // The plugin takes the same.
    const parse = () => parseListen(value);
    if (problem === '') expect(parse).not.toThrow();
    else expect(parse).toThrow(problem);
  });

  it.each([
    ['COLOUR=red', `COLOUR=red is unknown; known are ${env.map(({ name }) => name).join(' ')} `],
    ['LOG_LEVEL', 'LOG_LEVEL is not SETTING=VALUE; nothing changed'],
    ['docker-run.source=run/docker', 'is not a folder here, by its absolute path'],
    ['docker-run.source=/no/such/folder', 'is not a folder here, by its absolute path'],
    ['docker-api.source=/etc/passwd', 'is not a socket here, by its absolute path, nor /dev/null'],
  ])('%s is refused before anything is stopped', (word, sentence) => {
    const { status, stderr } = operator('set', word);
    expect(status).toBe(1);
    expect(stderr).toContain(sentence);
    expect(done()).toEqual(['']);
  });

  it('a stopped plugin stays stopped, and is said to be', () => {
    writeFileSync(file('enabled'), 'false\n');
    const { status, stdout } = operator('set', 'LOG_LEVEL=debug');
    expect(status).toBe(0);
    expect(stdout).toBe(
      'plugin: vlandhcp:stable is stopped, as before; start it: scripts/plugin enable\n',
    );
    expect(done()).toEqual(['plugin set vlandhcp:stable LOG_LEVEL=debug']);
  });

  it('IPAM_REQUIRE_MAC: which networks go by it from when on', () => {
    expect(operator('set', 'IPAM_REQUIRE_MAC=false').stdout).toMatch(
      /with --ipam-driver vlandhcp from dockerd's next restart on\n$/,
    );
  });

  it('install refuses a bad value before it fetches anything', () => {
    writeFileSync(file('docker'), '#!/bin/sh\nexit 1\n', { mode: 0o755 }); // not installed
    const { status, stderr } = operator('install', '--yes', 'registry/x:1', 'LOG_LEVEL=loud');
    expect(status).toBe(1);
    expect(stderr).toMatch(/^plugin: LOG_LEVEL=loud is not one of .*; nothing changed\n$/);
  });
});

describe('scripts/plugin install', () => {
  it('refuses a setting that there is not before anything is fetched or built, and names those that there are', () => {
    fake.program('docker', WITHOUT_PLUGIN);
    const names = env.map(({ name }) => name).join(' ');
    for (const ref of [['registry/x:1'], []]) {
      const { status, stderr } = operator('install', '--yes', ...ref, 'LOG_LEVEL=debug', 'FOO=1');
      expect({ status, stderr }).toEqual({
        status: 1,
        stderr: `plugin: FOO=1 is unknown; known are ${names} docker-run.source docker-api.source; nothing changed\n`,
      });
      expect(done()).toEqual(['']);
    }
  });
});

describe('scripts/plugin where dockerd cannot be asked', () => {
  const failing = (words: string) =>
    writeFileSync(file('docker'), `#!/bin/sh\necho '${words}' >&2\nexit 1\n`, { mode: 0o755 });

  it.each(['status', 'enable', 'disable', 'remove', 'logs', 'upgrade', 'set'])(
    '%s: a daemon that is down is not a plugin that is missing',
    (command) => {
      failing('Cannot connect to the Docker daemon at unix:///var/run/docker.sock.');
      const { status, stderr } = operator(command);
      expect(status).toBe(1);
      expect(stderr).toMatch(/^plugin: dockerd does not answer: Cannot connect .*\nplugin: is it/);
    },
  );

  it('a user who may not ask is told so', () => {
    failing('permission denied while trying to connect to the Docker daemon socket');
    const { status, stderr } = operator('status');
    expect(status).toBe(1);
    expect(stderr).toMatch(/ may not ask dockerd: .*\nplugin: run this as root/);
  });

  it('a plugin that is missing is said to be', () => {
    fake.program('docker', WITHOUT_PLUGIN);
    expect(operator('status').stderr).toBe(
      'plugin: no plugin is called vlandhcp:stable here; see: docker plugin ls\n',
    );
  });

  it('no docker command at all', () => {
    const bin = file('bin');
    const script = `mkdir -p ${bin} && for p in dirname uname id rm; do ln -s "$(command -v $p)" ${bin}; done`;
    execFileSync('bash', ['-c', script]);
    const options = { env: { PATH: bin }, encoding: 'utf8' } as const;
    const { stderr } = spawnSync('/bin/bash', [join(root, 'scripts/plugin'), 'status'], options);
    expect(stderr).toContain('plugin: there is no docker command here');
  });
});

describe('scripts/plugin logs', () => {
  const line = (text: string) => `time="2026" level=info msg="${text}" plugin=1234\n`;

  it('from a file: the lines of the plugin as it wrote them', () => {
    writeFileSync(file('log'), `time="2026" level=info msg=other\n${line('{\\"a\\":1}')}`);
    expect(operator('logs', file('log')).stdout).toBe('{"a":1}\n');
  });

  it('from the journal, whatever the unit is called', () => {
    writeFileSync(file('journal'), line('from the journal'));
    const journalctl = `#!/bin/sh\ncase "$*" in *_COMM=dockerd*) cat "$(dirname "$0")/journal" ;; esac\n`;
    writeFileSync(file('journalctl'), journalctl, { mode: 0o755 });
    expect(operator('logs').stdout).toBe('from the journal\n');
    rmSync(file('journalctl'));
  });

  it('where no journal has its lines, what to look at is said, and the status tells', () => {
    writeFileSync(file('journalctl'), '#!/bin/sh\nexit 0\n', { mode: 0o755 });
    const { status, stdout, stderr } = operator('logs');
    rmSync(file('journalctl'));
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(
      /^plugin: the journal has no lines of dockerd .* scripts\/plugin logs FILE/,
    );
  });
});

describe('scripts/plugin remove', () => {
  it("is refused for networks by either name, and for other drivers' with our addresses", () => {
    writeFileSync(
      file('networks'),
      [
        'bridge default bridge',
        'vlandhcp:stable null long',
        'macvlan vlandhcp mv',
        'bridge vlandhcp:stable dock',
        'vlandhcp null short',
        'macvlan other vlandhcp',
        'vlandhcp:next null next',
        '',
      ].join('\n'),
    );
    const { status, stderr } = operator('remove');
    expect(status).toBe(1);
    expect(stderr).toMatch(/docker network rm dock long mv short\n$/);
    expect(done()).toEqual(['']);
  });

  it('goes through when there is none', () => {
    const name = 'vlandhcp-of-a-test:stable'; // a plugin whose old socket would be removed
    expect(operator('remove', '--name', name).status).toBe(0);
    expect(done()).toEqual([`plugin disable -f ${name}`, `plugin rm ${name}`]);
  });

  it('starts the plugin again if Docker does not remove it', () => {
    fake.program(
      'docker',
      DOCKER.replace("'network ls", "'plugin rm '*) exit 1 ;;\n  'network ls"),
    );
    const { status, stderr } = operator('remove');
    expect([status, stderr]).toEqual([
      1,
      'plugin: docker plugin rm failed; see above\nplugin: vlandhcp:stable was enabled before and is so again\n',
    ]);
    expect(done().at(-1)).toBe('plugin enable vlandhcp:stable');
  });
});

describe('scripts/plugin status', () => {
  const NEEDED = 'bridge default bridge\nvlandhcp null blue\nmacvlan vlandhcp:stable red\n';

  it('says first that networks need a plugin that is disabled, and what to type', () => {
    writeFileSync(file('enabled'), 'false\n');
    writeFileSync(file('networks'), NEEDED);
    const { status, stdout } = operator('status');
    expect(status).toBe(0);
    expect(stdout.split('\n').slice(0, 2)).toEqual([
      'NOT RUNNING: vlandhcp:stable is installed and disabled, and these networks need it: blue red',
      'start it: docker plugin enable vlandhcp:stable',
    ]);
  });

  it.each([
    ['it is enabled', 'true\n', NEEDED],
    ['no network needs it', 'false\n', 'bridge default bridge\n'],
  ])('says nothing of it where %s', (_what, enabled, networks) => {
    writeFileSync(file('enabled'), enabled);
    writeFileSync(file('networks'), networks);
    const { status, stdout } = operator('status');
    expect([status, stdout.includes('NOT RUNNING')]).toEqual([0, false]);
  });
});

it('scripts/plugin is valid bash, and so is each of its parts', () => {
  const parts = readdirSync(join(root, 'scripts/plugin.d')).map(
    (name) => `scripts/plugin.d/${name}`,
  );
  expect(parts.length).toBeGreaterThan(0);
  for (const path of ['scripts/plugin', ...parts])
    expect(() => execFileSync('bash', ['-n', join(root, path)])).not.toThrow();
});
