import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { listSandboxAddresses } from '../../../plugin/net/sandbox/sandbox-addresses.ts';
import {
  currentNamespace,
  enterSandbox,
  ip,
  openDescriptors,
  run,
} from '../../support/lab/netns.ts';
import type { Sandbox } from '../../support/lab/netns.ts';

let sandbox: Sandbox;
let folder: string;
let mounts: string[] = [];

beforeEach(() => {
  sandbox = enterSandbox();
  folder = mkdtempSync(join(tmpdir(), 'sandbox-addresses-'));
  run('mount', ['--bind', folder, folder]);
  run('mount', ['--make-private', folder]);
  mounts.push(folder);
});

afterEach(() => {
  for (const mount of mounts.toReversed()) run('umount', [mount]);
  mounts = [];
  sandbox.dispose();
  rmSync(folder, { recursive: true });
});

/** Mounts a container's namespace in the folder, like Docker. Runs `lines` inside. */
function addContainer(name: string, ...lines: readonly string[]): void {
  const namespace = sandbox.addNamespace();
  namespace.run(() => {
    ip('link set dev lo up');
    ip('link add name eth0 type dummy');
    for (const line of lines) ip(line);
  });
  const file = join(folder, name);
  writeFileSync(file, '');
  run('mount', ['--bind', namespace.path, file]);
  mounts.push(file);
}

/** Stops a container like Docker. Engines up to 26 remove the file up to a minute later. */
function stopContainer(name: string): void {
  const file = join(folder, name);
  run('umount', [file]);
  mounts = mounts.filter((mount) => mount !== file);
}

const listed = (): string[] | undefined => {
  const found = listSandboxAddresses(folder);
  return found === undefined ? undefined : [...found].sort();
};

test('every address of every container is listed, those of links that are down and secondary ones, too', () => {
  addContainer(
    'one',
    'addr add 10.50.0.10/24 dev eth0',
    'addr add 10.50.0.11/24 dev eth0',
    'addr add 192.168.7.1/32 dev eth0 label eth0:x',
    'addr add 10.9.9.9/32 dev lo',
    'addr add fd00::1/64 dev eth0',
  );
  addContainer('two', 'link set dev eth0 up', 'addr add 10.50.0.12/24 dev eth0');
  addContainer('none');
  expect(listed()).toEqual(['10.50.0.10', '10.50.0.11', '10.50.0.12', '192.168.7.1']);
});

test('more addresses than there was room for are all listed', () => {
  addContainer('one');
  const lines = Array.from(
    { length: 500 },
    (_, index) => `addr add 10.60.${index >> 8}.${index & 255}/32 dev eth0`,
  );
  const batch = `${lines.join('\n')}\n`;
  run('nsenter', [`--net=${join(folder, 'one')}`, 'ip', '-batch', '-'], batch);
  expect(listed()).toHaveLength(500);
  // One less than, exactly, and one more than the first answer has room for.
  for (const [count, name] of [
    [31, 'a'],
    [32, 'b'],
    [33, 'c'],
  ] as const) {
    addContainer(name, 'link set dev lo down');
    const some = lines.slice(0, count).map((line) => line.replace('10.60', '10.61'));
    run('nsenter', [`--net=${join(folder, name)}`, 'ip', 'addr', 'flush', 'dev', 'lo']);
    run('nsenter', [`--net=${join(folder, name)}`, 'ip', '-batch', '-'], `${some.join('\n')}\n`);
    expect(listed()).toHaveLength(500 + count);
  }
});

test('no container, and no folder yet, is an empty set', () => {
  expect(listed()).toEqual([]);
  expect(listSandboxAddresses(join(folder, 'netns'))).toEqual(new Set());
});

test('a file that went meanwhile is skipped', () => {
  addContainer('one', 'addr add 10.50.0.10/24 dev eth0');
  symlinkSync(join(folder, 'gone'), join(folder, 'two'));
  expect(listed()).toEqual(['10.50.0.10']);
});

test('a file without a namespace, as where mounts do not reach this process, makes the answer unknown', () => {
  addContainer('one', 'addr add 10.50.0.10/24 dev eth0');
  writeFileSync(join(folder, 'two'), '');
  expect(listed()).toBeUndefined();
  expect(listed()).toBeUndefined();
  rmSync(join(folder, 'two'));
  expect(listed()).toEqual(['10.50.0.10']);
});

test('once a namespace has appeared between two looks, a file without one is a container that stopped', () => {
  addContainer('one', 'addr add 10.50.0.10/24 dev eth0');
  writeFileSync(join(folder, 'stopped'), '');
  expect(listed()).toBeUndefined();
  addContainer('two', 'addr add 10.50.0.11/24 dev eth0');
  expect(listed()).toEqual(['10.50.0.10', '10.50.0.11']);
  stopContainer('one');
  expect(listed()).toEqual(['10.50.0.11']);
});

test.each(['shared', 'slave'])(
  'where mounts propagate to the folder (%s), a file without a namespace is a container that stopped',
  (how) => {
    run('mount', ['--make-shared', folder]);
    const seenAt = how === 'shared' ? folder : `${folder}-slave`;
    if (how === 'slave') {
      mkdirSync(seenAt);
      run('mount', ['--bind', folder, seenAt]);
      run('mount', ['--make-slave', seenAt]);
    }
    addContainer('one', 'addr add 10.50.0.10/24 dev eth0');
    writeFileSync(join(folder, 'stopped'), '');
    try {
      expect(listSandboxAddresses(seenAt)).toEqual(new Set(['10.50.0.10']));
    } finally {
      stopContainer('one');
      if (how === 'slave') run('umount', [seenAt]);
      if (how === 'slave') rmSync(seenAt, { recursive: true });
    }
  },
);

test('what is no file, no folder, or refused by the kernel makes the answer unknown', () => {
  const file = join(folder, 'file');
  writeFileSync(file, '');
  expect(listSandboxAddresses(file)).toBeUndefined();
  rmSync(file);
  mkdirSync(join(folder, 'folder'));
  expect(listed()).toBeUndefined();
  rmSync(join(folder, 'folder'), { recursive: true });
  symlinkSync('/proc/self/ns/uts', join(folder, 'uts'));
  expect(listed()).toBeUndefined();
});

test('200 namespaces leave no descriptor, and the thread is back', () => {
  addContainer('one', 'addr add 10.50.0.10/24 dev eth0');
  for (let count = 0; count < 199; count += 1) {
    symlinkSync(join(folder, 'one'), join(folder, `link${count}`));
  }
  const [descriptors, namespace] = [openDescriptors(), currentNamespace()];
  const startedAt = performance.now();
  expect(listed()).toEqual(['10.50.0.10']);
  const each = (performance.now() - startedAt) / 200;
  process.stdout.write(`listSandboxAddresses: ${each.toFixed(3)} ms per namespace\n`);
  expect(openDescriptors()).toBe(descriptors);
  expect(currentNamespace()).toBe(namespace);
});
