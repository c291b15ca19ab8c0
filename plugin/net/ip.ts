/**
 * Runs `ip` of iproute2. Reads by its JSON output, changes by one batch for each purpose, and says
 * what its error texts mean.
 */
import { PluginError } from '../vocabulary/errors.ts';
import { commandEvidence, runCommand } from './command.ts';

/**
 * Returns what `ip -j ARGS` prints. Returns an empty list if `ip` prints nothing.
 * @throws PluginError IP_COMMAND_FAILED
 */
export async function ipJson(args: readonly string[]): Promise<readonly unknown[]> {
  const { stdout } = await runCommand('ip', ['-j', ...args]);
  return decodeIpJson(stdout, args);
}

/**
 * Parses the output of `ip -j`. For a filtered entry `ip` prints an empty object. It is left out.
 */
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
 * Runs the lines in one `ip` process. `ip` stops at the first line that fails. `failedLine` finds
 * that line by `input` and `stderr` of the error.
 * @throws PluginError IP_COMMAND_FAILED
 */
export async function ipBatch(lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  await runCommand('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/**
 * Returns which line of a batch failed, counted from 1. The lines before it were done. Undefined if
 * `ip` did not say.
 */
export function failedLine(error: unknown): number | undefined {
  const found = /Command failed -:(\d+)/.exec(commandEvidence(error)?.stderr ?? '');
  return found === null ? undefined : Number(found[1]);
}

/** True if `ip` failed because the object that it should make exists. */
export function isAlreadyThere(error: unknown): boolean {
  return saidByIp(error, /File exists|already exists/);
}

/** True if `ip` failed because the object that it should change or remove does not exist. */
export function isAlreadyGone(error: unknown): boolean {
  return saidByIp(error, /does not exist|Cannot find device|No such device/);
}

/** True if `ip` failed because the kernel lacks that kind of link, or that property. */
export function isNotSupported(error: unknown): boolean {
  return saidByIp(error, /Unknown device type|Operation not supported|Protocol not supported/);
}

/** True if the kernel gives the frames of the link below to something else. */
export function isTaken(error: unknown): boolean {
  return saidByIp(error, /busy|Invalid argument/);
}

function saidByIp(error: unknown, pattern: RegExp): boolean {
  const evidence = commandEvidence(error);
  return evidence !== undefined && pattern.test(evidence.stderr);
}
