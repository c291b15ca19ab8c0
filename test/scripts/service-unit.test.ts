/**
 * Tests what scripts/vlandhcp.service checks before it starts the plugin. A shell runs the check,
 * as under systemd.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { root } from '../support/pages/readme.ts';

const APP = '/usr/local/lib/vlandhcp/vlandhcp.cjs';
const unit = readFileSync(join(root, 'scripts/vlandhcp.service'), 'utf8').replace(/\\\n/g, ' ');
const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  engines: { node: string };
};
const folder = mkdtempSync(join(tmpdir(), 'vlandhcp-'));
const app = join(folder, 'vlandhcp.cjs');

beforeAll(() => {
  mkdirSync(join(folder, 'bin'));
  for (const name of ['sort', 'head', 'printf']) {
    const path = execFileSync('which', [name], { encoding: 'utf8' }).trim();
    symlinkSync(path, join(folder, 'bin', name));
  }
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/**
 * The command of the unit without systemd's own escapes. It looks for the app in a folder of the
 * test.
 */
function check(): { status: number | null; stdout: string; stderr: string } {
  const [, text] = /^ExecStart=\/bin\/sh -c '([^']*)'$/m.exec(unit) ?? [];
  if (text === undefined) throw new Error('the unit starts no shell');
  const script = text.replace(/\$\$/g, '$').replace(/%%/g, '%').replace(/\\\\/g, '\\');
  const { status, stdout, stderr } = spawnSync('/bin/sh', ['-c', script.replaceAll(APP, app)], {
    env: { PATH: join(folder, 'bin') },
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}
/** A node of that version. Started with the plugin, it prints its arguments. */
const nodeIs = (version: string) => {
  const text = `#!/bin/sh\n[ "$1" = -p ] && echo ${version} || echo "$@"\n`;
  writeFileSync(join(folder, 'bin/node'), text, { mode: 0o755 });
};

it('says that the app is missing, how it is made, and is not tried again', () => {
  const { status, stderr } = check();
  expect(status).toBe(78);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(stderr).toContain('is missing; make it in a checkout: npm ci && scripts/build-rootfs');
  expect(unit).toMatch(/^RestartPreventExitStatus=78$/m);
});

it('says that Node is missing', () => {
  writeFileSync(app, '');
  expect(check()).toEqual({
    status: 78,
    stdout: '',
    stderr: `node is missing in PATH=${join(folder, 'bin')}; install Node 20.19 or newer\n`,
  });
});

it.each(['18.19.0', '20.9.0', '20.18.3', '9.11.2'])('refuses Node %s by its version', (version) => {
  nodeIs(version);
  expect(check()).toEqual({
    status: 78,
    stdout: '',
    stderr: `Node ${version} is too old; install Node 20.19 or newer\n`,
  });
});

it('says that Node does not run', () => {
  writeFileSync(join(folder, 'bin/node'), '#!/bin/sh\nexit 126\n', { mode: 0o755 });
  expect(check()).toEqual({
    status: 78,
    stdout: '',
    stderr: 'node does not run; install Node 20.19 or newer\n',
  });
});

it.each(['20.19.0', '20.20.2', '22.0.0', '24.11.1', '100.0.0'])(
  'starts with Node %s',
  (version) => {
    nodeIs(version);
    expect(check()).toEqual({ status: 0, stdout: `--optimize-for-size ${app}\n`, stderr: '' });
  },
);

it('wants the Node that package.json wants', () => {
  expect(engines.node).toBe('>=20.19');
});

it('logs as vlandhcp, and names pages that the app brings along', () => {
  expect(unit).toMatch(/^SyslogIdentifier=vlandhcp$/m);
  const [, pages = ''] = /^Documentation=(.*)$/m.exec(unit) ?? [];
  expect(pages.split(' ').length).toBeGreaterThan(1);
  for (const page of pages.split(' ')) {
    const path = page.replace('file:/usr/local/lib/vlandhcp/', '');
    expect(readFileSync(join(root, path), 'utf8')).not.toBe('');
  }
  expect(readFileSync(join(root, 'scripts/build-rootfs'), 'utf8')).toContain('"$out/docs"');
});
