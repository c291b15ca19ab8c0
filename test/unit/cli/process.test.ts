/**
 * The command line as a process, against a plugin that dies, cuts its answers or says nothing: one
 * sentence and an exit status, and no stack of ours.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, openSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { leaseEntry } from '../../support/fakes/lease-entries.ts';
import { root } from '../../support/pages/readme.ts';

const folder = mkdtempSync(join(tmpdir(), 'vlandhcp-cli-process-'));
const program = join(folder, 'cli.cjs');
const socketPath = join(folder, 'admin.sock');
const HEAD = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n';
const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const whole = (body: object) => `${HEAD}${chunk(JSON.stringify(body))}0\r\n\r\n`;
const LEASES = whole({ leases: [leaseEntry()], history: [] });

let server: Server | undefined;

beforeAll(() => {
  buildSync({
    ...{ entryPoints: [join(root, 'cli/main.ts')], outfile: program, bundle: true },
    ...{ platform: 'node', target: 'node20.19', format: 'cjs', logLevel: 'warning' },
    define: { VLANDHCP_VERSION: '"0.1.0"' },
  });
});
afterEach(async () => {
  server?.close();
  if (server?.listening === true) await once(server, 'close');
});
afterAll(() => rmSync(folder, { recursive: true }));

/** A plugin that does this with each request. */
async function plugin(answer: (socket: Socket, path: string) => void): Promise<void> {
  server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', (head) => answer(socket, String(head).split(' ')[1] ?? ''));
  });
  server.listen(socketPath);
  await once(server, 'listening');
}

/** Its PATH has no `docker`. @param out a file for standard output. */
function type(line: string, { out }: { out?: string } = {}) {
  const child = spawn(process.execPath, [program, ...line.split(' ')], {
    env: { PATH: folder, VLANDHCP_SOCKET: socketPath },
    stdio: ['ignore', out === undefined ? 'pipe' : openSync(out, 'w'), 'pipe'],
  });
  let [printed, failure] = ['', ''];
  child.stdout?.on('data', (part) => (printed += String(part)));
  child.stderr?.on('data', (part) => (failure += String(part)));
  const ended = once(child, 'close').then(([status]) => ({
    status: status as number | null,
    printed,
    failure: failure.replaceAll(socketPath, 'SOCKET'),
  }));
  return { child, ended };
}

describe('a plugin that ends while it answers', () => {
  const SENTENCE =
    /^vlandhcp: the plugin ended while it answered: [^\n]+; type the command again when it is back\n$/;

  it.each([
    'leases',
    'lease 10.50.0.23',
    'metrics',
    'events',
    'events --follow',
    'renew 10.50.0.23',
  ])('%s: one sentence', async (line) => {
    await plugin((socket) => socket.write(HEAD + chunk('{"leases":[{"ne'), () => socket.destroy()));
    const { status, failure } = await type(line).ended;
    expect([status, failure]).toEqual([1, expect.stringMatching(SENTENCE)]);
  });

  it.each(['probe --parent eth1', 'trace 10.50.0.23'])(
    '%s in the middle: one sentence',
    async (line) => {
      await plugin((socket, path) => {
        if (path.startsWith('/v1/leases')) return void socket.end(LEASES);
        socket.write(HEAD + chunk('{"asked":1,"of'), () => socket.destroy());
      });
      const { status, failure } = await type(line).ended;
      expect([status, failure]).toEqual([1, expect.stringMatching(SENTENCE)]);
    },
  );

  it('an answer that is no JSON is none', async () => {
    await plugin((socket) => socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{"leases":['));
    const { status, failure } = await type('leases').ended;
    expect([status, failure]).toEqual([1, expect.stringMatching(SENTENCE)]);
  });
});

describe('^C', () => {
  /** Asked, and without an answer. */
  async function interrupted(line: string, first: string) {
    const asked = new Promise<void>((resolve) => {
      void plugin((socket) => {
        if (first !== '') socket.write(first);
        resolve();
      });
    });
    const { child, ended } = type(line);
    await asked;
    child.kill('SIGINT');
    return ended;
  }

  it('ends a probe, and says so', async () => {
    const first = HEAD + chunk('{"asked":1,"of":9}\n');
    expect(await interrupted('probe --parent eth1', first)).toEqual({
      ...{ status: 1, printed: '' },
      failure: 'vlandhcp: the probe was stopped before it was over\n',
    });
  });

  it('ends a command that waits for a plugin that does not answer', async () => {
    expect(await interrupted('leases', '')).toEqual({ status: 130, printed: '', failure: '' });
  });

  it('ends a command that follows as it is meant to end', async () => {
    expect(await interrupted('events --follow', HEAD)).toEqual({ status: 0, printed: '', failure: '' }); // prettier-ignore
  });
});

describe('standard output', () => {
  const event = (id: number) => `${JSON.stringify({ id, at: '2026-11-28T03:00:00.000Z', type: 'plugin.started', version: 'x' })}\n`; // prettier-ignore

  it('on a full disk is a failure', async () => {
    await plugin((socket) => socket.end(LEASES));
    expect(await type('leases --json', { out: '/dev/full' }).ended).toMatchObject({
      status: 1,
      failure: expect.stringMatching(
        /^vlandhcp: standard output was not written: ENOSPC/,
      ) as string,
    });
  });

  it('that is closed, as `| head` does, ends the command without a word', async () => {
    await plugin((socket) => {
      socket.write(HEAD);
      for (let id = 1; id <= 3_000; id += 1) socket.write(chunk(event(id)));
    });
    const { child, ended } = type('events --follow');
    await once(child.stdout!, 'data');
    child.stdout?.destroy();
    expect(await ended).toMatchObject({ status: 0, failure: '' });
  });
});
