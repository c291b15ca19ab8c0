/** Words and tables for the commands of hub and uplink. */
import { PluginError } from '../../vocabulary/errors.ts';
import { formatVlans } from '../vlan-list.ts';

/** What a command may do with the terminal. */
export interface Terminal {
  /** Writes a line to standard output. */
  readonly print: (text: string) => void;
  /** Asks for a line that is not shown, or reads one from standard input. */
  readonly readSecret: (question: string) => Promise<string>;
  readonly now: () => number;
  readonly exit: (code: number) => void;
}

const UNITS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** `90s`, `30m`, `1h`, `1d`. @throws PluginError INVALID_OPTION. */
export function parseDuration(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,5})([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * (UNITS[unit] ?? 0);
  if (ms > 0) return ms;
  throw new PluginError('INVALID_OPTION', `${text} is no time; write it as 30m, 1h or 1d`);
}

/** `2 s`, `5 min`, `3 h`, `4 d`. */
export function ago(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}

export function vlanWords(vlans: readonly number[]): string {
  return vlans.length === 0 ? 'no VLAN' : formatVlans(vlans);
}

/** Time of day for today, else date and time; in the time zone of this process. */
export function clockTime(at: number, now: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const [date, today] = [new Date(at), new Date(now)];
  const time = `${two(date.getHours())}:${two(date.getMinutes())}`;
  const isToday = date.toDateString() === today.toDateString();
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  return isToday ? time : `${day} ${time}`;
}

/** `2026-11-28 03:00:12`, in the time zone of this process. A text that is no time stays. */
export function localTime(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return iso;
  const two = (value: number) => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}

/** Columns as wide as their widest cell. */
export function columns(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, at) => (widths[at] = Math.max(widths[at] ?? 0, cell.length)));
  }
  return rows
    .map((row) =>
      row
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('   ')
        .trimEnd(),
    )
    .join('\n');
}
