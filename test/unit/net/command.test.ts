import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildSync } from 'esbuild';
import { describe, expect, it } from 'vitest';
import { PluginError } from '../../../plugin/vocabulary/errors.ts';
import { commandEvidence, runCommand } from '../../../plugin/net/command.ts';

async function failure(work: Promise<unknown>): Promise<PluginError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof PluginError) return error;
  throw new Error('it did not fail as it should', { cause: error });
}

describe('runCommand', () => {
  it('gives out what was printed, and the program what it is to read', async () => {
    const { stdout, stderr } = await runCommand('sh', ['-c', 'cat; echo oh >&2'], { input: 'in' });
    expect({ stdout, stderr }).toEqual({ stdout: 'in', stderr: 'oh\n' });
  });

  it('a program that reads nothing of its input is judged by its status', async () => {
    await runCommand('true', [], { input: 'x'.repeat(1_000_000) });
  });

  it('runs in English and with nothing of our environment', async () => {
    const { stdout } = await runCommand('env', []);
    expect(stdout.trim().split('\n').sort()).toEqual(['LC_ALL=C', expect.stringMatching(/^PATH=/)]);
  });

  it('tells status and words of a program that fails', async () => {
    const error = await failure(runCommand('sh', ['-c', 'echo no >&2; echo way >&2; exit 3']));
    expect(error.code).toBe('IP_COMMAND_FAILED');
    expect(error.message).toBe('"sh -c echo no >&2; echo way >&2; exit 3" failed: no; way');
    expect(commandEvidence(error)).toMatchObject({ exitCode: 3, stderr: 'no\nway\n' });
  });

  it('one without words: its status', async () => {
    expect((await failure(runCommand('false', []))).message).toBe(
      '"false" failed: it ended with status 1',
    );
  });

  it('one that is not installed is told apart', async () => {
    const error = await failure(runCommand('no-such-program', []));
    expect(commandEvidence(error)).toMatchObject({ missing: true, exitCode: undefined });
  });

  it('one that takes too long is ended', async () => {
    const error = await failure(runCommand('sleep', ['100'], { timeoutMs: 20 }));
    expect(error.message).toBe('"sleep 100" failed: it took too long and was ended');
  });

  it('one that is cancelled', async () => {
    const signal = AbortSignal.timeout(20);
    expect((await failure(runCommand('sleep', ['100'], { signal }))).code).toBe('CANCELLED');
    expect((await failure(runCommand('sleep', ['100'], { signal }))).code).toBe('CANCELLED');
  });

  it('without a descriptor left: that call fails, the process lives, the next call works (D17)', () => {
    const folder = mkdtempSync(join(tmpdir(), 'vlandhcp-command-'));
    try {
      const outfile = join(folder, 'command.cjs');
      const entry = fileURLToPath(new URL('../../../plugin/net/command.ts', import.meta.url));
      buildSync({ entryPoints: [entry], bundle: true, platform: 'node', format: 'cjs', outfile });
      const script = `
        const { openSync, closeSync } = require('node:fs');
        const { runCommand } = require(${JSON.stringify(outfile)});
        const free = [];
        const said = () => runCommand('true', [], { input: 'x' }).then(() => 'ok', (error) => error.message);
        (async () => {
          try { for (;;) free.push(openSync('/dev/null')); } catch {}
          for (let left = 0; left < 9; left += 1) {
            console.log(await said());
            closeSync(free.pop());
          }
          for (const fd of free) closeSync(fd);
          console.log(await said());
        })();`;
      const args = ['--nofile=64:64', process.execPath, '-e', script];
      const { stdout, stderr, status } = spawnSync('prlimit', args, { encoding: 'utf8' });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const lines = stdout.trim().split('\n');
      expect(lines).toHaveLength(10);
      expect(lines[0]).toBe('"true" failed: spawn true EMFILE');
      expect(lines.at(-1)).toBe('ok');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
