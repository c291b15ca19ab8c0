import { afterEach, beforeEach, expect, test } from 'vitest';

import { enterSandbox, run, runNode } from '../../support/lab/netns.ts';
import type { Sandbox } from '../../support/lab/netns.ts';

let sandbox: Sandbox;

beforeEach(() => {
  sandbox = enterSandbox();
});

afterEach(() => {
  sandbox.dispose();
});

const SETTING = '/proc/sys/net/ipv6/conf/lo/disable_ipv6';
/**
 * Mounts /proc/sys as runc does for a managed plugin: a read-only bind mount in its own mount
 * namespace.
 */
const withReadOnlyProcSys = (options: string): string[] => [
  'unshare',
  ...options.split(' '),
  'sh',
  '-c',
  'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$0" "$@"',
];

test('a read-only /proc/sys, as in a managed plugin, is made writable first', () => {
  expect(run('cat', [SETTING]).trim()).toBe('0');
  const script = `
    const fs = require('node:fs');
    let before = 'written';
    try { fs.writeFileSync('${SETTING}', '0'); } catch (error) { before = error.code; }
    console.log(before, subject.keepHostOut('lo'));`;
  const result = runNode('plugin/net/sysctl.ts', script, withReadOnlyProcSys('-m'));
  expect(result.stdout).toBe('EROFS undefined\n');
  expect(run('cat', [SETTING]).trim()).toBe('1');
});

test('without the right to do that there is a warning, and no failure', () => {
  const wrap = [
    ...withReadOnlyProcSys('-m'),
    'setpriv',
    '--bounding-set=-sys_admin',
    '--inh-caps=-sys_admin',
  ];
  const result = runNode('plugin/net/sysctl.ts', "console.log(subject.keepHostOut('lo'))", wrap);
  expect(result.stdout).toMatch(
    /^the host may take part in what arrives on lo: ipv6\/conf\/lo\/disable_ipv6, ipv4\/.*EROFS/,
  );
});

test('a link without IPv6 settings needs none', () => {
  const script = "console.log(subject.keepHostOut('nope0'))";
  expect(runNode('plugin/net/sysctl.ts', script).stdout).toBe('undefined\n');
});
