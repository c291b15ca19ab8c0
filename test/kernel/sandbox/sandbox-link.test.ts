import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { enterSandbox, ip, runNode } from '../../support/lab/netns.ts';
import type { Sandbox, TestNamespace } from '../../support/lab/netns.ts';

let sandbox: Sandbox;
let host: TestNamespace;
let container: TestNamespace;
let folder: string;

beforeEach(() => {
  sandbox = enterSandbox();
  host = sandbox.addNamespace();
  container = sandbox.addNamespace();
  host.run(() => ip(`link add name vh0 type veth peer name vc0 netns ${container.name}`));
  folder = mkdtempSync(join(tmpdir(), 'sandbox-link-test-'));
});

afterEach(() => {
  sandbox.dispose();
  rmSync(folder, { recursive: true });
});

/**
 * Runs `script` on the host, in a process that does not see the host's links in /sys. Returns what
 * it printed.
 */
function onHost(script: string, before: readonly string[] = []): { seen: unknown; stderr: string } {
  const wrap = ['nsenter', `--net=${host.path}`, ...before];
  const { status, stdout, stderr } = runNode('plugin/net/sandbox/sandbox-link.ts', script, wrap);
  if (status !== 0) throw new Error(stderr);
  return { seen: JSON.parse(stdout) as unknown, stderr };
}

/** The result of the search, and the reported problems. */
function find(netnsPath: string, hostEnd = 'vh0'): unknown {
  return onHost(`
    const told = [];
    const place = ${JSON.stringify({ netnsPath, hostEnd, containerEnd: 'vc0' })};
    const found = subject.probeSandbox(place, (error) => told.push(error.message));
    console.log(JSON.stringify([found, ...told]));`).seen;
}

test('the other end is found under its new name, once it is up', () => {
  expect(find(container.path)).toEqual(['not-yet']);
  container.run(() => ip('link set dev vc0 name eth0'));
  expect(find(container.path)).toEqual(['not-yet']);
  container.run(() => ip('link set dev eth0 up'));
  expect(find(container.path)).toEqual([{ link: 'eth0' }]);
});

test('it is told when the other end is still where it was made', () => {
  host.run(() => ip('link set dev vh0 down'));
  container.run(() => ip(`link set dev vc0 netns ${host.name}`));
  expect(find(container.path)).toEqual(['here']);
  host.run(() => ip(`link set dev vc0 netns ${container.name}`));
  container.run(() => ip('link set dev vc0 up'));
  expect(find(container.path)).toEqual([{ link: 'vc0' }]);
});

test('what may still come, or has gone, is no trouble', () => {
  expect(find('/run/netns/nope')).toEqual(['not-yet']);
  expect(find(container.path, 'gone0')).toEqual(['not-yet']);
  expect(find(sandbox.addNamespace().path)).toEqual(['not-yet']);
});

test('a file that no namespace is mounted on is told from a namespace that the kernel refuses', () => {
  const file = join(folder, 'sandbox');
  writeFileSync(file, '');
  expect(find(file)).toEqual(['not-a-namespace']);
  expect(find('/proc/self/ns/uts')).toEqual([
    'not-a-namespace',
    'network namespace /proc/self/ns/uts cannot be entered: setns says EINVAL (it needs CAP_SYS_ADMIN)',
  ]);
});

test('anything else is tried again, and one line of the log says what it is', () => {
  const script = `
    const { closeSync, openSync } = require('node:fs');
    const place = { netnsPath: ${JSON.stringify(container.path)}, hostEnd: 'vh0', containerEnd: 'vc0' };
    const look = () => subject.probeSandbox(place);
    const taken = [];
    try { for (;;) taken.push(openSync('/dev/null')); } catch {}
    const found = [look(), look()];
    taken.forEach((fd) => closeSync(fd));
    console.log(JSON.stringify(found));`;
  const { seen, stderr } = onHost(script, ['sh', '-c', 'ulimit -n 100; exec "$0" "$@"']);
  expect(seen).toEqual(['not-yet', 'not-yet']);
  expect(stderr.match(/a sandbox cannot be looked into: socket: EMFILE/g)).toHaveLength(1);
});
