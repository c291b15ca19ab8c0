/**
 * Summarizes a row of samples. Uses medians, because other work on the machine spoils a mean. The
 * spread goes from the 10th to the 90th percentile. Ratios of interleaved runs get an interval by
 * resampling.
 */
import { seededRandom } from '../../test/support/time/seeded-random.ts';

export interface Summary {
  readonly n: number;
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
}

export interface Ratio {
  /** The median of one row divided by the median of the other. */
  readonly ratio: number;
  /** 95 % of the resampled ratios are between `low` and `high`. */
  readonly low: number;
  readonly high: number;
}

/** Enough for two stable digits. It takes only a moment. */
const RESAMPLES = 2000;

/**
 * @param share 0 to 1. Between two samples the result is interpolated.
 * @throws RangeError for an empty list.
 */
export function percentile(samples: readonly number[], share: number): number {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = share * (sorted.length - 1);
  const below = sorted[Math.floor(at)];
  const above = sorted[Math.ceil(at)];
  if (below === undefined || above === undefined) throw new RangeError('no samples');
  return below + (above - below) * (at - Math.floor(at));
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5);
}

export function summarize(samples: readonly number[]): Summary {
  const at = (share: number) => percentile(samples, share);
  return { n: samples.length, median: at(0.5), p10: at(0.1), p90: at(0.9) };
}

/**
 * Compares two variants that ran in turn. Both runs of a round had the same conditions. So rounds
 * are resampled as pairs.
 * @param seed makes the interval repeatable.
 * @throws RangeError if the lists differ in length or are empty.
 */
export function pairedRatio(of: readonly number[], to: readonly number[], seed = 1): Ratio {
  if (of.length !== to.length) throw new RangeError(`${of.length} runs against ${to.length}`);
  const random = seededRandom(seed);
  const ratios = Array.from({ length: RESAMPLES }, () => {
    const rounds = of.map(() => Math.floor(random() * of.length));
    const pick = (samples: readonly number[]) =>
      rounds.flatMap((round) => samples.slice(round, round + 1));
    return median(pick(of)) / median(pick(to));
  });
  return {
    ratio: median(of) / median(to),
    low: percentile(ratios, 0.025),
    high: percentile(ratios, 0.975),
  };
}
