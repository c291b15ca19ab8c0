/**
 * One exchange with servers: its xid, its `secs`, and when to send again (RFC 2131 §4.1, §4.4.1).
 */
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { Env, Exchange, Memory } from './client-types.ts';
import { retransmitDelay } from '../retransmit.ts';

/** After this many exchanges without success, a client in a hurry uses the RFC's times as well. */
const FAST_EXCHANGES = 3;

/** dnsmasq pings for 3 s, one client after the other: 18 s for twelve at once. */
const SLOWEST_REPLY: Ms = 30_000;

/** The same exchange, one message later. */
export function resent(exchange: Exchange, env: Env): Exchange {
  return { ...exchange, attempt: exchange.attempt + 1, secs: elapsedSeconds(exchange, env) };
}

/** Spreads clients that started, lost the link or expired for the same reason: 1 ms to 1 s. */
export function desynchronisingDelay(env: Env): Ms {
  return 1 + Math.floor(env.random() * 1_000);
}

/**
 * The next REQUEST to extend a lease in use. It is an exchange of its own, because a lease counts
 * from the REQUEST that was answered, and these REQUESTs are minutes or hours apart. If a lease
 * counted from the first one, a lease that the server has shortened would seem to have ended, and
 * the old one would seem valid.
 */
export function askedAnew(exchange: Exchange, env: Env): Exchange {
  return { ...newExchange(env), attempt: exchange.attempt + 1 };
}

export function newExchange(env: Env): Exchange {
  return { xid: randomXid(env), startedAt: env.now, secs: 0, attempt: 0 };
}

export function randomXid(env: Env): number {
  return Math.floor(env.random() * 2 ** 32);
}

export function resendAt(memory: Memory, exchange: Exchange, env: Env): Instant {
  const isPatient = memory.failures >= FAST_EXCHANGES;
  const profile = isPatient ? 'rfc2131' : env.config.retransmit;
  return env.now + retransmitDelay(exchange.attempt, profile, env.random);
}

/**
 * When a lease starts to count if an ACK answers a DISCOVER: at the oldest DISCOVER that this ACK
 * may answer. So the client never uses a lease longer than the server grants it. DISCOVERs older
 * than SLOWEST_REPLY are no longer answered. Counting from them would end leases early.
 */
export function committableFrom(before: Instant | undefined, env: Env): Instant {
  return before === undefined || env.now - before > SLOWEST_REPLY ? env.now : before;
}

function elapsedSeconds(exchange: Exchange, env: Env): number {
  return Math.min(Math.floor((env.now - exchange.startedAt) / 1_000), 0xffff);
}
