/**
 * The root logger: JSON lines on standard output. dockerd logs a managed plugin's standard error as
 * errors, so nothing is written there.
 *
 * All layers use the same binding names: `network` and `endpoint` (first 12 characters), `link`,
 * `ms`, `err`.
 */
import { pino } from 'pino';
import type { LogLevel } from './settings.ts';

/** The part of the logger that a layer may use. pino satisfies it. */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  fatal(fields: object, message: string): void;
  child(bindings: Record<string, string>): Logger;
}

export function createLogger(level: LogLevel): Logger {
  return pino({
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
  });
}
