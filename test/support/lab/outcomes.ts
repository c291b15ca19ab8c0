/**
 * The table of outcomes: what a hostile VLAN, a careless host and a bad disk do, each mode on each
 * kind of parent, and each option with each server. Each such test adds a row. The rows of all
 * files are lines of JSON in the shared folder. `scripts/test` prints them as one table.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from 'vitest';

export interface Outcome {
  /** The letter of the section: A to I; `modes`, `IPv6` and `options` for the matrices of those. */
  readonly section: string;
  /** What was done, in a few words. */
  readonly fault: string;
  /** What was seen, with its numbers; undefined until the test has seen it. */
  seen?: string;
  /** How long it took until everything worked again; left out if nothing had to be repaired. */
  mendMs?: number;
  /** Links, rules, processes and records that were not there before; must be 0. */
  leftovers?: number;
}

const outcomes: Outcome[] = [];
let isRegistered = false;

/**
 * Starts a row. Call it inside a test file's `describe` or `it`. The rows are written when the file
 * ends, also those of failed tests. A question mark stands for what is not known.
 */
export function outcome(section: string, fault: string): Outcome {
  const row: Outcome = { section, fault };
  outcomes.push(row);
  return row;
}

/** Call it once at the top of each test file that adds rows. */
export function recordOutcomes(): void {
  if (isRegistered) return;
  isRegistered = true;
  afterAll(() => {
    isRegistered = false;
    const lines = outcomes.splice(0).map((row) => `${JSON.stringify(row)}\n`);
    const share = process.env['LAB_SHARE'];
    if (share === undefined) process.stdout.write(lines.join(''));
    else appendFileSync(join(share, 'outcomes'), lines.join(''));
  });
}
