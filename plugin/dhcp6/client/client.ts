/**
 * The DHCPv6 client as a state machine (RFC 9915 §18.2), with CHECKING between REPLY and use.
 *
 * It gets the time, random numbers, messages and results of checks as arguments. It returns the
 * next state and what to do. It never waits: the caller steps it again at `nextDeadline`.
 *
 *   client-types.ts        states, events, effects
 *   client-acquiring.ts    one function per state on the way to a lease
 *   client-holding.ts      one function per state in which a lease is used
 *   client-confirming.ts   what servers are asked about a lease from before
 *   client-leaving.ts      addresses that end, are declined or released
 *   client-transitions.ts  the other arrows, with the message each of them sends
 *   client-effects.ts      what the arrows are put together from
 *   client-exchange.ts     xid, elapsed time and resending within one exchange
 *   client-acceptance.ts   which messages of servers count
 *   information.ts         another machine: configuration without an address
 *
 * Left out: IA_PD, RECONFIGURE, authentication.
 */
import { nextExpiryOf } from '../../vocabulary/ipv6/lease6.ts';
import type { Instant } from '../../vocabulary/time.ts';
import { inChecking, inInit, inRequesting, inSoliciting } from './client-acquiring.ts';
import { inConfirming } from './client-confirming.ts';
import { after, stay } from './client-effects.ts';
import { inBound, inRebinding, inRenewing } from './client-holding.ts';
import {
  expireAddresses,
  inDeclining,
  inReleasing,
  inStopped,
  isLeasing,
} from './client-leaving.ts';
import { FRESH_MEMORY } from './client-transitions.ts';
import type { Env, Event, State, StateName, Step } from './client-types.ts';

export type {
  ClientConfig6,
  Effect,
  Env,
  Event,
  IgnoreReason,
  LossCause,
  State,
  StateName,
  Step,
} from './client-types.ts';

export function initialState(): State {
  return { name: 'INIT', memory: FRESH_MEMORY, startAt: Infinity };
}

/**
 * Handles what is due before the event, so that after a late tick a reply cannot revive an address
 * that has ended. A `tick` before the deadline changes nothing. Never throws because of what came
 * from the network.
 */
export function step(state: State, event: Event, env: Env): Step {
  const before = due(state, env);
  if (event.type === 'tick') return before;
  return after(before.effects, dispatch(before.state, event, env));
}

/** Addresses end first. */
function due(state: State, env: Env): Step {
  const isOver = isLeasing(state) && env.now >= nextExpiryOf(state.lease);
  const left = isOver ? expireAddresses(state, env) : stay(state);
  if (env.now < nextDeadline(left.state)) return left;
  return after(left.effects, dispatch(left.state, { type: 'tick' }, env));
}

/**
 * When `step` wants a `tick`. It is later than `env.now` after every step. Infinity if nothing is
 * due.
 */
export function nextDeadline(state: State): Instant {
  const expiry = isLeasing(state) ? nextExpiryOf(state.lease) : Infinity;
  switch (state.name) {
    case 'INIT':
      return state.startAt;
    case 'CHECKING':
      return Math.min(state.checkBy, expiry);
    case 'BOUND':
      return Math.min(state.renewAt, expiry);
    case 'RENEWING':
      return Math.min(state.exchange.resendAt, state.tellAt, state.lease.t2At, expiry);
    case 'CONFIRMING':
      return Math.min(state.exchange.resendAt, state.giveUpAt, expiry);
    case 'SOLICITING':
    case 'REQUESTING':
    case 'REBINDING':
    case 'DECLINING':
    case 'RELEASING':
      return Math.min(state.exchange.resendAt, expiry);
    case 'STOPPED':
      return Infinity;
  }
}

/**
 * The states to which one event (or one due tick) can lead, besides the same state. The property
 * test asserts them. A late tick may skip states that have ended.
 */
export const TRANSITIONS: Record<StateName, readonly StateName[]> = {
  INIT: ['SOLICITING', 'CONFIRMING', 'BOUND', 'RENEWING', 'REBINDING', 'STOPPED'],
  SOLICITING: ['REQUESTING', 'CHECKING', 'BOUND', 'INIT', 'STOPPED'],
  REQUESTING: ['CHECKING', 'BOUND', 'REBINDING', 'DECLINING', 'INIT', 'RELEASING', 'STOPPED'],
  CHECKING: ['BOUND', 'DECLINING', 'INIT', 'RELEASING'],
  BOUND: ['RENEWING', 'REBINDING', 'CONFIRMING', 'DECLINING', 'INIT', 'RELEASING'],
  RENEWING: ['BOUND', 'REBINDING', 'REQUESTING', 'CONFIRMING', 'DECLINING', 'INIT', 'RELEASING'],
  REBINDING: ['BOUND', 'REQUESTING', 'CONFIRMING', 'DECLINING', 'INIT', 'RELEASING'],
  CONFIRMING: ['CHECKING', 'BOUND', 'RENEWING', 'REBINDING', 'DECLINING', 'INIT', 'RELEASING'],
  DECLINING: ['CHECKING', 'BOUND', 'RENEWING', 'REBINDING', 'INIT', 'RELEASING', 'STOPPED'],
  RELEASING: ['STOPPED'],
  STOPPED: [],
};

function dispatch(state: State, event: Event, env: Env): Step {
  switch (state.name) {
    case 'INIT':
      return inInit(state, event, env);
    case 'SOLICITING':
      return inSoliciting(state, event, env);
    case 'REQUESTING':
      return inRequesting(state, event, env);
    case 'CHECKING':
      return inChecking(state, event, env);
    case 'BOUND':
      return inBound(state, event, env);
    case 'RENEWING':
      return inRenewing(state, event, env);
    case 'REBINDING':
      return inRebinding(state, event, env);
    case 'CONFIRMING':
      return inConfirming(state, event, env);
    case 'DECLINING':
      return inDeclining(state, event, env);
    case 'RELEASING':
      return inReleasing(state, event, env);
    case 'STOPPED':
      return inStopped(state, event, env);
  }
}
