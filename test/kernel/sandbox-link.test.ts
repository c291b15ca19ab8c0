import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { enterSandbox, ip, runNode } from '../support/netns.ts';
import type { Sandbox, TestNamespace } from '../support/netns.ts';

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

/** Runs `script` on the host, in a process whose /sys is the host's; what it printed. */
function onHost(script: string, before: readonly string[] = []): { seen: unknown; stderr: string } {
  const wrap = ['ip', 'netns', 'exec', host.name, ...before];
  const { status, stdout, stderr } = runNode('plugin/net/sandbox-link.ts', script, wrap);
  if (status !== 0) throw new Error(stderr);
  return { seen: JSON.parse(stdout) as unknown, stderr };
}

/** What is found, and the troubles told. */
function find(netnsPath: string, hostEnd = 'vh0'): unknown {
  return onHost(`
    const told = [];
    const found = subject.findSandboxLink(
      ${JSON.stringify(netnsPath)}, ${JSON.stringify(hostEnd)}, (error) => told.push(error.message));
    console.log(JSON.stringify([found, ...told]));`).seen;
}

test('the other end is found under its new name, once it is up', () => {
  expect(find(container.path)).toEqual(['not-yet']);
  container.run(() => ip('link set dev vc0 name eth0'));
  expect(find(container.path)).toEqual(['not-yet']);
  container.run(() => ip('link set dev eth0 up'));
  expect(find(container.path)).toEqual([{ link: 'eth0' }]);
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
    const look = () => subject.findSandboxLink(${JSON.stringify(container.path)}, 'vh0');
    const taken = [];
    try { for (;;) taken.push(openSync('/dev/null')); } catch {}
    const found = [look(), look()];
    taken.forEach((fd) => closeSync(fd));
    console.log(JSON.stringify(found));`;
  const { seen, stderr } = onHost(script, ['sh', '-c', 'ulimit -n 100; exec "$0" "$@"']);
  expect(seen).toEqual(['not-yet', 'not-yet']);
  expect(stderr.match(/a sandbox cannot be looked into: EMFILE/g)).toHaveLength(1);
});
