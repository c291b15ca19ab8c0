/**
 * Router solicitation (RFC 4861 §6.3.7) as a state machine: ask for an RA until one comes.
 *
 * Deviation: the first solicitation is sent at once, not after up to 1 s. That delay keeps hosts
 * apart that boot together; containers on a segment share what one of them has heard.
 */
import type { Instant, Ms } from '../vocabulary/time.ts';
import type { Mac } from '../wire/address.ts';
import type { NdpFrame } from './frame.ts';
import { routerSolicitation } from './packets.ts';

/** RFC 4861 §10. */
const MAX_RTR_SOLICITATIONS = 3;
const RTR_SOLICITATION_INTERVAL: Ms = 4_000;
/** §6.3.7: how long the last solicitation waits for its answer. */
const MAX_RTR_SOLICITATION_DELAY: Ms = 1_000;

export type SolicitationState =
  | { readonly name: 'IDLE' }
  | { readonly name: 'SOLICITING'; readonly sent: number; readonly nextAt: Instant }
  /** A router has answered. */
  | { readonly name: 'ANSWERED' }
  /** None has. A later RA still counts. */
  | { readonly name: 'UNANSWERED' };

export type SolicitationEvent =
  /** Starts again from any state. */
  | { readonly type: 'start' }
  /** The way to the routers is open again. Starts again if none has answered. */
  | { readonly type: 'link' }
  | { readonly type: 'tick' }
  /** A valid RA with a router lifetime other than 0 came (§6.3.7). */
  | { readonly type: 'advertised' }
  | { readonly type: 'stop' };

export type SolicitationEffect =
  | { readonly type: 'send'; readonly frame: NdpFrame }
  /** No router has answered. */
  | { readonly type: 'unanswered' };

export interface SolicitationStep {
  readonly state: SolicitationState;
  readonly effects: readonly SolicitationEffect[];
}

export interface SolicitationEnv {
  readonly now: Instant;
  readonly config: { readonly mac: Mac };
}

export const SOLICITATION_TRANSITIONS: Record<
  SolicitationState['name'],
  readonly SolicitationState['name'][]
> = {
  IDLE: ['SOLICITING', 'ANSWERED'],
  SOLICITING: ['ANSWERED', 'UNANSWERED', 'IDLE'],
  ANSWERED: ['SOLICITING', 'IDLE'],
  UNANSWERED: ['SOLICITING', 'ANSWERED', 'IDLE'],
};

export function initialSolicitationState(): SolicitationState {
  return { name: 'IDLE' };
}

/** When `stepSolicitation` wants a `tick`; Infinity if nothing is due. */
export function nextSolicitationDeadline(state: SolicitationState): Instant {
  return state.name === 'SOLICITING' ? state.nextAt : Infinity;
}

/** A `tick` before the deadline does nothing. */
export function stepSolicitation(
  state: SolicitationState,
  event: SolicitationEvent,
  env: SolicitationEnv,
): SolicitationStep {
  switch (event.type) {
    case 'start':
      return solicit(0, env);
    case 'link':
      return state.name === 'UNANSWERED' ? solicit(0, env) : { state, effects: [] };
    case 'stop':
      return { state: { name: 'IDLE' }, effects: [] };
    case 'advertised':
      return { state: { name: 'ANSWERED' }, effects: [] };
    case 'tick':
      if (state.name !== 'SOLICITING' || env.now < state.nextAt) return { state, effects: [] };
      return state.sent < MAX_RTR_SOLICITATIONS
        ? solicit(state.sent, env)
        : { state: { name: 'UNANSWERED' }, effects: [{ type: 'unanswered' }] };
  }
}

function solicit(before: number, env: SolicitationEnv): SolicitationStep {
  const sent = before + 1;
  const isLast = sent === MAX_RTR_SOLICITATIONS;
  const wait = isLast ? MAX_RTR_SOLICITATION_DELAY : RTR_SOLICITATION_INTERVAL;
  return {
    state: { name: 'SOLICITING', sent, nextAt: env.now + wait },
    effects: [{ type: 'send', frame: routerSolicitation(env.config.mac) }],
  };
}
