import { describe, expect, it } from 'vitest';
import { duration, durationOf, localTime, sinceOf, timeLeft } from '../../../cli/views/times.ts';

const NOON = new Date(2026, 10, 28, 12).getTime();
const local = (...parts: [number, number, number, number, number]) => new Date(...parts).toISOString(); // prettier-ignore

describe('times', () => {
  it.each([
    [0, '0 s'],
    [119_000, '119 s'],
    [120_000, '2 min'],
    [7_140_000, '119 min'],
    [7_200_000, '2 h'],
    [259_200_000, '3 d'],
  ])('%i ms are %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });

  it.each([
    ['10m', new Date(NOON - 600_000).toISOString()],
    ['3d', new Date(NOON - 3 * 86_400_000).toISOString()],
    ['03:00', local(2026, 10, 28, 3, 0)],
    ['23:30', local(2026, 10, 27, 23, 30)],
    ['2026-11-28T03:00:00Z', '2026-11-28T03:00:00.000Z'],
    ['4711', '4711'],
    ['0', '0'],
    ['0s', new Date(NOON).toISOString()],
    ['2026-11-28', local(2026, 10, 28, 0, 0)],
    ['2026-11-28 03:00:12', new Date(2026, 10, 28, 3, 0, 12).toISOString()],
    ['2026-11-28T03:00+05:30', '2026-11-27T21:30:00.000Z'],
    ['2030-01-01T00:00:00Z', '2030-01-01T00:00:00.000Z'],
    ['800000d', '1970-01-01T00:00:00.000Z'],
    ['999999999999999999d', '1970-01-01T00:00:00.000Z'],
  ])('--since %s', (words, expected) => {
    expect(sinceOf(words, NOON)).toBe(expected);
  });

  it.each(['-5', '-5m', '', ' ', '24:00', '3:60', '2026-13-01', '10y', '1e3', '1.5h', '٣'])(
    '--since %j is refused',
    (words) => expect(() => sinceOf(words, NOON)).toThrow(/^--since .* is not a duration/),
  );

  it('a duration that no timer of Node has is refused, which would end at once', () => {
    expect(durationOf('--for', '24d')).toBe(24 * 86_400_000);
    expect(() => durationOf('--for', '25d')).toThrow('--for 25d is longer than 24d');
  });

  it('what is left, and what is no time', () => {
    expect(timeLeft(undefined, NOON)).toBe('');
    expect(timeLeft('infinite', NOON)).toBe('infinite');
    expect(timeLeft(new Date(NOON).toISOString(), NOON)).toBe('over');
    expect(localTime('unknown')).toBe('unknown');
    expect(localTime(local(2026, 0, 2, 3, 4))).toBe('2026-01-02 03:04:00');
  });
});
