import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { inNetns } from '../../../plugin/net/sandbox/netns.ts';
import {
  currentNamespace,
  enterSandbox,
  openDescriptors,
  runNode,
} from '../../support/lab/netns.ts';
import type { Sandbox } from '../../support/lab/netns.ts';

let sandbox: Sandbox;
let folder: string;

beforeEach(() => {
  sandbox = enterSandbox();
  folder = mkdtempSync(join(tmpdir(), 'netns-test-'));
});

afterEach(() => {
  sandbox.dispose();
  rmSync(folder, { recursive: true });
});

test('the function runs inside, and the thread is back afterwards', () => {
  const other = sandbox.addNamespace();
  const before = currentNamespace();
  const inside = inNetns(other.path, currentNamespace);
  expect(inside).not.toBe(before);
  expect(currentNamespace()).toBe(before);
});

test('the thread is back after the function has thrown', () => {
  const other = sandbox.addNamespace();
  const before = currentNamespace();
  expect(() =>
    inNetns(other.path, () => {
      throw new Error('inside');
    }),
  ).toThrow('inside');
  expect(currentNamespace()).toBe(before);
});

test('calls may be nested, and leave no descriptor', () => {
  const [first, second] = [sandbox.addNamespace(), sandbox.addNamespace()];
  const before = openDescriptors();
  inNetns(first.path, () => {
    const between = currentNamespace();
    inNetns(second.path, () => expect(currentNamespace()).not.toBe(between));
    expect(currentNamespace()).toBe(between);
  });
  expect(openDescriptors()).toBe(before);
});

test('a file on which no namespace is mounted is told from one that is missing', () => {
  const file = join(folder, 'empty');
  writeFileSync(file, '');
  expect(() => inNetns(file, () => undefined)).toThrowError(
    expect.objectContaining({
      code: 'SOCKET_FAILED',
      evidence: { reason: 'not-a-namespace', path: file },
    }),
  );
  const gone = join(folder, 'gone');
  expect(() => inNetns(gone, () => undefined)).toThrowError(
    expect.objectContaining({ code: 'SOCKET_FAILED', evidence: { reason: 'missing', path: gone } }),
  );
});

test('a namespace of another kind is refused by the kernel, and the thread stays', () => {
  const before = currentNamespace();
  expect(() => inNetns('/proc/self/ns/uts', () => undefined)).toThrow(/setns says EINVAL/);
  expect(currentNamespace()).toBe(before);
});

test('a process that cannot come back dies at once', () => {
  const other = sandbox.addNamespace();
  const script = `
    const fs = require('node:fs');
    const isNamespace = (fd) => {
      try { return fs.readlinkSync('/proc/self/fd/' + fd).startsWith('net:'); } catch { return false; }
    };
    subject.inNetns(${JSON.stringify(other.path)}, () => {
      for (let fd = 3; fd < 100; fd += 1) if (isNamespace(fd)) fs.closeSync(fd);
    });
    console.log('still alive');`;
  const result = runNode('plugin/net/sandbox/netns.ts', script);
  expect(result.signal).toBe('SIGABRT');
  expect(result.stdout).toBe('');
});
