/** A logger that keeps its lines. */
import type { Logger } from '../../../plugin/logger.ts';

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error' | 'fatal';
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

export class MemoryLogger implements Logger {
  readonly lines: LogLine[];
  readonly #bindings: Record<string, string>;

  constructor(lines: LogLine[] = [], bindings: Record<string, string> = {}) {
    this.lines = lines;
    this.#bindings = bindings;
  }

  debug(fields: object, message: string): void {
    this.#add('debug', fields, message);
  }
  info(fields: object, message: string): void {
    this.#add('info', fields, message);
  }
  warn(fields: object, message: string): void {
    this.#add('warn', fields, message);
  }
  error(fields: object, message: string): void {
    this.#add('error', fields, message);
  }
  fatal(fields: object, message: string): void {
    this.#add('fatal', fields, message);
  }

  child(bindings: Record<string, string>): Logger {
    return new MemoryLogger(this.lines, { ...this.#bindings, ...bindings });
  }

  messages(level: LogLine['level']): string[] {
    return this.lines.filter((line) => line.level === level).map(({ message }) => message);
  }

  #add(level: LogLine['level'], fields: object, message: string): void {
    this.lines.push({ level, message, fields: { ...this.#bindings, ...fields } });
  }
}
