/**
 * The arrows of RFC 2131 Figure 5: one `enter…` function per state, with the message that entering it
 * sends. States are made here and nowhere else.
 */
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { Lease } from '../../vocabulary/lease.ts';
import type { Ipv4 } from '../../wire/address.ts';
import { isShelved } from './client-acceptance.ts';
import { broadcast, lost, serverOf } from './client-effects.ts';
import { enterRebinding, enterRenewing } from './client-extending.ts';
import type { Env, Exchange, Memory, StateOf, Step } from './client-types.ts';
import {
  committableFrom,
  desynchronisingDelay,
  newExchange,
  randomXid,
  resendAt,
} from './client-exchange.ts';
import { isSameConfiguration } from '../lease-terms.ts';
import { buildDecline, buildDiscover, buildRelease, buildSelectingRequest } from '../requests.ts';
import { declineDelay, failureDelay, MAX_CONFLICTS, resumeDelay } from '../retransmit.ts';

export const FRESH_MEMORY: Memory = { declined: [], failures: 0, wished: undefined };

/** RFC 5227's full probe takes at most 7 s; without an answer by then nobody is looking. */
const CHECK_TIMEOUT: Ms = 10_000;

/** Between two renewals, when a server's T1 has passed by the time its ACK arrives; of a short lease half of it. */
const LEAST_TIME_BOUND: Ms = 1_000;

export function enterInit(memory: Memory, startAt: Instant): Step {
  return { state: { name: 'INIT', memory, startAt }, effects: [] };
}

export function enterSelecting(memory: Memory, env: Env): Step {
  return sendDiscover(memory, newExchange(env), undefined, env);
}

/**
 * Also the resend: what is in the message depends on exchange, memory and time alone.
 * @param committable `committableFrom` of the DISCOVERs before.
 */
export function sendDiscover(
  memory: Memory,
  exchange: Exchange,
  committable: Instant | undefined,
  env: Env,
): Step {
  const wished = env.config.requestedAddress ?? memory.wished;
  const asking = {
    wished: isShelved(wished, memory.declined, env.now) ? undefined : wished,
    rapidCommit: asksForRapidCommit(memory, env),
  };
  return {
    state: {
      name: 'SELECTING',
      memory,
      exchange,
      resendAt: resendAt(memory, exchange, env),
      committableFrom: committableFrom(committable, env),
    },
    effects: [broadcast(buildDiscover(env.config, exchange, asking))],
  };
}

/** Not after a conflict: an OFFER of the same address can be passed over, an ACK must be declined again. */
export function asksForRapidCommit(memory: Memory, env: Env): boolean {
  return env.config.rapidCommit && memory.declined.length === 0;
}

/** The REQUEST carries on with the xid and the secs of the DISCOVER (RFC 2131 §4.4.1). */
export function enterRequesting(
  from: StateOf<'SELECTING'>,
  offered: { readonly address: Ipv4; readonly serverId: Ipv4 },
  env: Env,
): Step {
  const exchange = { ...from.exchange, attempt: 0 };
  return sendSelectingRequest(
    { name: 'REQUESTING', memory: from.memory, exchange, offered, requestedAt: env.now },
    env,
  );
}

export function sendSelectingRequest(
  state: Omit<StateOf<'REQUESTING'>, 'resendAt'>,
  env: Env,
): Step {
  return {
    state: { ...state, resendAt: resendAt(state.memory, state.exchange, env) },
    effects: [broadcast(buildSelectingRequest(env.config, state.exchange, state.offered))],
  };
}

/** An ACK for a lease that is not in use yet: check the address first if that is wanted. */
export function enterCheckingOrBound(memory: Memory, lease: Lease, env: Env): Step {
  if (!env.config.acd) return enterBound(memory, lease, 'acquired', env);
  return {
    state: { name: 'CHECKING', memory, lease, checkBy: env.now + CHECK_TIMEOUT },
    effects: [{ type: 'check', address: lease.address }],
  };
}

/** @param change undefined: the lease was in use before and nothing about it is new. */
export function enterBound(
  memory: Memory,
  lease: Lease,
  change: 'acquired' | 'renewed' | 'changed' | undefined,
  env: Env,
): Step & { readonly state: StateOf<'BOUND'> } {
  const left = lease.expiresAt - env.now;
  return {
    state: {
      name: 'BOUND',
      memory: { ...memory, failures: 0, wished: lease.address },
      lease,
      renewAt: Math.max(lease.t1At, env.now + Math.min(LEAST_TIME_BOUND, left / 2)),
    },
    effects: change === undefined ? [] : [{ type: 'lease', change, lease }],
  };
}

/**
 * BOUND, RENEWING or REBINDING, whichever the times of a lease in use call for; INIT when it is over.
 * Skipping states is normal after a restart of the plugin or a suspended host.
 */
export function enterByLeaseTimes(memory: Memory, lease: Lease, env: Env): Step {
  if (env.now >= lease.expiresAt) return loseLease(memory, lease, 'expired', env);
  if (env.now < lease.t1At) return enterBound(memory, lease, undefined, env);
  if (env.now < lease.t2At) return enterRenewing(memory, lease, env);
  return enterRebinding(memory, lease, env);
}

/**
 * The plugin was restarted, and with it all clients of this host: what is due by then is asked for one after the
 * other, well before the next of its times.
 */
export function resumeLease(memory: Memory, lease: Lease, env: Env): Step {
  const { now } = env;
  if (now >= lease.expiresAt || now < lease.t1At) return enterByLeaseTimes(memory, lease, env);
  const nextTime = now < lease.t2At ? lease.t2At : lease.expiresAt;
  const { state, effects } = enterBound(memory, lease, undefined, env);
  return { state: { ...state, renewAt: now + resumeDelay(nextTime - now, env.random) }, effects };
}

/** The container must stop using the address now (RFC 2131 §4.4.5); asking for one goes on. */
export function loseLease(memory: Memory, lease: Lease, cause: 'expired' | 'nak', env: Env): Step {
  const next =
    cause === 'nak'
      ? enterInitAfterFailure(memory, true, env)
      : enterInit({ ...memory, wished: lease.address }, env.now + desynchronisingDelay(env));
  return { state: next.state, effects: [lost(lease, cause), ...next.effects] };
}

/** @param hadLease whether a lease in use ends with it, or only an attempt to get one. */
export function enterInitAfterFailure(memory: Memory, hadLease: boolean, env: Env): Step {
  return enterInit(
    { ...memory, failures: memory.failures + 1, wished: undefined },
    env.now + failureDelay(memory.failures, hadLease),
  );
}

/**
 * Another host has the address. Deviation (RFC 2131 §3.1 step 5): a DECLINE may be withheld. The server, not told, goes
 * on offering the address, so it is not passed over, but probed again after the same 10 s.
 * @param inUse whether the container was using it already.
 */
export function declineLease(memory: Memory, lease: Lease, inUse: boolean, env: Env): Step {
  const { address } = lease;
  const isTold = env.mayDecline?.() ?? true;
  const declined = [
    ...memory.declined.filter((entry) => entry.address !== address),
    ...(isTold ? [{ address, declinedAt: env.now }] : []),
  ].slice(-MAX_CONFLICTS);
  const next = enterInit(
    { ...memory, declined, wished: undefined },
    env.now + declineDelay(declined.length),
  );
  return {
    state: next.state,
    effects: [
      isTold
        ? broadcast(buildDecline(env.config, randomXid(env), lease))
        : { type: 'withheld', address },
      ...(inUse ? [lost(lease, 'declined')] : []),
    ],
  };
}

/** @param inUse whether the container was using the lease. */
export function releaseLease(lease: Lease, inUse: boolean, env: Env): Step {
  const message = buildRelease(env.config, randomXid(env), lease);
  return {
    state: { name: 'STOPPED' },
    effects: [
      { type: 'send', message, to: serverOf(lease) },
      ...(inUse ? [lost(lease, 'released')] : []),
    ],
  };
}

/** Nothing was leased, so nobody needs to be told. */
export function enterStopped(): Step {
  return { state: { name: 'STOPPED' }, effects: [] };
}

/** A new ACK for a lease that the container is using. */
export function keepLease(memory: Memory, before: Lease, lease: Lease, env: Env): Step {
  const change = isSameConfiguration(before, lease) ? 'renewed' : 'changed';
  const next = enterBound(memory, lease, change, env);
  // A server that moves the container to another address does not wait for our check of it.
  const needsCheck = env.config.acd && before.address !== lease.address;
  if (!needsCheck) return next;
  return {
    state: next.state,
    effects: [...next.effects, { type: 'check', address: lease.address }],
  };
}
