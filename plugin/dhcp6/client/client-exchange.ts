/** One exchange with servers: its xid, its elapsed time, and when to send again (RFC 9915 §15). */
import type { Instant, Ms } from '../../vocabulary/time.ts';
import { timeoutAfter, type Timing } from '../retransmit.ts';
import type { Exchange } from './client-types.ts';

/** What an exchange needs of its surroundings. */
interface Surroundings {
  readonly now: Instant;
  readonly random: () => number;
}

/** A server that is slower does not answer any more: the client has sent again. */
const SLOWEST_REPLY: Ms = 30_000;

/** An exchange whose first message is sent at `at`. */
export function exchangeFrom(at: Instant, { random }: Surroundings): Exchange {
  return {
    xid: Math.floor(random() * 2 ** 24),
    startedAt: at,
    ...{ answerable: [], sends: 0, timeout: 0, resendAt: at },
  };
}

/**
 * The exchange after its next message was sent.
 * @param isLater see `timeoutAfter`.
 */
export function sent(
  exchange: Exchange,
  timing: Timing,
  { now, random }: Surroundings,
  isLater = false,
): Exchange {
  const isFirst = exchange.sends === 0;
  const timeout = timeoutAfter(timing, isFirst ? undefined : exchange.timeout, random, isLater);
  return {
    xid: exchange.xid,
    startedAt: isFirst ? now : exchange.startedAt,
    answerable: [...exchange.answerable.filter((at) => now - at <= SLOWEST_REPLY), now],
    sends: exchange.sends + 1,
    timeout,
    resendAt: now + timeout,
  };
}

/**
 * When a lease starts to count: at the oldest message that its REPLY may answer. So the client
 * never uses an address longer than the server grants it.
 */
export function countsFrom(exchange: Exchange, now: Instant): Instant {
  return exchange.answerable[0] ?? now;
}

/** Option 8: hundredths of a second, at most all ones (RFC 9915 §21.9). */
export function elapsedOf(exchange: Exchange, now: Instant): number {
  if (exchange.sends === 0) return 0;
  return Math.min(Math.floor((now - exchange.startedAt) / 10), 0xffff);
}
