// RFC 9915 §15 with the numbers of §7.6.
import { describe, expect, it } from 'vitest';
import { maxRtOf, renewalTiming, timeoutAfter, TIMING } from '../../../plugin/dhcp6/retransmit.ts';
import { seededRandom } from '../../support/time/seeded-random.ts';

it('has the numbers of §7.6', () => {
  expect(
    Object.entries(TIMING).map(([name, { initial, longest, mostSends }]) => [
      name,
      ...[initial / 1_000, longest / 1_000, mostSends],
    ]),
  ).toEqual([
    ['SOLICIT', 1, 3600, Infinity],
    ['REQUEST', 1, 30, 10],
    ['CONFIRM', 1, 4, Infinity],
    ['RENEW', 10, 600, Infinity],
    ['REBIND', 10, 600, Infinity],
    ['RELEASE', 1, Infinity, 4],
    ['DECLINE', 1, Infinity, 4],
    ['INFORMATION-REQUEST', 1, 3600, Infinity],
  ]);
});

describe('a time-out', () => {
  const all = (previous: number | undefined, isLater = false): readonly number[] => {
    const random = seededRandom(1);
    return Array.from({ length: 2_000 }, () =>
      timeoutAfter(TIMING.REQUEST, previous, random, isLater),
    );
  };

  it('is the first one, ±10 %', () => {
    expect(Math.min(...all(undefined))).toBeLessThan(910);
    expect(Math.min(...all(undefined))).toBeGreaterThanOrEqual(900);
    expect(Math.max(...all(undefined))).toBeGreaterThan(1_090);
    expect(Math.max(...all(undefined))).toBeLessThanOrEqual(1_100);
  });

  it('of the first SOLICIT is strictly later than 1 s (§18.2.1)', () => {
    expect(Math.min(...all(undefined, true))).toBeGreaterThan(1_000);
    expect(Math.max(...all(undefined, true))).toBeLessThanOrEqual(1_100);
    expect(timeoutAfter(TIMING.SOLICIT, undefined, () => 1 - 2 ** -32, true)).toBe(1_001);
  });

  it('is twice the one before, ±10 % of it', () => {
    expect(Math.min(...all(4_000))).toBeGreaterThanOrEqual(7_600);
    expect(Math.max(...all(4_000))).toBeLessThanOrEqual(8_400);
  });

  it('is at most the longest, ±10 %', () => {
    expect(Math.min(...all(29_000))).toBeGreaterThanOrEqual(27_000);
    expect(Math.max(...all(29_000))).toBeLessThanOrEqual(33_000);
  });
});

it.each([
  [59, undefined],
  [60, 60_000],
  [86_400, 86_400_000],
  [86_401, undefined],
])('a maximum of %i s counts as %s (§21.24)', (seconds, expected) => {
  expect(maxRtOf(seconds)).toBe(expected);
});

it.each([
  [3_600_000, 10_000],
  [160_000, 10_000],
  [80_000, 5_000],
  [10_000, 1_000],
])('RENEW of an address that is valid for %i ms is sent again after %i ms', (shortest, initial) => {
  expect(renewalTiming('RENEW', shortest).initial).toBe(initial);
});
