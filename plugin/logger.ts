/**
 * The root logger: JSON lines on standard output. dockerd turns a managed plugin's standard error into
 * error lines, so nothing goes there.
 *
 * Binding names shared by all layers: `network` and `endpoint` (first 12 characters), `link`, `ms`, `err`.
 */
import { pino } from 'pino';
import type { LogLevel } from './settings.ts';

/** What a layer may do with the logger it is given; pino satisfies it. */
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
