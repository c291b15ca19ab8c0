/**
 * The REQUESTs that extend a lease in use: RENEWING from T1 on, REBINDING from T2 on (RFC 2131
 * §4.4.5). If no server answers, this is reported once in each state, so that a dead server is
 * noticed before addresses are lost.
 */
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { Lease } from '../../vocabulary/lease.ts';
import { broadcast, serverOf } from './client-effects.ts';
import { askedAnew, newExchange } from './client-exchange.ts';
import type { Effect, Env, Exchange, Memory, StateOf, Step } from './client-types.ts';
import { buildRebindingRequest, buildRenewingRequest } from '../requests.ts';
import { earlyResendAt, renewalResendAt } from '../retransmit.ts';

/**
 * A running server answers a REQUEST within this time. At most half of the time until T2 is used.
 */
const SILENCE_TOLD_AFTER: Ms = 10_000;

export function enterRenewing(memory: Memory, lease: Lease, env: Env): Step {
  const tellAt = env.now + Math.min(SILENCE_TOLD_AFTER, (lease.t2At - env.now) / 2);
  return sendRenewingRequest(memory, lease, newExchange(env), tellAt, env);
}

/** Sends the next REQUEST to the same server, and reports a missing answer if that is due. */
export function renewAgain(state: StateOf<'RENEWING'>, env: Env): Step {
  const { memory, lease, exchange } = state;
  const before = env.now < state.tellAt ? undefined : tellUnanswered(state);
  const tellAt = before === undefined ? state.tellAt : Infinity;
  const next = sendRenewingRequest(memory, lease, askedAnew(exchange, env), tellAt, env);
  return { state: next.state, effects: [...(before?.effects ?? []), ...next.effects] };
}

export function tellUnanswered(state: StateOf<'RENEWING'>): Step {
  return { state: { ...state, tellAt: Infinity }, effects: [unanswered('T1', state.lease)] };
}

/** Unicast: only the server that made the lease is asked (RFC 2131 §4.4.5). */
function sendRenewingRequest(
  memory: Memory,
  lease: Lease,
  exchange: Exchange,
  tellAt: Instant,
  env: Env,
): Step {
  const message = buildRenewingRequest(env.config, exchange, lease.address);
  const byTimes = renewalResendAt(env.now, lease.t2At, durationOf(lease));
  const resendAt =
    env.now < lease.t1At
      ? Math.min(byTimes, earlyResendAt(env.now, exchange.attempt, env.random))
      : byTimes;
  return {
    state: { name: 'RENEWING', memory, lease, exchange, tellAt, resendAt },
    effects: [{ type: 'send', message, to: serverOf(lease) }],
  };
}

export function enterRebinding(memory: Memory, lease: Lease, env: Env): Step {
  const next = sendRebindingRequest(memory, lease, newExchange(env), env);
  return { state: next.state, effects: [unanswered('T2', lease), ...next.effects] };
}

export function sendRebindingRequest(
  memory: Memory,
  lease: Lease,
  exchange: Exchange,
  env: Env,
): Step {
  return {
    state: {
      name: 'REBINDING',
      memory,
      lease,
      exchange,
      resendAt: renewalResendAt(env.now, lease.expiresAt, durationOf(lease)),
    },
    effects: [broadcast(buildRebindingRequest(env.config, exchange, lease.address))],
  };
}

function durationOf({ requestedAt, expiresAt }: Lease): Ms {
  return expiresAt - requestedAt;
}

function unanswered(since: 'T1' | 'T2', lease: Lease): Effect {
  return { type: 'unanswered', since, lease };
}
