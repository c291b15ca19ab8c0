/**
 * Runs the compared ways in turn, round by round. So a busy moment of the machine affects all of
 * them. A way that fails loses only its own rows.
 */
import { rounds } from '../options.ts';
import type { PartReport, RowHead } from './result.ts';

/** One of the compared ways. */
export interface Way {
  readonly rows: readonly RowHead[];
  /** @returns one number for each row. */
  readonly run: () => Promise<readonly number[]>;
}

export interface Times {
  readonly warmUps: number;
  readonly rounds: number;
}

/** A way with one row. */
export function way(name: string, unit: string, run: () => Promise<number>): Way {
  return { rows: [{ name, unit }], run: async () => [await run()] };
}

/** @returns the time in milliseconds. */
export async function timed(run: () => Promise<unknown>): Promise<number> {
  const before = performance.now();
  await run();
  return performance.now() - before;
}

/** @param usual the number of counted rounds, before BENCH_SCALE. */
export const warmed = (usual: number, warmUps = 2): Times => ({ warmUps, rounds: rounds(usual) });

export async function inTurn(
  ways: readonly Way[],
  times: Times,
  report: PartReport,
): Promise<void> {
  for (const { rows } of ways) for (const { name, unit } of rows) report.row(name, unit);
  const left = new Set(ways);
  for (let round = -times.warmUps; round < times.rounds; round += 1) {
    for (const one of left) {
      try {
        const figures = await one.run();
        if (figures.length !== one.rows.length || figures.some(Number.isNaN))
          throw new Error(`${one.rows.length} figures were expected, got ${figures.join(' ')}`);
        if (round < 0) continue;
        figures.forEach((figure, index) => {
          const row = one.rows[index];
          if (row !== undefined) report.sample(row.name, row.unit, figure);
        });
      } catch (error) {
        left.delete(one);
        failed(one.rows, error, report);
      }
    }
  }
}

/** Writes into each row why it has no samples. */
export function failed(rows: readonly RowHead[], error: unknown, report: PartReport): void {
  for (const { name, unit } of rows) report.failed(name, unit, reasonOf(error));
}

/** The reason in one line. */
function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.trim().replace(/\s*\n\s*/g, ' | ') || 'no reason was given';
}
