/**
 * Starts and stops programs by their own process id, and reads what the kernel knows about them.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

/** The bundle that this process runs. Parts start helpers from the same bundle. */
export const SELF = [process.execPath, process.argv[1] ?? ''] as const;

/** USER_HZ, the unit of /proc/PID/stat. It is 100 on every architecture of the plugin. */
const TICKS_PER_SECOND = 100;

export interface Program {
  readonly pid: number;
  /** The lines of its standard output so far. */
  readonly lines: readonly string[];
  /**
   * Waits for a line that contains these words.
   * @returns the line.
   * @throws if the program ends before.
   */
  said(words: string): Promise<string>;
  stop(signal?: NodeJS.Signals): Promise<void>;
}

export function start(
  [file = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Program {
  const child: ChildProcess = spawn(file, args, {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const ended = once(child, 'close');
  const lines: string[] = [];
  const waiting = new Set<() => void>();
  const look = () => waiting.forEach((wake) => wake());
  if (child.stdout === null || child.pid === undefined) throw new Error(`${file} does not start`);
  createInterface(child.stdout).on('line', (line) => {
    lines.push(line);
    look();
  });
  child.on('close', look);
  return {
    pid: child.pid,
    lines,
    async said(words) {
      for (;;) {
        const line = lines.find((line) => line.includes(words));
        if (line !== undefined) return line;
        if (child.exitCode !== null || child.signalCode !== null) {
          throw new Error(`${file} ${args.join(' ')} ended: ${lines.slice(-3).join(' | ')}`);
        }
        await new Promise<void>((resolve) => waiting.add(resolve));
      }
    },
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal);
      await ended;
    },
  };
}

/**
 * @returns MB. `rss`: all resident pages. `pss`: shared pages counted by share. `own`: only pages
 * that no file backs.
 */
export function memoryOf(pid: number): { rss: number; pss: number; own: number } {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
  const mb = (field: string) =>
    Number(new RegExp(`^${field}: +(\\d+) kB`, 'm').exec(text)?.[1]) / 1024;
  return { rss: mb('Rss'), pss: mb('Pss'), own: mb('Pss_Anon') };
}

export interface Spent {
  readonly user: number;
  /** Inside the kernel, on behalf of the process. */
  readonly system: number;
}

/** Seconds of processor time, with ended children: the plugin starts `ip` and iptables. */
export function cpuSecondsOf(pid: number): number {
  const { user, system } = cpuTimesOf(pid);
  return user + system;
}

/** As `cpuSecondsOf`, divided by who spent it. */
export function cpuTimesOf(pid: number): Spent {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  // The fields after the name, because a name may contain blanks. State is field 3, utime to cstime
  // are 14 to 17.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  const seconds = (...places: readonly number[]) =>
    places.reduce((sum, place) => sum + Number(fields[place]), 0) / TICKS_PER_SECOND;
  return { user: seconds(11, 13), system: seconds(12, 14) };
}
