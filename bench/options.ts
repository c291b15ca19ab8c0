/** What a run may be told by the environment: how much of everything. */

/** A number of rounds, scaled by BENCH_SCALE (default 1; 0.2 to try the harness out). */
export function rounds(usual: number): number {
  return Math.max(3, Math.round(usual * Number(process.env['BENCH_SCALE'] ?? 1)));
}

/** A number of things, scaled likewise. */
export function scaled(usual: number): number {
  return Math.max(10, Math.round(usual * Number(process.env['BENCH_SCALE'] ?? 1)));
}
