/**
 * What scripts/plugin prints about wrong use, about long steps, and about what status cannot see.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { fakeDocker, WITHOUT_PLUGIN } from '../support/fakes/fake-docker.ts';
import { root } from '../support/pages/readme.ts';

const fake = fakeDocker();
const { file, operator, done } = fake;

describe('scripts/plugin used wrongly', () => {
  it.each([
    [[], 'say what to do: install, create, '],
    [['instal'], 'unknown command instal; see scripts/plugin --help'],
    [['status', '--verbose'], 'unknown option --verbose; see scripts/plugin --help'],
    [['status', '--name'], '--name needs a value; see scripts/plugin --help'],
    [['status', 'now'], 'status does not take these words: now; see scripts/plugin --help'],
    [['push'], 'say where to push, without a tag: '],
  ])('%j: one line says what is wrong', (args, sentence) => {
    const { status, stdout, stderr } = operator(...args);
    expect([status, stdout]).toEqual([1, '']);
    expect(stderr).toMatch(/^plugin: [^\n]*\n$/);
    expect(stderr).toContain(sentence);
    expect(done()).toEqual(['']);
  });
});

describe('the long steps of scripts/plugin', () => {
  const counted = (stdout: string) =>
    [...stdout.matchAll(/^plugin: (\d+\/\d+) (\w+)/gm)].map(([, at, word]) => `${at} ${word}`);
  const plugin = file('a plugin');
  beforeEach(() => {
    mkdirSync(join(plugin, 'rootfs/app'), { recursive: true });
    writeFileSync(join(plugin, 'config.json'), readFileSync(join(root, 'config.json')));
    writeFileSync(join(plugin, 'rootfs/app/RELEASE'), 'vlandhcp 0.1.0 amd64\n');
  });

  it('of an installation from a registry are counted, and all of them come', () => {
    fake.program('docker', WITHOUT_PLUGIN);
    const { status, stdout } = operator('install', '--yes', 'registry/x:1');
    expect([status, counted(stdout)]).toEqual([0, ['1/2 Docker', '2/2 setting']]);
  });

  it('of an installation from a folder', () => {
    fake.program('docker', WITHOUT_PLUGIN);
    const { status, stdout } = operator('pack', '--dir', plugin);
    expect([status, counted(stdout)]).toEqual([0, ['1/1 packing']]);
    expect(operator('pack', '--dir', plugin).stdout).toMatch(
      /^plugin: 1\/1 .* is packed already$/m,
    );
    const created = operator('create', '--dir', plugin);
    expect([created.status, counted(created.stdout)]).toEqual([0, ['1/1 Docker']]);
  });

  it('of an upgrade', () => {
    const { stdout } = operator('upgrade', '--yes', 'registry/x:2');
    expect(counted(stdout)).toEqual(['1/3 Docker', '2/3 stopping', '3/3 starting']);
  });
});

describe('scripts/plugin status', () => {
  it('says of everything that it cannot see why it cannot', () => {
    const { status, stdout } = operator('status', '--name', 'vlandhcp-of-a-test:stable');
    expect(status).toBe(0);
    expect(stdout).toMatch(/^short {4}-d vlandhcp-of-a-test does not work: no \/run\//m);
    expect(stdout).toMatch(/^networks none$/m);
    expect(stdout).toMatch(/^leases {3}not known, there is no \/run\/.*\.sock to ask$/m);
  });

  it('tells a user who may not ask dockerd of what it cannot see', () => {
    const words = 'permission denied while trying to connect to the Docker daemon socket';
    fake.program('docker', `#!/bin/sh\necho '${words}' >&2\nexit 1\n`);
    const { status, stdout } = operator('status', '--name', 'vlandhcp-of-a-test:stable');
    expect(status).toBe(1);
    expect(stdout).toMatch(/^name .*not known whether it is installed, .* may not ask dockerd$/m);
    expect(stdout).toMatch(/^networks not known$/m);
    expect(stdout).toMatch(/^leases {3}not known, /m);
  });
});
