/** Part of the member's machine: from the token to the first word under the member's own key. */
import type { MemberView } from '../protocol/registrar-protocol.ts';
import { revoked, running } from './running.ts';
import {
  ASK_AGAIN_AFTER,
  ENDPOINT_FOR,
  JOIN_ROUNDS,
  SILENT_AFTER,
  stay,
  type Asking,
  type MemberEnv,
  type MemberEvent,
  type Of,
  type Problem,
  type Step,
} from './states.ts';

type At = Pick<Asking, 'attempt' | 'serial'>;

export function joining({ attempt, serial: before }: At, { now }: MemberEnv): Step {
  const serial = before + 1;
  return {
    state: { name: 'JOINING', attempt, serial, nextAt: now + ENDPOINT_FOR, askAt: Infinity },
    effects: [
      { type: 'links', identity: 'one-time', attempt, carrier: false },
      { type: 'post', serial },
    ],
  };
}

export function inJoining(state: Of<'JOINING'>, event: MemberEvent, env: MemberEnv): Step {
  if (isOld(state, event)) return stay(state);
  switch (event.type) {
    case 'view':
      return confirming(event.view, state, env);
    case 'refused': {
      // The hub cannot now, for example because its disk is full. It may be able to later.
      if (event.status >= 500) return stay({ ...state, askAt: env.now + ASK_AGAIN_AFTER });
      const { status, error, usedBy, usedAt } = event;
      return failed({ is: 'refused', status, error, usedBy, usedAt });
    }
    case 'unanswered':
      return stay({ ...state, askAt: env.now + ASK_AGAIN_AFTER });
    case 'links-failed':
      return failed({ is: 'links', error: event.error });
    case 'tick': {
      if (env.now >= state.nextAt) {
        const tried = state.attempt + 1;
        if (tried < env.addresses * JOIN_ROUNDS) return joining({ ...state, attempt: tried }, env);
        return failed({ is: 'silent', tried, ms: tried * ENDPOINT_FOR });
      }
      if (env.now < state.askAt) return stay(state);
      const serial = state.serial + 1;
      return {
        state: { ...state, serial, askAt: Infinity },
        effects: [{ type: 'post', serial }],
      };
    }
    case 'word':
    case 'moved':
    case 'revived':
    case 'links-gone':
    case 'rotate':
    case 'key-posted':
    case 'join':
    case 'resume':
      return stay(state);
  }
}

/** The hub knows our key. From now on we speak under it. */
function confirming(view: MemberView, { attempt, serial: before }: At, { now }: MemberEnv): Step {
  const serial = before + 1;
  const giveUpAt = now + 2 * SILENT_AFTER;
  return {
    state: { name: 'CONFIRMING', attempt, serial, view, askAt: Infinity, giveUpAt },
    effects: [
      { type: 'save', view },
      { type: 'links', identity: 'own', attempt, view, carrier: true },
      { type: 'ask', revision: undefined, serial },
    ],
  };
}

export function inConfirming(state: Of<'CONFIRMING'>, event: MemberEvent, env: MemberEnv): Step {
  if (isOld(state, event)) return stay(state);
  switch (event.type) {
    case 'view':
      return running({ ...state, view: event.view }, env, state.view);
    case 'refused':
      if (event.status === 403) return revoked(state.view, env);
      return stay({ ...state, askAt: env.now + ASK_AGAIN_AFTER });
    case 'unanswered':
      return stay({ ...state, askAt: env.now + ASK_AGAIN_AFTER });
    case 'links-failed':
      return failed({ is: 'links', error: event.error });
    case 'tick': {
      // It is a member all the same: the hub has written it, and so has this host.
      if (env.now >= state.giveUpAt) return running(state, env, state.view);
      if (env.now < state.askAt) return stay(state);
      const serial = state.serial + 1;
      return {
        state: { ...state, serial, askAt: Infinity },
        effects: [{ type: 'ask', revision: undefined, serial }],
      };
    }
    case 'word':
    case 'moved':
    case 'revived':
    case 'links-gone':
    case 'rotate':
    case 'key-posted':
    case 'join':
    case 'resume':
      return stay(state);
  }
}

/** True for an answer to an earlier question. */
function isOld({ serial }: Asking, event: MemberEvent): boolean {
  return 'serial' in event && event.serial !== serial;
}

function failed(problem: Problem): Step {
  return { state: { name: 'FAILED', problem }, effects: [{ type: 'hang-up' }] };
}
