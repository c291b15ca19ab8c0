/** Datagrams through `ssh`, over jump hosts if they are named (U3). */
import { execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import type { DatagramStream, StreamEvents } from './datagram-stream.ts';
import { PrefaceReader } from './framing.ts';
import { passOverPipes } from './pipe-stream.ts';
import { sshArguments } from './ssh-way.ts';

/** Of what `ssh` says the beginning is kept: the first line tells why. */
const SAID_KEPT = 1_000;
/** What the other processes of a chain of jumps say after it, and what is no trouble. */
const ECHOES = /UNKNOWN port|kex_exchange_identification|^Warning: Permanently added/;

/** @param env see `sshEnvironment`. */
export function openSsh(via: string, events: StreamEvents, env: Environment): DatagramStream {
  // A session of its own: `ssh` must not ask on a terminal, and its jumps end with it.
  const child = spawn('ssh', [...sshArguments(via)], {
    ...{ detached: true, stdio: ['pipe', 'pipe', 'pipe'], env },
  });
  let why: string | undefined;
  let said = '';
  let isEnded = false;
  const kill = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended.
    }
  };
  const end = (text: string): void => {
    if (isEnded) return;
    isEnded = true;
    kill();
    events.ended(text);
  };
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = `${said}${text}`.slice(0, SAID_KEPT);
  });
  child.on('error', (error: NodeJS.ErrnoException) =>
    end(
      error.code === 'ENOENT'
        ? 'the program ssh is not installed; install openssh-client'
        : error.message,
    ),
  );
  // After its pipes have been read to their end, so that its words are complete.
  child.on('close', (code) => end(why ?? (lastWords(said) || `ssh ended (${code ?? 'killed'})`)));
  const preface = new PrefaceReader();
  let isOpen = false;
  const stream = passOverPipes(
    { input: child.stdout, output: child.stdin },
    events.datagram,
    (text) => {
      // `ssh` itself knows better why its pipes ended.
      if (!text.startsWith('the other end closed')) why ??= text;
      if (why !== undefined) kill();
      else child.stdin.destroy();
    },
    (chunk) => {
      const rest = preface.take(chunk);
      if (rest !== undefined && !isOpen) {
        isOpen = true;
        events.opened();
      }
      return rest;
    },
  );
  return { send: stream.send, close: () => end('closed here') };
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** What `ssh` reads, its agent and tickets. What else the service knows is not for its children. */
const OF_SSH = /^(PATH|HOME|USER|LOGNAME|LANG|LC_.+|SSH_.+|KRB5.+|XDG_RUNTIME_DIR|DISPLAY)$/;

/**
 * The environment of the service without its secrets (HTTP_TOKEN, a proxy with a password) and
 * without NOTIFY_SOCKET: `SendEnv` in the settings of `ssh` could send them to the other host.
 */
export function sshEnvironment(of: Environment): Environment {
  return Object.fromEntries(Object.entries(of).filter(([name]) => OF_SSH.test(name)));
}

const ASKED_WITHIN_MS = 5_000;

/**
 * The host name or address that the settings of `ssh` have for a host. It needs no network.
 * @param env see `sshEnvironment`.
 */
export async function sshHostName(host: string, env: Environment): Promise<string> {
  const words = ['-G', '--', host];
  const said = await promisify(execFile)('ssh', words, {
    ...{ timeout: ASKED_WITHIN_MS, env },
  });
  return /^hostname (\S+)$/m.exec(said.stdout)?.[1] ?? host;
}

/** One line, and nothing that a terminal would obey. */
function lastWords(text: string): string {
  const lines = text.split(/\r?\n/).map((line) => line.replace(/[^\x20-\x7e]/g, '?').trim());
  const told = lines.filter((line) => line !== '' && !ECHOES.test(line)).slice(0, 3);
  return told.length === 0 ? '' : `ssh says: ${told.join(' / ')}`;
}
