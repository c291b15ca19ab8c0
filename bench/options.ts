/** The settings of a run that come from the environment. */

/**
 * A number of rounds, scaled by BENCH_SCALE (default 1). With 0.2 a run quickly tries out the
 * benchmark.
 */
export function rounds(usual: number): number {
  return Math.max(3, Math.round(usual * Number(process.env['BENCH_SCALE'] ?? 1)));
}

/** A number of objects, scaled by BENCH_SCALE. */
export function scaled(usual: number): number {
  return Math.max(10, Math.round(usual * Number(process.env['BENCH_SCALE'] ?? 1)));
}
