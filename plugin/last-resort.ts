/**
 * Handles errors that nothing else caught (D17). The process goes on, because it keeps the leases
 * of every container on this host. dockerd does not restart a managed plugin that dies twice.
 * Expected failures are caught elsewhere: a call in `api/server.ts`, a client in
 * `leasing/lease-service.ts`, a timer in `clock.ts`. So an error that comes here is a defect, and
 * is logged as one.
 */
import type { Logger } from './logger.ts';
import type { Instant, Ms } from './vocabulary/time.ts';

const REPORT_IT =
  'an error that nobody caught; the plugin goes on, please report it with this line of the log';
/** If the same error comes again within this time, it is counted and not logged. */
const QUIET_FOR: Ms = 60_000;
/** How many different errors are remembered. Beyond that the oldest is forgotten. */
const REMEMBERED = 100;

interface Emitter {
  on(event: 'uncaughtException' | 'unhandledRejection', listener: (err: unknown) => void): unknown;
}

export function surviveUncaughtErrors(
  emitter: Emitter,
  log: () => Logger,
  now: () => Instant,
): void {
  const seen = new Map<string, { count: number; toldAt: Instant }>();
  const tell = (err: unknown): void => {
    const what = err instanceof Error ? (err.stack ?? err.message) : String(err);
    const known = seen.get(what) ?? { count: 0, toldAt: -Infinity };
    known.count += 1;
    seen.set(what, known);
    if (seen.size > REMEMBERED) for (const [oldest] of [...seen].slice(0, 1)) seen.delete(oldest);
    if (now() - known.toldAt < QUIET_FOR) return;
    known.toldAt = now();
    log().error({ err, count: known.count }, REPORT_IT);
  };
  emitter.on('uncaughtException', tell);
  emitter.on('unhandledRejection', tell);
}
