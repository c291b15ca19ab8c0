/**
 * The life of a member as a pure machine. `member.ts` is the shell that performs the effects.
 *
 *   JOINING ─▶ CONFIRMING ─▶ UP ◀─▶ SILENT          UP ─▶ ROTATING ─▶ UP    UP ─▶ TRYING ─▶ UP
 *      └────────────┴─▶ FAILED                      CONFIRMING, UP ─▶ REVOKED
 *
 * Every question and answer may be lost, late or doubled: the hub gives the same key the same
 * answer, and an answer counts only if it is to the last question.
 */
import type { Machine } from '../../runtime/machine-runner.ts';
import type { Instant } from '../../vocabulary/time.ts';
import { inConfirming, inJoining, joining } from './joining.ts';
import { inRotating } from './rotating.ts';
import { inSilent, inUp, running } from './running.ts';
import {
  SILENT_AFTER,
  stay,
  type MemberEffect,
  type MemberEnv,
  type MemberEvent,
  type MemberState,
  type Running,
  type Step,
} from './states.ts';
import { inTrying } from './trying.ts';
import { firstAttempt } from './tunnel/attempts.ts';

export function step(state: MemberState, event: MemberEvent, env: MemberEnv): Step {
  switch (state.name) {
    case 'IDLE':
      return begun(state, event, env);
    case 'FAILED':
    case 'REVOKED':
      return stay(state);
    case 'JOINING':
      return inJoining(state, event, env);
    case 'CONFIRMING':
      return inConfirming(state, event, env);
    case 'UP':
      return inUp(state, event, env);
    case 'SILENT':
      return inSilent(state, event, env);
    case 'TRYING':
      return inTrying(state, event, env);
    case 'ROTATING':
      return inRotating(state, event, env);
  }
}

/** With a token, or with what the disk has: then the links are made and nobody is waited for. */
function begun(state: MemberState, event: MemberEvent, env: MemberEnv): Step {
  if (event.type === 'join') {
    const attempt = firstAttempt(env, false);
    return joining({ attempt, serial: 0, since: env.now, tried: 0 }, env);
  }
  if (event.type !== 'resume') return stay(state);
  const { view, byStream = false } = event;
  const attempt = firstAttempt(env, byStream);
  const { state: next, effects } = running({ view, attempt, serial: 0 }, env, undefined);
  const links = { type: 'links', identity: 'own', attempt, view, carrier: true } as const;
  return { state: next, effects: [links, ...effects] };
}

/** When `step` wants a `tick`. Infinity if nothing is due. */
export function nextDeadline(state: MemberState): Instant {
  switch (state.name) {
    case 'IDLE':
    case 'FAILED':
    case 'REVOKED':
      return Infinity;
    case 'JOINING':
      return Math.min(state.nextAt, state.askAt);
    case 'CONFIRMING':
      return Math.min(state.askAt, state.giveUpAt);
    case 'UP':
      return Math.min(dueOf(state), state.reviveAt, state.udpAt, state.lastWordAt + SILENT_AFTER);
    case 'SILENT':
      return Math.min(dueOf(state), state.nextAt);
    case 'TRYING':
      return Math.min(state.wordAt, state.giveUpAt);
    case 'ROTATING':
      return Math.min(dueOf(state), state.giveUpAt);
  }
}

function dueOf({ wordAt, askAt, linksAt }: Running): Instant {
  return Math.min(wordAt, askAt, linksAt);
}

export const memberMachine: Machine<MemberState, MemberEvent, MemberEffect, MemberEnv> = {
  initial: () => ({ name: 'IDLE' }),
  step,
  nextDeadline,
};
