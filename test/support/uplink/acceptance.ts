/**
 * The table "uplink acceptance": what the uplink must show, the attacks that it must stop, and bad
 * days. `acceptance-rows.json` has the rows. The test that proves a row says here what it saw.
 * `scripts/results/acceptance.mjs` prints the table from the reports of a run.
 */
import { TestRunner } from 'vitest';
import rows from './acceptance-rows.json' with { type: 'json' };

/** What a test leaves in the report of vitest. */
interface Proof {
  readonly key: string;
  readonly seen: string;
  readonly figure: string;
}

declare module '@vitest/runner' {
  interface TaskMeta {
    proves?: Proof[];
  }
}

/**
 * Call it at the end of a test. The row counts only if that test passes.
 * @param figure a time, or a number with what it counts.
 * @throws Error if there is no row of that key, or no test runs.
 */
export function proves(key: string, seen: string, figure = '-'): void {
  const test = TestRunner.getCurrentTest();
  if (test === undefined) throw new Error(`no test runs that could prove ${key}`);
  if (!rows.some((row) => row.key === key)) {
    throw new Error(`there is no row ${key}; add it to test/support/uplink/acceptance-rows.json`);
  }
  (test.meta.proves ??= []).push({ key, seen, figure });
}

/** The time since that moment of `performance.now()`, to show. */
export function secondsSince(from: number): string {
  return `${((performance.now() - from) / 1000).toFixed(1)} s`;
}
