/**
 * The arrows of RFC 2131 Figure 5: one `enter…` function for each state, with the message that is
 * sent on entering it. Only this file makes states.
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

/** RFC 5227's full probe takes at most 7 s. If there is no result by then, no probe is running. */
const CHECK_TIMEOUT: Ms = 10_000;

/**
 * The shortest time between two renewals, if a server's T1 has passed when its ACK arrives. In a
 * short lease it is half of the lease.
 */
const LEAST_TIME_BOUND: Ms = 1_000;

export function enterInit(memory: Memory, startAt: Instant): Step {
  return { state: { name: 'INIT', memory, startAt }, effects: [] };
}

export function enterSelecting(memory: Memory, env: Env): Step {
  return sendDiscover(memory, newExchange(env), undefined, env);
}

/**
 * Also sends again: the message depends only on exchange, memory and time.
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

/**
 * Not after a conflict: an OFFER of the same address can be ignored, but an ACK must be declined
 * again.
 */
export function asksForRapidCommit(memory: Memory, env: Env): boolean {
  return env.config.rapidCommit && memory.declined.length === 0;
}

/** The REQUEST has the xid and the secs of the DISCOVER (RFC 2131 §4.4.1). */
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

/**
 * An ACK for a lease that is not in use yet. The address is checked first, if that is configured.
 */
export function enterCheckingOrBound(memory: Memory, lease: Lease, env: Env): Step {
  if (!env.config.acd) return enterBound(memory, lease, 'acquired', env);
  return {
    state: { name: 'CHECKING', memory, lease, checkBy: env.now + CHECK_TIMEOUT },
    effects: [{ type: 'check', address: lease.address }],
  };
}

/** @param change undefined if the lease was in use before and nothing in it is new. */
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
 * Enters BOUND, RENEWING or REBINDING, as the times of a lease in use say, or INIT if it has ended.
 * States may be skipped after a restart of the plugin or a suspended host.
 */
export function enterByLeaseTimes(memory: Memory, lease: Lease, env: Env): Step {
  if (env.now >= lease.expiresAt) return loseLease(memory, lease, 'expired', env);
  if (env.now < lease.t1At) return enterBound(memory, lease, undefined, env);
  if (env.now < lease.t2At) return enterRenewing(memory, lease, env);
  return enterRebinding(memory, lease, env);
}

/**
 * The plugin was restarted, and with it all clients of this host. Leases that are due are extended
 * one after the other, well before their next deadline.
 */
export function resumeLease(memory: Memory, lease: Lease, env: Env): Step {
  const { now } = env;
  if (now >= lease.expiresAt || now < lease.t1At) return enterByLeaseTimes(memory, lease, env);
  const nextTime = now < lease.t2At ? lease.t2At : lease.expiresAt;
  const { state, effects } = enterBound(memory, lease, undefined, env);
  return { state: { ...state, renewAt: now + resumeDelay(nextTime - now, env.random) }, effects };
}

/**
 * The container must stop using the address now (RFC 2131 §4.4.5). The client goes on asking for
 * one.
 */
export function loseLease(memory: Memory, lease: Lease, cause: 'expired' | 'nak', env: Env): Step {
  const next =
    cause === 'nak'
      ? enterInitAfterFailure(memory, true, env)
      : enterInit({ ...memory, wished: lease.address }, env.now + desynchronisingDelay(env));
  return { state: next.state, effects: [lost(lease, cause), ...next.effects] };
}

/** @param hadLease true if a lease in use ends, false if only an attempt to get one failed. */
export function enterInitAfterFailure(memory: Memory, hadLease: boolean, env: Env): Step {
  return enterInit(
    { ...memory, failures: memory.failures + 1, wished: undefined },
    env.now + failureDelay(memory.failures, hadLease),
  );
}

/**
 * Another host has the address. Deviation (RFC 2131 §3.1 step 5): a DECLINE may be withheld. Then
 * the server does not know, and offers the address again. So it is not ignored, but probed again
 * after the same 10 s.
 * @param inUse true if the container was already using it.
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

/** @param inUse true if the container was using the lease. */
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

/** Nothing was leased, so no server needs to be told. */
export function enterStopped(): Step {
  return { state: { name: 'STOPPED' }, effects: [] };
}

/** A new ACK for a lease that the container is using. */
export function keepLease(memory: Memory, before: Lease, lease: Lease, env: Env): Step {
  const change = isSameConfiguration(before, lease) ? 'renewed' : 'changed';
  const next = enterBound(memory, lease, change, env);
  // If a server moves the container to another address, it does not wait for our check of it.
  const needsCheck = env.config.acd && before.address !== lease.address;
  if (!needsCheck) return next;
  return {
    state: next.state,
    effects: [...next.effects, { type: 'check', address: lease.address }],
  };
}
