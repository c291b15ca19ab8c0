/**
 * One conversation with servers: its xid, its `secs`, and when to say the same thing again (RFC 2131
 * §4.1, §4.4.1).
 */
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { Env, Exchange, Memory } from './client-types.ts';
import { retransmitDelay } from '../retransmit.ts';

/** After so many exchanges in vain, a client in a hurry keeps to the RFC's pace as well. */
const FAST_EXCHANGES = 3;

/** dnsmasq asks by ping for 3 s, client after client: 18 s for twelve at once. */
const SLOWEST_REPLY: Ms = 30_000;

/** The same exchange, one message later. */
export function resent(exchange: Exchange, env: Env): Exchange {
  return { ...exchange, attempt: exchange.attempt + 1, secs: elapsedSeconds(exchange, env) };
}

/** Spreads clients that were started, cut off or expired by one cause: 1 ms to 1 s. */
export function desynchronisingDelay(env: Env): Ms {
  return 1 + Math.floor(env.random() * 1_000);
}

/**
 * The next REQUEST to extend a lease in use, an exchange of its own: a lease counts from the REQUEST that was
 * answered, and these are minutes or hours apart. Counted from the first of them, a lease that the server has made
 * shorter would seem over, and the old one still valid.
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
 * From when a lease counts that an ACK to a DISCOVER brings: the oldest DISCOVER that this ACK may answer,
 * since a lease must never be believed in for longer than the server does. Older ones than this are not
 * answered any more; counting from them would end leases early.
 */
export function committableFrom(before: Instant | undefined, env: Env): Instant {
  return before === undefined || env.now - before > SLOWEST_REPLY ? env.now : before;
}

function elapsedSeconds(exchange: Exchange, env: Env): number {
  return Math.min(Math.floor((env.now - exchange.startedAt) / 1_000), 0xffff);
}
