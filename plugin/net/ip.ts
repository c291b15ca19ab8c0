/**
 * iproute2's `ip`: reading through JSON, changing through one batch per purpose, and what its error
 * texts mean.
 */
import { PluginError } from '../vocabulary/errors.ts';
import { commandEvidence, runCommand } from './command.ts';

/**
 * What `ip -j ARGS` prints; an empty list when it prints nothing.
 * @throws PluginError IP_COMMAND_FAILED
 */
export async function ipJson(args: readonly string[]): Promise<readonly unknown[]> {
  const { stdout } = await runCommand('ip', ['-j', ...args]);
  return decodeIpJson(stdout, args);
}

/** Parses the output of `ip -j`; the empty objects it prints for filtered entries are left out. */
export function decodeIpJson(text: string, args: readonly string[]): readonly unknown[] {
  if (text.trim() === '') return [];
  const command = `ip -j ${args.join(' ')}`;
  let value: unknown;
  try {
    value = JSON.parse(text) as unknown;
  } catch (cause) {
    throw new PluginError('IP_COMMAND_FAILED', `"${command}" printed no JSON`, {
      cause,
      evidence: { command, stdout: text },
    });
  }
  if (!Array.isArray(value)) {
    throw new PluginError('IP_COMMAND_FAILED', `"${command}" printed no list`, {
      evidence: { command, stdout: text },
    });
  }
  return value.filter(
    (entry: unknown) =>
      typeof entry !== 'object' || entry === null || Object.keys(entry).length > 0,
  );
}

/**
 * Runs the lines in one `ip` process; it stops at the first one that fails, and the error's `input`
 * and `stderr` say which that was: see `failedLine`.
 * @throws PluginError IP_COMMAND_FAILED
 */
export async function ipBatch(lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  await runCommand('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** Which line of a batch failed, from 1; those before it were done. Undefined if `ip` did not say. */
export function failedLine(error: unknown): number | undefined {
  const found = /Command failed -:(\d+)/.exec(commandEvidence(error)?.stderr ?? '');
  return found === null ? undefined : Number(found[1]);
}

/** True if `ip` failed because what it should make exists. */
export function isAlreadyThere(error: unknown): boolean {
  return saidByIp(error, /File exists|already exists/);
}

/** True if `ip` failed because what it should change or remove does not exist. */
export function isAlreadyGone(error: unknown): boolean {
  return saidByIp(error, /does not exist|Cannot find device|No such device/);
}

/** True if `ip` failed because the kernel lacks the kind of link, or the property, asked for. */
export function isNotSupported(error: unknown): boolean {
  return saidByIp(error, /Unknown device type|Operation not supported|Protocol not supported/);
}

function saidByIp(error: unknown, pattern: RegExp): boolean {
  const evidence = commandEvidence(error);
  return evidence !== undefined && pattern.test(evidence.stderr);
}
