/**
 * Ends a client that failed, and says when it is started again. The wait grows with each failure.
 */
import type { Logger } from '../logger.ts';
import type { Instant, Ms } from '../vocabulary/time.ts';

const FIRST_WAIT: Ms = 1_000;
const LONGEST_WAIT: Ms = 300_000;
/** A client that ran this long without a failure starts to count again. */
const FORGOTTEN_AFTER: Ms = 3_600_000;

const FAILED =
  'dhcp client failed; it is started again, and the container keeps its address meanwhile';

export interface Failures {
  readonly count: number;
  readonly lastAt: Instant;
}

interface Failing {
  readonly follower: { cancel(): void } | undefined;
  readonly ipv4:
    { readonly watch: { stop(): void }; readonly runner: { stop(): void } } | undefined;
  readonly log: Logger;
  failures: Failures | undefined;
}

/**
 * Ends the client, counts the failure and logs it.
 * @returns how long to wait before it is started again.
 */
export function endFailed(client: Failing, err: unknown, now: Instant): Ms {
  silence(client);
  const { failures, againMs } = failedAgain(client.failures, now);
  client.failures = failures;
  client.log.error({ err, failures: failures.count, againMs }, FAILED);
  return againMs;
}

/** Counts one more failure. @returns also how long to wait before the next start. */
export function failedAgain(
  before: Failures | undefined,
  now: Instant,
): { readonly failures: Failures; readonly againMs: Ms } {
  const isRecent = before !== undefined && now - before.lastAt < FORGOTTEN_AFTER;
  const count = isRecent ? before.count + 1 : 1;
  const againMs = Math.min(FIRST_WAIT * 2 ** (count - 1), LONGEST_WAIT);
  return { failures: { count, lastAt: now }, againMs };
}

/**
 * Ends all parts of the client: no socket, no timer and no callback stays. If one part fails, the
 * others are ended all the same.
 */
function silence({ follower, ipv4, log }: Failing): void {
  const parts = [() => follower?.cancel(), () => ipv4?.watch.stop(), () => ipv4?.runner.stop()];
  for (const end of parts) {
    try {
      end();
    } catch (err) {
      log.debug({ err }, 'part of a failed dhcp client could not be ended');
    }
  }
}
