/**
 * Makes an event of each log line that needs an operator: level warn, error and fatal. The lines
 * themselves stay as they are.
 */
import type { Logger } from '../../logger.ts';

export interface TroubleEvent {
  readonly type: 'trouble';
  readonly level: 'warn' | 'error' | 'fatal';
  readonly message: string;
  /** The first 12 characters of Docker's IDs, and the MAC, where the line has them. */
  readonly network?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly mac?: string | undefined;
  /** All others. */
  readonly fields: Readonly<Record<string, unknown>>;
}

/** A line can carry what a server or a kernel said. One event must not grow without a limit. */
const LONGEST_TEXT = 300;

export function withTroubleEvents(
  log: Logger,
  emit: (event: TroubleEvent) => void,
  bound: object = {},
): Logger {
  const told =
    (level: 'warn' | 'error' | 'fatal') =>
    (fields: object, message: string): void => {
      log[level](fields, message);
      const { network, endpoint, mac, ...others } = plain({ ...bound, ...fields });
      const whose = { network: text(network), endpoint: text(endpoint), mac: text(mac) };
      emit({ type: 'trouble', level, message, ...whose, fields: others });
    };
  return {
    debug: (fields, message) => log.debug(fields, message),
    info: (fields, message) => log.info(fields, message),
    warn: told('warn'),
    error: told('error'),
    fatal: told('fatal'),
    child: (bindings) => withTroubleEvents(log.child(bindings), emit, { ...bound, ...bindings }),
  };
}

function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function plain(fields: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, short(value)]));
}

function short(value: unknown): unknown {
  if (value === undefined || value === null || typeof value === 'number') return value;
  if (typeof value === 'boolean') return value;
  const text =
    value instanceof Error
      ? value.message
      : typeof value === 'string'
        ? value
        : (JSON.stringify(value) ?? typeof value);
  return text.length > LONGEST_TEXT ? `${text.slice(0, LONGEST_TEXT)}…` : text;
}
