/**
 * The arrows of the machine: one function for each state that is entered, with the message that is
 * sent then. client-leaving.ts has those that give a lease up.
 */
import { isSameConfiguration6, nextExpiryOf, type Lease6 } from '../../vocabulary/ipv6/lease6.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';
import { failureDelay, renewalTiming, resumeDelay, spread, TIMING } from '../retransmit.ts';
import { isShelved } from './client-acceptance.ts';
import { after, lost, send } from './client-effects.ts';
import { exchangeFrom, sent } from './client-exchange.ts';
import type { Effect, Env, LossCause, Memory, Offer, StateOf, Step } from './client-types.ts';

export const FRESH_MEMORY: Memory = {
  declined: [],
  failures: 0,
  wished: undefined,
  solMaxRt: TIMING.SOLICIT.longest,
};

/** If there is no result of a check by then, no probe is running. */
const CHECK_TIMEOUT: Ms = 10_000;
/** The shortest time between two renewals. In a short lease it is half of the lease. */
const LEAST_TIME_BOUND: Ms = 1_000;
/** A running server answers a RENEW sooner. At most half of the time until T2 is used. */
const SILENCE_TOLD_AFTER: Ms = 10_000;

export function enterInit(memory: Memory, startAt: Instant): Step {
  return { state: { name: 'INIT', memory, startAt }, effects: [] };
}

/** @param hadLease true if a lease in use ends, false if an attempt to get one failed. */
export function enterInitAfterFailure(memory: Memory, hadLease: boolean, env: Env): Step {
  return enterInit(
    { ...memory, failures: memory.failures + 1, wished: undefined },
    env.now + failureDelay(memory.failures, hadLease),
  );
}

export function enterSoliciting(memory: Memory, env: Env): Step {
  return sendSolicit({ memory, exchange: exchangeFrom(env.now, env), isRefused: false }, env);
}

export function sendSolicit(
  { memory, exchange, isRefused }: Pick<StateOf<'SOLICITING'>, 'memory' | 'exchange' | 'isRefused'>,
  env: Env,
): Step {
  const timing = { ...TIMING.SOLICIT, longest: memory.solMaxRt };
  const wished = env.config.wishedAddress ?? memory.wished;
  const isAsked = wished !== undefined && !isShelved(wished, memory.declined, env.now);
  const parts = {
    addresses: isAsked ? [wished] : [],
    rapidCommit: asksForRapidCommit(memory, env),
  };
  return {
    state: {
      name: 'SOLICITING',
      memory,
      exchange: sent(exchange, timing, env, true),
      best: undefined,
      isRefused,
    },
    effects: [send('SOLICIT', exchange, parts, env)],
  };
}

/** Not after a conflict: an offer can be ignored, but a lease would have to be declined again. */
export function asksForRapidCommit(memory: Memory, env: Env): boolean {
  return env.config.rapidCommit && memory.declined.length === 0;
}

/** @param lease the one in use that the server does not know. */
export function enterRequesting(
  memory: Memory,
  { serverId, addresses }: Offer,
  lease: Lease6 | undefined,
  env: Env,
): Step {
  const offer = { serverId, addresses };
  return sendRequest({ memory, exchange: exchangeFrom(env.now, env), offer, lease }, env);
}

export function sendRequest(state: Omit<StateOf<'REQUESTING'>, 'name'>, env: Env): Step {
  const { memory, exchange, offer, lease } = state;
  return {
    state: {
      name: 'REQUESTING',
      ...{ memory, offer, lease, exchange: sent(exchange, TIMING.REQUEST, env) },
    },
    effects: [send('REQUEST', exchange, offer, env)],
  };
}

/** A lease that is not in use yet. Its addresses are checked first, if that is configured. */
export function enterCheckingOrBound(memory: Memory, lease: Lease6, env: Env): Step {
  if (!env.config.dad) return enterBound(memory, lease, 'acquired', env);
  const unproven = lease.addresses.map(({ address }) => address);
  return {
    state: { name: 'CHECKING', memory, lease, unproven, checkBy: env.now + CHECK_TIMEOUT },
    effects: unproven.map((address) => ({ type: 'check', address })),
  };
}

/** @param change undefined if the lease was in use before and nothing in it is new. */
export function enterBound(
  memory: Memory,
  lease: Lease6,
  change: 'acquired' | 'renewed' | 'changed' | undefined,
  env: Env,
): Step {
  const left = nextExpiryOf(lease) - env.now;
  return {
    state: {
      name: 'BOUND',
      memory: { ...memory, failures: 0, wished: lease.addresses[0]?.address },
      lease,
      renewAt: Math.max(lease.t1At, env.now + Math.min(LEAST_TIME_BOUND, left / 2)),
    },
    effects: change === undefined ? [] : [{ type: 'lease', change, lease }],
  };
}

/** A REPLY for a lease in use. The container uses new addresses before they are checked. */
export function keepLease(memory: Memory, before: Lease6, lease: Lease6, env: Env): Step {
  const change = isSameConfiguration6(before, lease) ? 'renewed' : 'changed';
  const next = enterBound(memory, lease, change, env);
  if (!env.config.dad) return next;
  const known = new Set(before.addresses.map(({ address }) => address));
  const checks = lease.addresses
    .filter(({ address }) => !known.has(address))
    .map(({ address }): Effect => ({ type: 'check', address }));
  // Who hears of the lease then knows what is not proven yet.
  return { state: next.state, effects: [...checks, ...next.effects] };
}

/** The state that the times of a lease in use ask for. None of its addresses has ended. */
export function enterByLeaseTimes(memory: Memory, lease: Lease6, env: Env): Step {
  if (env.now < Math.min(lease.t1At, lease.t2At)) return enterBound(memory, lease, undefined, env);
  return extendLease(memory, lease, env);
}

/** RENEW until T2, then REBIND. */
export function extendLease(memory: Memory, lease: Lease6, env: Env): Step {
  return env.now < lease.t2At
    ? enterRenewing(memory, lease, env)
    : enterRebinding(memory, lease, env);
}

/**
 * The lease with a T1 that comes soon. After a CONFIRM it is known that the addresses fit the link,
 * but not that they are still ours. After a restart of the plugin all clients of this host start
 * together.
 */
export function renewedSoon(lease: Lease6, env: Env): Lease6 {
  const until = Math.min(lease.t2At, nextExpiryOf(lease));
  if (lease.t1At === Infinity || env.now >= until) return lease;
  return { ...lease, t1At: env.now + resumeDelay(until - env.now, env.random) };
}

function enterRenewing(memory: Memory, lease: Lease6, env: Env): Step {
  const tellAt = env.now + Math.min(SILENCE_TOLD_AFTER, (lease.t2At - env.now) / 2);
  return sendRenew({ memory, lease, exchange: exchangeFrom(env.now, env), tellAt }, env);
}

export function sendRenew(state: Omit<StateOf<'RENEWING'>, 'name'>, env: Env): Step {
  const { memory, lease, exchange, tellAt } = state;
  const timing = renewalTiming('RENEW', nextExpiryOf(lease) - lease.requestedAt);
  return {
    state: { name: 'RENEWING', memory, lease, tellAt, exchange: sent(exchange, timing, env) },
    effects: [send('RENEW', exchange, offerOf(lease), env)],
  };
}

export function enterRebinding(memory: Memory, lease: Lease6, env: Env): Step {
  const exchange = exchangeFrom(env.now, env);
  const next = sendRebind({ memory, lease, exchange, stranger: undefined }, env);
  return after([{ type: 'unanswered', since: 'T2', lease }], next);
}

export function sendRebind(state: Omit<StateOf<'REBINDING'>, 'name'>, env: Env): Step {
  const { memory, lease, exchange, stranger } = state;
  const timing = renewalTiming('REBIND', nextExpiryOf(lease) - lease.requestedAt);
  const { addresses } = offerOf(lease);
  return {
    state: { name: 'REBINDING', memory, lease, stranger, exchange: sent(exchange, timing, env) },
    effects: [send('REBIND', exchange, { addresses }, env)],
  };
}

/** The container must stop using all addresses now. The client goes on asking for one. */
export function loseLease(memory: Memory, lease: Lease6, cause: LossCause, env: Env): Step {
  const next =
    cause === 'expired'
      ? enterInit(remembering(memory, lease), env.now + spread(env.random))
      : enterInitAfterFailure(memory, true, env);
  return after([lost(lease, cause)], next);
}

/** The next SOLICIT suggests the address of this lease. */
export function remembering(memory: Memory, lease: Lease6): Memory {
  return { ...memory, wished: lease.addresses[0]?.address };
}

/** The server of a lease, and its addresses. */
export function offerOf({ serverId, addresses }: Lease6): Offer {
  return { serverId, addresses: addresses.map(({ address }) => address) };
}
