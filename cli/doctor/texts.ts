/** Texts that programs and files of the host give. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';

const PROGRAM_LIMITS = { timeout: 5_000, maxBuffer: 64_000_000 };

/** What the program prints. Undefined if it is missing or fails. */
export function printed(file: string, ...args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile(file, args, PROGRAM_LIMITS, (error, stdout) => resolve(error ? undefined : stdout));
  });
}

/** Empty if the file cannot be read. */
export function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
