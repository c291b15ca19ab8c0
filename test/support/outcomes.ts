/**
 * The table fault × outcome: a hostile VLAN, a careless host, a bad disk. Each test that breaks something fills in a row.
 * The rows of all files lie in the shared folder as lines of JSON; `scripts/test` prints them as one table.
 */
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from 'vitest';

export interface Outcome {
  /** The letter of the section: A to I. */
  readonly section: string;
  /** What was done, in a few words. */
  readonly fault: string;
  /** What was seen, with its numbers; undefined as long as the test has not got that far. */
  seen?: string;
  /** How long it took until all was right again; left out where nothing had to be mended. */
  mendMs?: number;
  /** Links, rules, processes and records beyond those of before; has to be 0. */
  leftovers?: number;
}

const outcomes: Outcome[] = [];
let isRegistered = false;

/**
 * Starts a row. Call it inside a test file's `describe` or `it`; the rows are written when the file is through, also
 * those of tests that failed (with a question mark for what is not known).
 */
export function outcome(section: string, fault: string): Outcome {
  const row: Outcome = { section, fault };
  outcomes.push(row);
  return row;
}

/** To be called once at the top of each test file that fills in rows. */
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
