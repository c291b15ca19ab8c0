/**
 * Runs one of the system's own programs. This is the only file that starts a process
 * asynchronously.
 *
 * The environment is minimal and in English, because `ip.ts` reads error texts.
 *
 * If a program cannot be started (EMFILE, ENFILE, ENOMEM, EAGAIN, ENOENT), only this call fails.
 * Node reports this in two ways: it throws some reasons at once, and sends others as an event.
 * `execFile` listens for that event in every case.
 */
import { execFile, type ExecFileException } from 'node:child_process';

import { PluginError } from '../vocabulary/errors.ts';
import type { Ms } from '../vocabulary/time.ts';

/** The environment of child processes. It does not depend on the environment of this process. */
const COMMAND_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
};

/** `ip` takes milliseconds. A machine that needs longer than this has stopped working. */
const DEFAULT_TIMEOUT_MS: Ms = 10_000;
/** Room for thousands of links, at 1 KB each. */
const LONGEST_OUTPUT_BYTES = 100 * 1024 * 1024;

export interface CommandOptions {
  /** Text for the program's standard input. */
  readonly input?: string;
  readonly timeoutMs?: Ms;
  /** In place of the minimal one, for what it names. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface CommandOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** What a failed command leaves in `PluginError.evidence`. */
export interface CommandEvidence {
  readonly command: string;
  /** Undefined if the program never ran, or if a signal ended it. */
  readonly exitCode: number | undefined;
  readonly stderr: string;
  /** True if the program is not installed. */
  readonly missing: boolean;
  readonly [more: string]: unknown;
}

/**
 * Returns the output of a program that ended with status 0.
 * @throws PluginError IP_COMMAND_FAILED with CommandEvidence if the program ended in another way.
 * CANCELLED if `signal` ended it.
 */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandOutput> {
  const { error, stdout, stderr } = await run(file, args, options);
  if (error === undefined) return { stdout, stderr };
  const evidence: CommandEvidence = {
    command: [file, ...args].join(' '),
    exitCode: typeof error.code === 'number' ? error.code : undefined,
    stderr,
    missing: error.code === 'ENOENT',
    ...(options.input === undefined ? {} : { input: options.input }),
  };
  if (error.name === 'AbortError') {
    throw new PluginError('CANCELLED', `"${evidence.command}" was cancelled`, { evidence });
  }
  const seen = stderr.trim().replaceAll('\n', '; ');
  throw new PluginError(
    'IP_COMMAND_FAILED',
    `"${evidence.command}" failed: ${seen === '' ? reasonOf(error) : seen}`,
    { cause: error, evidence },
  );
}

interface Ended {
  readonly error: ExecFileException | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

function run(file: string, args: readonly string[], options: CommandOptions): Promise<Ended> {
  const settings = {
    env: { ...COMMAND_ENVIRONMENT, ...options.environment },
    encoding: 'utf8',
    timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    maxBuffer: LONGEST_OUTPUT_BYTES,
    signal: options.signal,
  } as const;
  return new Promise((resolve) => {
    try {
      const child = execFile(file, args, settings, (error, stdout, stderr) => {
        resolve({ error: error ?? undefined, stdout, stderr });
      });
      // A program may end without reading its input. Only its status decides whether it failed.
      child.stdin?.on('error', () => undefined).end(options.input);
    } catch (error) {
      resolve({ error: error as ExecFileException, stdout: '', stderr: '' });
    }
  });
}

/** The reason if the program printed none. */
function reasonOf({ killed, signal, code, message }: ExecFileException): string {
  if (killed === true) return 'it took too long and was ended';
  if (typeof signal === 'string') return `it was ended by ${signal}`;
  return typeof code === 'number' ? `it ended with status ${code}` : message;
}

/** The evidence of a failed command. Undefined for every other error. */
export function commandEvidence(error: unknown): CommandEvidence | undefined {
  if (!(error instanceof PluginError) || error.code !== 'IP_COMMAND_FAILED') return undefined;
  return error.evidence as CommandEvidence;
}
