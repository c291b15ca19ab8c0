import { describe, expect, it } from 'vitest';
import { median, pairedRatio, percentile, summarize } from '../../../bench/figures/statistics.ts';

describe('percentile', () => {
  it.each([
    [[7], 0.5, 7],
    [[3, 1, 2], 0, 1],
    [[3, 1, 2], 1, 3],
    [[3, 1, 2], 0.5, 2],
    [[4, 1, 2, 3], 0.5, 2.5],
    [[10, 0], 0.9, 9],
  ])('of %j at %d is %d', (samples, share, expected) => {
    expect(percentile(samples, share)).toBeCloseTo(expected);
  });

  it('refuses an empty list rather than make up a number', () => {
    expect(() => median([])).toThrow(RangeError);
  });

  it('leaves the samples in their order: rounds stay pairs', () => {
    const samples = [3, 1, 2];
    summarize(samples);
    expect(samples).toEqual([3, 1, 2]);
  });
});

describe('summarize', () => {
  it('tells number, median and spread', () => {
    expect(summarize([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11])).toEqual({
      n: 11,
      median: 6,
      p10: 2,
      p90: 10,
    });
  });
});

describe('pairedRatio', () => {
  it('of a variant to itself is 1 and certain', () => {
    expect(pairedRatio([1, 5, 2], [1, 5, 2])).toEqual({ ratio: 1, low: 1, high: 1 });
  });

  it('is certain where each round shows the same ratio, however much rounds differ', () => {
    const of = [10, 20, 40, 80, 160];
    const { ratio, low, high } = pairedRatio(
      of,
      of.map((ms) => ms / 2),
    );
    expect([ratio, low, high]).toEqual([2, 2, 2]);
  });

  it('lies within its interval, which is the same for the same seed', () => {
    const of = [11, 9, 12, 10, 13, 8, 30];
    const to = [10, 10, 9, 11, 10, 12, 9];
    const first = pairedRatio(of, to, 7);
    expect(first.low).toBeLessThanOrEqual(first.ratio);
    expect(first.high).toBeGreaterThanOrEqual(first.ratio);
    expect(pairedRatio(of, to, 7)).toEqual(first);
  });

  it('refuses rows of different length', () => {
    expect(() => pairedRatio([1], [1, 2])).toThrow(RangeError);
  });
});
