/** Times for people. */
import { CommandError } from '../errors.ts';

const UNITS = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** Node ends a longer timer at once. */
const LONGEST_TIMER = 2 ** 31 - 1;

/** `2026-11-28 03:00:12`, by the clock of this host. */
export function localTime(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const two = (value: number) => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}

/** `40 s`, `12 min`, `3 h`, `5 d`: as coarse as people think. */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  return hours < 72 ? `${hours} h` : `${Math.round(hours / 24)} d`;
}

/** @param option for the error. @returns milliseconds. @throws CommandError. */
export function durationOf(option: string, words: string): number {
  const parts = /^(\d{1,6})([smhd])$/.exec(words);
  if (parts === null)
    throw new CommandError(`${option} ${words} is not a duration, such as 10s or 2m`);
  const ms = Number(parts[1]) * UNITS[parts[2] as keyof typeof UNITS];
  if (ms > LONGEST_TIMER) throw new CommandError(`${option} ${words} is longer than 24d`);
  return ms;
}

/** How long until then: `3 h`, or `over`. */
export function timeLeft(iso: string | undefined, now: number): string {
  if (iso === undefined) return '';
  if (iso === 'infinite') return iso;
  const at = Date.parse(iso);
  if (Number.isNaN(at)) return iso;
  return at <= now ? 'over' : duration(at - now);
}

/**
 * @param words `10m`, an ISO time, a time of the last 24 h such as `03:00`, or the number of an
 * event.
 * @returns what the admin API takes.
 */
export function sinceOf(words: string, now: number): string {
  const ago = /^(\d+)([smhd])$/.exec(words);
  if (ago !== null) {
    const [, count, unit] = ago as unknown as [string, string, keyof typeof UNITS];
    // Before 1970 no clock of ours has been, and no year before 0 has four digits.
    return new Date(Math.max(0, now - Number(count) * UNITS[unit])).toISOString();
  }
  if (/^\d{1,15}$/.test(words)) return words;
  const clock = /^([01]?\d|2[0-3]):([0-5]\d)$/.exec(words);
  if (clock !== null) {
    const today = new Date(now);
    today.setHours(Number(clock[1]), Number(clock[2]), 0, 0);
    // At one in the morning, 23:00 is of the day before.
    if (today.getTime() > now) today.setDate(today.getDate() - 1);
    return today.toISOString();
  }
  // A day alone would be one of UTC, and a time with it one of this host.
  const whole = /^\d{4}-\d\d-\d\d$/.test(words) ? `${words}T00:00` : words;
  const at = /^\d{4}-\d\d-\d\d/.test(whole) ? Date.parse(whole) : NaN;
  if (!Number.isNaN(at)) return new Date(at).toISOString();
  throw new CommandError(
    `--since ${words} is not a duration (10m, 2h, 3d), a time (03:00, 2026-11-28, 2026-11-28T03:00) or the number of an event`,
  );
}
