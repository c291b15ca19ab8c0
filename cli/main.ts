/**
 * `docker vlandhcp`: the operator's commands. `docker-vlandhcp` starts it, with the path of the
 * admin socket in the environment. Only this file acts on import.
 */
import { constants, release as kernelRelease } from 'node:os';
import { CommanderError } from 'commander';
import { dim, red, yellow } from 'yoctocolors';
import { AdminClient } from './admin-client.ts';
import type { Surroundings } from './commands/surroundings.ts';
import { runDocker } from './docker.ts';
import { CommandError, EXIT } from './errors.ts';
import { cleanLines, escapeC1 } from './views/table.ts';
import { makeProgram } from './program.ts';

/** The bundler fills this in from package.json. */
declare const VLANDHCP_VERSION: string;

/** Of the service, when this program is started without `docker-vlandhcp`. */
const SERVICE_SOCKET = '/run/docker/plugins/vlandhcp/admin.sock';

/** A command that follows has time to close its file. */
const ENDS_WITHIN_MS = 500;

async function main(): Promise<void> {
  const { env, stdout } = process;
  const ended = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => {
      ended.abort();
      // A command that only asks does not look at it.
      setTimeout(() => process.exit(128 + constants.signals[signal]), ENDS_WITHIN_MS).unref();
    });
  }
  stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    // `| head` closes it, and wants no more.
    if (code === 'EPIPE') process.exit(EXIT.ok);
    fail(`standard output was not written: ${message}`);
    process.exit();
  });
  const isTerminal = stdout.isTTY;
  const plain = (text: string) => text;
  const socket = env['VLANDHCP_SOCKET'] ?? SERVICE_SOCKET;
  const surroundings: Surroundings = {
    ...{ admin: new AdminClient(socket), socket, plugin: env['VLANDHCP_MANAGED'] },
    docker: runDocker,
    colors: isTerminal ? { red, yellow, dim } : { red: plain, yellow: plain, dim: plain },
    print: (text) => void stdout.write(`${escapeC1(text)}\n`),
    tell: (text) => void (process.stderr.isTTY && process.stderr.write(text)),
    write: (bytes) => void stdout.write(bytes),
    warn: (text) => void process.stderr.write(`vlandhcp: ${cleanLines(text)}\n`),
    ...{ isTerminal, now: () => Date.now(), answerWithinMs: 10_000, ended: ended.signal },
    ...{ version: VLANDHCP_VERSION, kernel: kernelRelease() },
  };
  const program = makeProgram({
    surroundings: () => surroundings,
    name: env['VLANDHCP_CALLED_AS'] ?? 'vlandhcp',
    version: VLANDHCP_VERSION,
    exit: (code) => (process.exitCode = code),
  });
  for (const command of [program, ...program.commands]) command.exitOverride();
  try {
    await program.parseAsync(process.argv);
  } catch (error) {
    // commander has printed help, the version, or what was typed wrong.
    if (error instanceof CommanderError) process.exitCode = error.exitCode;
    else if (error instanceof CommandError) fail(error.message);
    else fail(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
}

function fail(text: string): void {
  process.stderr.write(`vlandhcp: ${cleanLines(text)}\n`);
  process.exitCode = EXIT.failed;
}

void main();
