import { describe, expect, it } from 'vitest';
import {
  declineDelay,
  earlyResendAt,
  failureDelay,
  renewalResendAt,
  retransmitDelay,
} from '../../../plugin/dhcp4/retransmit.ts';

const ALMOST_ONE = 1 - Number.EPSILON;

describe('retransmitDelay', () => {
  it.each([
    [0, 3_000, 5_000],
    [1, 7_000, 9_000],
    [2, 15_000, 17_000],
    [3, 31_000, 33_000],
    [4, 63_000, 65_000],
    [5, 63_000, 65_000],
    [1_000, 63_000, 65_000],
  ])('is 4 s doubled to 64 s, ±1 s (RFC 2131 §4.1): attempt %i', (attempt, least, most) => {
    expect(retransmitDelay(attempt, 'rfc2131', () => 0)).toBe(least);
    expect(retransmitDelay(attempt, 'rfc2131', () => ALMOST_ONE)).toBe(most);
  });

  it.each([
    [0, 750, 1_250],
    [1, 1_500, 2_500],
    [2, 3_000, 5_000],
    [3, 7_000, 9_000],
    [7, 63_000, 65_000],
  ])('begins with 1 s while a container waits: attempt %i', (attempt, least, most) => {
    expect(retransmitDelay(attempt, 'container-start', () => 0)).toBe(least);
    expect(retransmitDelay(attempt, 'container-start', () => ALMOST_ONE)).toBe(most);
  });
});

describe('renewalResendAt', () => {
  it.each([
    [1_000_000, 500_000],
    [120_001, 60_001],
    [120_000, 60_000],
    [119_999, 60_000],
    [1_000, 60_000],
  ])('is half the time left, at least 60 s (RFC 2131 §4.4.5): %i ms left', (left, delay) => {
    expect(renewalResendAt(5, 5 + left, 3_600_000)).toBe(5 + delay);
  });

  it.each([
    [5_000, 1_875, 1_000],
    [16_000, 1_000, 1_000],
    [120_000, 10_000, 7_500],
    [120_000, 40_000, 20_000],
    [960_000, 60_000, 60_000],
    [Infinity, 60_000, 60_000],
  ])('of a lease of %i ms at least a 16th, between 1 s and 60 s', (duration, left, delay) => {
    expect(renewalResendAt(5, 5 + left, duration)).toBe(5 + delay);
  });
});

describe('earlyResendAt', () => {
  it('is 4 s doubled to an hour, ±1 s', () => {
    const least = [0, 1, 9, 10, 1_000].map((attempt) => earlyResendAt(5, attempt, () => 0));
    expect(least).toEqual([3_005, 7_005, 2_047_005, 3_599_005, 3_599_005]);
    expect(earlyResendAt(5, 0, () => ALMOST_ONE)).toBe(5_005);
  });
});

describe('failureDelay', () => {
  it('doubles up to a minute', () => {
    expect([0, 1, 5, 6, 50].map((count) => failureDelay(count, true))).toEqual([
      1_000, 2_000, 32_000, 60_000, 60_000,
    ]);
  });

  it('is short for the first failures on the way to a lease', () => {
    expect([0, 1, 9, 10].map((count) => failureDelay(count, false))).toEqual([
      100, 200, 51_200, 60_000,
    ]);
  });
});

describe('declineDelay', () => {
  it('is 10 s (RFC 2131 §3.1 step 5), and a minute from 10 conflicts on (RFC 5227 §2.1.1)', () => {
    expect([1, 9, 10].map(declineDelay)).toEqual([10_000, 10_000, 60_000]);
  });
});
