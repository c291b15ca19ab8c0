/** How a client that failed is ended, and how long it is until it is started again: longer each time. */
import type { Logger } from '../logger.ts';
import type { Instant, Ms } from '../vocabulary/time.ts';

const FIRST_WAIT: Ms = 1_000;
const LONGEST_WAIT: Ms = 300_000;
/** One that has run for so long has nothing to do with the failure before. */
const FORGOTTEN_AFTER: Ms = 3_600_000;

const FAILED =
  'dhcp client failed; it is started again, and the container keeps its address meanwhile';

export interface Failures {
  readonly count: number;
  readonly lastAt: Instant;
}

interface Failing {
  readonly follower: { cancel(): void } | undefined;
  readonly watch: { stop(): void };
  readonly runner: { stop(): void };
  readonly log: Logger;
  failures: Failures | undefined;
}

/** Ends it, counts and tells. @returns how long to wait before it is started again. */
export function endFailed(client: Failing, err: unknown, now: Instant): Ms {
  silence(client);
  const { failures: before, log } = client;
  const isRecent = before !== undefined && now - before.lastAt < FORGOTTEN_AFTER;
  const count = isRecent ? before.count + 1 : 1;
  client.failures = { count, lastAt: now };
  const againMs = Math.min(FIRST_WAIT * 2 ** (count - 1), LONGEST_WAIT);
  log.error({ err, failures: count, againMs }, FAILED);
  return againMs;
}

/** No socket, no timer, no word: each part, whatever becomes of the others. */
function silence({ follower, watch, runner, log }: Failing): void {
  for (const end of [() => follower?.cancel(), () => watch.stop(), () => runner.stop()]) {
    try {
      end();
    } catch (err) {
      log.debug({ err }, 'part of a failed dhcp client not ended');
    }
  }
}
