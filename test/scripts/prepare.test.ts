/**
 * Tests scripts/lab/prepare: what it uses again, and what it prints when it is stopped or offline.
 */
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { SmallCheckout } from '../support/pages/small-checkout.ts';

const folder = mkdtempSync(join(tmpdir(), 'vlandhcp-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const step = (small: SmallCheckout, name: string, env = {}) =>
  spawnSync(join(small.folder, 'scripts/lab/prepare'), [name], {
    encoding: 'utf8',
    env: small.env(env),
  });

describe('the plugin folder', () => {
  const small = new SmallCheckout(folder);
  writeFileSync(
    join(small.bin, 'npm'),
    '#!/bin/sh\necho bundle >>notes; mkdir -p dist; echo 1 | tee dist/vlandhcp.cjs >dist/vlandhcp-cli.cjs\n',
    { mode: 0o755 },
  );
  small.program(
    'scripts/build-rootfs',
    '[ "$1" != --fetch ] || { echo fetch >>fetches; exit; }; echo rootfs >>notes; rm -rf build/plugin; mkdir -p build/plugin',
  );
  small.program('scripts/plugin', 'echo pack >>notes; mkdir -p build/plugin.store');
  const notes = () => small.read('notes').trim().split('\n').length;

  it('is used again as long as nothing has changed that it is made of, and that is said', () => {
    const first = step(small, 'plugin');
    expect(first).toMatchObject({ status: 0, stderr: '' });
    expect(first.stdout).toContain('plugin: building dist/vlandhcp.cjs and build/plugin');
    const second = step(small, 'plugin');
    expect(second).toMatchObject({ status: 0, stderr: '' });
    expect(second.stdout).toMatch(/^.* s {2}plugin: build\/plugin is up to date, used again\n$/);
    expect(notes()).toBe(3);
    // Beside the other steps, and only where there is no folder yet.
    expect(small.read('fetches')).toBe('fetch\n');
  });

  it.each([
    ['the source', 'plugin/main.ts'],
    ['the source of the command line', 'cli/main.ts'],
    ['the source of the status page', 'web/main.ts'],
    ['the bundle', 'dist/vlandhcp.cjs'],
    ['the description', 'config.json'],
  ])('is built again when %s has changed', (_what, path) => {
    step(small, 'plugin');
    const before = notes();
    writeFileSync(join(small.folder, path), `${small.read(path)}\n`);
    expect(step(small, 'plugin').stdout).toContain('plugin: building');
    expect(notes()).toBe(before + 3);
  });

  it('is built again when somebody else has put another in its place', () => {
    step(small, 'plugin');
    const before = notes();
    rmSync(join(small.folder, 'build/plugin'), { recursive: true });
    expect(step(small, 'plugin').stdout).toContain('plugin: building');
    expect(notes()).toBe(before + 3);
  });
});

describe('the packages, without a network', { timeout: 240_000 }, () => {
  const offline = (registry: string) => {
    const small = new SmallCheckout(folder);
    const child = spawn(join(small.folder, 'scripts/lab/prepare'), ['modules'], {
      env: small.env({
        npm_config_registry: registry,
        npm_config_cache: join(small.lab, 'npm'),
      }),
    });
    let words = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      words += text;
    });
    child.stdout.resume();
    return once(child, 'close').then(([status]) => ({ status: status as number, words }));
  };
  const REASON =
    /prepare: the package install failed: there is no network, or the network does not lead to the server; is a proxy needed\?\n$/;

  it('a registry that refuses connections is named as a network that leads nowhere', async () => {
    const server = createServer();
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    await once(server.close(), 'close');
    const { status, words } = await offline(`http://127.0.0.1:${String(port)}/`);
    expect(status).toBe(1);
    expect(words).toMatch(REASON);
  });

  // npm by itself tries for much longer than this test may take.
  it('a registry that never answers is given up', async () => {
    const open = new Set<{ destroy: () => void }>();
    const server = createServer((socket) => {
      open.add(socket);
      socket.on('error', () => undefined);
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    try {
      const { port } = server.address() as AddressInfo;
      const { status, words } = await offline(`http://127.0.0.1:${String(port)}/`);
      expect(status).toBe(1);
      expect(words).toMatch(REASON);
    } finally {
      for (const socket of open) socket.destroy();
      server.close();
    }
  });
});

it("the demo's part of the lab runs beside the packages; what it says of a failure comes last", () => {
  const small = new SmallCheckout(folder);
  const trouble = 'setup: the disk is full';
  small.program('scripts/lab/setup', `echo "setup $*"; echo '${trouble}' >&2; exit 1`);
  writeFileSync(join(small.bin, 'npm'), '#!/bin/sh\necho pong\nmkdir -p node_modules\n', {
    mode: 0o755,
  });
  const { status, stdout, stderr } = spawnSync(
    join(small.folder, 'scripts/lab/prepare'),
    ['modules', 'demo'],
    { encoding: 'utf8', env: small.env() },
  );
  expect(stdout).toContain('setup --demo\n');
  expect({ status, stderr }).toEqual({ status: 1, stderr: `${trouble}\n` });
});

const isFilled = (path: string) => existsSync(path) && readFileSync(path, 'utf8') !== '';

describe('stopped by ^C', { timeout: 240_000 }, () => {
  it.each([
    [
      'scripts/lab/prepare',
      ['modules'],
      /prepare: stopped before the end; finished pieces are kept/,
    ],
    ['scripts/demo', [], /demo: FAILED while preparing: it was stopped; scripts\/demo goes on/],
  ] as const)(
    '%s says so, and that the next run goes on from there',
    async (script, args, said) => {
      const small = new SmallCheckout(folder);
      const began = join(small.lab, 'began');
      writeFileSync(
        join(small.bin, 'npm'),
        `#!/bin/sh\necho began | tee '${began}'; exec tail -f /dev/null\n`,
        { mode: 0o755 },
      );
      const besides = join(small.lab, 'setup');
      if (script === 'scripts/demo') {
        writeFileSync(join(small.bin, 'id'), '#!/bin/sh\necho 0\n', { mode: 0o755 });
        small.program('scripts/lab/setup', `echo $$ >'${besides}'; exec tail -f /dev/null`);
      }
      const child = spawn(join(small.folder, script), args, {
        env: small.env(),
        detached: true, // a group of its own, which gets ^C like that of a terminal
      });
      let words = '';
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text: string) => {
          words += text;
        });
      const ended = once(child, 'close');
      const ready = () => [began, ...(script === 'scripts/demo' ? [besides] : [])].every(isFilled);
      await expect.poll(ready, { timeout: 120_000 }).toBe(true);
      process.kill(-(child.pid ?? 0), 'SIGINT');
      const [status] = (await ended) as [number];
      expect(words).toMatch(said);
      expect(status).toBe(130);
      if (script === 'scripts/demo')
        expect(() => process.kill(Number(readFileSync(besides, 'utf8')), 0)).toThrow('ESRCH');
    },
  );
});

describe('a guest kernel that could not be made', () => {
  it('shows the log with the reason, also where other compilers wrote after it', () => {
    const small = new SmallCheckout(folder);
    writeFileSync(
      join(small.bin, 'make'),
      '#!/bin/bash\nfor word; do tree=${tree:-$word}; done\ncase "$*" in\n' +
        ' *defconfig*) grep -E "^CONFIG_.*=y" "$KCONFIG_ALLCONFIG" >"$2/.config" ;;\n' +
        ' *) echo "foo.c:1:2: error: no such thing"; seq 100; exit 2 ;;\nesac\n',
      { mode: 0o755 },
    );
    const { status, stderr } = spawnSync(
      'bash',
      [
        '-c',
        `set -Eeuo pipefail; cd "$0"; . ./common.sh; . ./preflight.sh; . pieces/kernel.sh
         mkdir -p "$LAB/log" "$LAB/tree"; kernel_compile "$LAB/tree"`,
        join(small.folder, 'scripts/lab'),
      ],
      { encoding: 'utf8', env: small.env() },
    );
    expect(status).toBe(1);
    expect(stderr).toContain('  | foo.c:1:2: error: no such thing\n');
    expect(stderr).toContain(join(small.lab, 'log/kernel.log'));
    expect(stderr).toMatch(/the guest kernel could not be made: the compiler failed\n$/);
  });
});

describe('compiling the guest kernel', { timeout: 120_000 }, () => {
  // An earlier run has made one object file. This `make` makes two, waits, and makes the last one.
  it('tells how many files are left, and counts them for the next time', async () => {
    const small = new SmallCheckout(folder);
    writeFileSync(
      join(small.bin, 'make'),
      '#!/bin/bash\ncase "$*" in\n' +
        ' *defconfig*) grep -E "^CONFIG_.*=y" "$KCONFIG_ALLCONFIG" >"$2/.config" ;;\n' +
        ' *) touch "$2/b.o" "$2/sub/c.o"; read <"$2/go-on"; touch "$2/d.o" ;;\nesac\n',
      { mode: 0o755 },
    );
    const child = spawn(
      'bash',
      [
        '-c',
        `set -Eeuo pipefail; cd "$0"; . ./common.sh; . ./preflight.sh; . pieces/kernel.sh
         tree=$LAB/tree; mkdir -p "$LAB/log" "$tree/sub"; touch "$tree/a.o"; mkfifo "$tree/go-on"
         kernel_objects=4 shown_every=1; kernel_compile "$tree"`,
        join(small.folder, 'scripts/lab'),
      ],
      { env: small.env() },
    );
    const ended = once(child, 'close');
    let words = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => {
        words += text;
      });
    const said = /s {2}kernel: compiling, 3 of about 4 files, about \d+ s left, [\d.]+ s so far\n/;
    await expect.poll(() => words, { timeout: 60_000 }).toMatch(said);
    await writeFile(join(small.lab, 'tree/go-on'), '\n');
    expect(await ended).toEqual([0, null]);
    expect(small.read('../lab/stamps/kernel-objects')).toBe('4\n');
    expect(words).not.toContain('linking');
  });
});

describe('the guest of a checkout in a path with a blank', () => {
  // The kernel's part was tried with a real kernel. This is the input for it.
  it.runIf(process.getuid?.() === 0)('gets its paths in quotes, each as one word', () => {
    const small = new SmallCheckout(folder);
    const kernel = join(small.lab, 'linux');
    writeFileSync(
      kernel,
      '#!/bin/bash\nprintf "%s\\n" "$@" >output\nbash ./command >>output\necho 0 >exit-status\n',
      { mode: 0o755 },
    );
    const { status, stdout } = spawnSync(
      join(small.folder, 'scripts/lab/guest'),
      ['-d', join(small.folder, 'shared with it'), '--', 'pwd'],
      {
        encoding: 'utf8',
        cwd: small.folder,
        env: small.env({ VLANDHCP_LAB_KERNEL: 'uml', VLANDHCP_LAB_UML: kernel }),
      },
    );
    const lines = stdout.trim().split('\n');
    expect(lines).toContain(`init="${small.folder}/scripts/lab/guest-init"`);
    expect(lines).toContain(`lab_shared="${small.folder}/shared with it"`);
    expect(lines).toContain('uml_dir=.');
    expect(lines.at(-1)).toBe(small.folder);
    expect(status).toBe(0);
  });
});
