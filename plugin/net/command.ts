/**
 * Runs one of the system's own programs; the only file that starts a process asynchronously.
 *
 * The environment is minimal and in English, because error texts are read by `ip.ts`.
 */
import { execa } from 'execa';

import { PluginError } from '../errors.ts';
import type { Ms } from '../time.ts';

/** What child processes see, whatever this process was started with. */
export const COMMAND_ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LC_ALL: 'C',
};

/** `ip` takes milliseconds; a machine that needs longer than this has stopped working. */
const DEFAULT_TIMEOUT_MS: Ms = 10_000;

export interface CommandOptions {
  /** Text for the program's standard input. */
  readonly input?: string;
  readonly timeoutMs?: Ms;
  readonly signal?: AbortSignal;
}

export interface CommandOutput {
  readonly stdout: string;
  readonly stderr: string;
}

/** What a failed command leaves in `PluginError.evidence`. */
export interface CommandEvidence {
  readonly command: string;
  /** undefined: it never ran, or a signal ended it. */
  readonly exitCode: number | undefined;
  readonly stderr: string;
  /** The program is not installed. */
  readonly missing: boolean;
  readonly [more: string]: unknown;
}

/**
 * The output of a program that ended with status 0.
 * @throws PluginError IP_COMMAND_FAILED for any other end, with CommandEvidence; CANCELLED if `signal`
 * ended it.
 */
export async function runCommand(
  file: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<CommandOutput> {
  const result = await execa(file, args, {
    env: COMMAND_ENVIRONMENT,
    extendEnv: false,
    reject: false,
    stripFinalNewline: false,
    timeout: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    ...(options.input === undefined ? { stdin: 'ignore' as const } : { input: options.input }),
    ...(options.signal === undefined ? {} : { cancelSignal: options.signal }),
  });
  if (!result.failed) return { stdout: result.stdout, stderr: result.stderr };
  const evidence: CommandEvidence = {
    command: [file, ...args].join(' '),
    exitCode: result.exitCode,
    stderr: result.stderr,
    missing: result.code === 'ENOENT',
    ...(options.input === undefined ? {} : { input: options.input }),
  };
  if (result.isCanceled) {
    throw new PluginError('CANCELLED', `"${evidence.command}" was cancelled`, { evidence });
  }
  const seen = result.stderr.trim().replaceAll('\n', '; ');
  throw new PluginError(
    'IP_COMMAND_FAILED',
    `"${evidence.command}" failed: ${seen === '' ? (result.originalMessage ?? 'no message') : seen}`,
    { cause: result.cause, evidence },
  );
}

/** The evidence of a command that ran and failed; undefined for every other error. */
export function commandEvidence(error: unknown): CommandEvidence | undefined {
  if (!(error instanceof PluginError) || error.code !== 'IP_COMMAND_FAILED') return undefined;
  return error.evidence as CommandEvidence;
}
