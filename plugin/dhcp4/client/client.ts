/**
 * The DHCP client as a state machine (RFC 2131 §4.4, Figure 5), with CHECKING between ACK and use.
 *
 * It gets the time, random numbers, messages and results of checks as arguments. It returns the
 * next state and what to do. It never waits: the caller steps it again at `nextDeadline`.
 *
 *   client-types.ts        states, events, effects
 *   client-acquiring.ts    one function per state on the way to a lease
 *   client-holding.ts      one function per state in which a lease is used
 *   client-extending.ts    the REQUESTs in RENEWING and REBINDING, and when their silence is told
 *   client-rebooting.ts    what a lease from before is asked, and what silence means
 *   client-transitions.ts  the other arrows, with the message each of them sends
 *   client-effects.ts     what the arrows are put together from
 *   client-exchange.ts     xid, secs and resending within one exchange
 *   client-acceptance.ts   which replies count
 *
 * Left out: DHCPINFORM, FORCERENEW (RFC 3203).
 */
import type { Instant } from '../../vocabulary/time.ts';
import {
  inChecking,
  inInit,
  inInitReboot,
  inRebooting,
  inRequesting,
  inSelecting,
} from './client-acquiring.ts';
import { inBound, inRebinding, inRenewing } from './client-holding.ts';
import { reasonToIgnore } from './client-acceptance.ts';
import { ignoreMessage, stay } from './client-effects.ts';
import { FRESH_MEMORY } from './client-transitions.ts';
import type { Env, Event, State, StateName, Step } from './client-types.ts';

export type {
  ClientConfig,
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
 * Handles what is due before the event, so that after a late tick a reply cannot revive a lease
 * that has ended. A `tick` before the deadline changes nothing. Never throws because of what came
 * from the network.
 */
export function step(state: State, event: Event, env: Env): Step {
  const before =
    env.now >= nextDeadline(state) ? dispatch(state, { type: 'tick' }, env) : stay(state);
  if (event.type === 'tick') return before;
  const after = dispatch(before.state, event, env);
  return { state: after.state, effects: [...before.effects, ...after.effects] };
}

/**
 * When `step` wants a `tick`. It is later than `env.now` after every step. Infinity if nothing is
 * due.
 */
export function nextDeadline(state: State): Instant {
  switch (state.name) {
    case 'INIT':
      return state.startAt;
    case 'SELECTING':
    case 'REQUESTING':
      return state.resendAt;
    case 'CHECKING':
      return Math.min(state.checkBy, state.lease.expiresAt);
    case 'BOUND':
      return Math.min(state.renewAt, state.lease.expiresAt);
    case 'RENEWING':
      return Math.min(state.resendAt, state.tellAt, state.lease.t2At);
    case 'REBINDING':
      return Math.min(state.resendAt, state.lease.expiresAt);
    case 'INIT-REBOOT':
      return Math.min(state.startAt, state.lease.expiresAt);
    case 'REBOOTING':
      return Math.min(state.resendAt, state.giveUpAt, state.lease.expiresAt);
    case 'STOPPED':
      return Infinity;
  }
}

/**
 * The states to which one event (or one due tick) can lead, besides the same state.
 * scripts/state-diagram.ts draws them, and the property test asserts them. There are more arrows
 * than in Figure 5: a late tick may skip states that have ended, and some arrows save the way
 * through INIT.
 */
export const TRANSITIONS: Record<StateName, readonly StateName[]> = {
  INIT: ['SELECTING', 'INIT-REBOOT', 'REBOOTING', 'BOUND', 'STOPPED'],
  SELECTING: ['REQUESTING', 'CHECKING', 'BOUND', 'INIT', 'STOPPED'],
  REQUESTING: ['CHECKING', 'BOUND', 'INIT', 'STOPPED'],
  CHECKING: ['BOUND', 'INIT', 'STOPPED'],
  BOUND: ['RENEWING', 'REBINDING', 'INIT-REBOOT', 'INIT', 'STOPPED'],
  RENEWING: ['BOUND', 'REBINDING', 'INIT-REBOOT', 'INIT', 'STOPPED'],
  REBINDING: ['BOUND', 'INIT-REBOOT', 'INIT', 'STOPPED'],
  'INIT-REBOOT': ['REBOOTING', 'SELECTING', 'INIT', 'STOPPED'],
  REBOOTING: [
    'CHECKING',
    'BOUND',
    'RENEWING',
    'REBINDING',
    'INIT-REBOOT',
    'SELECTING',
    'INIT',
    'STOPPED',
  ],
  STOPPED: [],
};

function dispatch(state: State, event: Event, env: Env): Step {
  switch (state.name) {
    case 'INIT':
      return inInit(state, event, env);
    case 'SELECTING':
      return inSelecting(state, event, env);
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
    case 'INIT-REBOOT':
      return inInitReboot(state, event, env);
    case 'REBOOTING':
      return inRebooting(state, event, env);
    case 'STOPPED':
      return event.type === 'message'
        ? ignoreMessage(state, event, reasonToIgnore(event.message, env))
        : stay(state);
  }
}
