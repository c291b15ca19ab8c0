/** Part of the member's machine: from the token to the first word under the member's own key. */
import type { MemberView } from '../protocol/registrar-protocol.ts';
import { revoked, running } from './running.ts';
import {
  ASK_AGAIN_AFTER,
  ENDPOINT_FOR,
  JOIN_ROUNDS,
  SILENT_AFTER,
  stay,
  STREAM_ROUNDS,
  UDP_EVERY,
  UDP_SOON,
  type Asking,
  type MemberEnv,
  type MemberEvent,
  type Of,
  type Problem,
  type Step,
} from './states.ts';
import { addressOf, isByStream, nextAttempt } from './tunnel/attempts.ts';

type At = Pick<Asking, 'attempt' | 'serial'>;

export function joining(
  {
    attempt,
    serial: before,
    since,
    tried,
    trouble,
  }: At & Pick<Of<'JOINING'>, 'since' | 'tried'> & { readonly trouble?: string | undefined },
  { now }: MemberEnv,
): Step {
  const serial = before + 1;
  return {
    state: {
      ...{ name: 'JOINING', attempt, serial, since, tried: tried + 1 },
      ...{ nextAt: now + ENDPOINT_FOR, askAt: Infinity, trouble },
    },
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
      const { status, error, usedBy, usedAt } = event;
      if (status >= 500) {
        return stay({ ...state, askAt: env.now + ASK_AGAIN_AFTER, trouble: error });
      }
      return failed({ is: 'refused', status, error, usedBy, usedAt });
    }
    case 'unanswered': {
      // UDP may be blocked. The stream is opened, to be there when its turn comes.
      const isToOpen = env.streams === 'also' && !isByStream(state.attempt) && !env.isStreamOpen;
      return {
        state: { ...state, askAt: env.now + ASK_AGAIN_AFTER },
        effects: isToOpen ? [{ type: 'renew-stream' }] : [],
      };
    }
    case 'links-failed':
      return failed({ is: 'links', error: event.error });
    case 'tick': {
      if (env.now >= state.nextAt) return nextWay(state, env);
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

function nextWay(state: Of<'JOINING'>, env: MemberEnv): Step {
  const attempt = nextAttempt(state.attempt, env);
  // A stream that is still being opened has more time than one that cannot be opened.
  const isSlow = env.streams === 'only' && !env.hasStreamFailed;
  const most = isSlow ? STREAM_ROUNDS : (env.streams === 'only' ? 1 : env.addresses) * JOIN_ROUNDS;
  if (addressOf(attempt) >= most) {
    if (state.trouble !== undefined) return failed({ is: 'unable', error: state.trouble });
    return failed({ is: 'silent', tried: state.tried, ms: env.now - state.since });
  }
  const { state: next, effects } = joining({ ...state, attempt }, env);
  if (!isByStream(state.attempt)) return { state: next, effects };
  return { state: next, effects: [{ type: 'renew-stream' }, ...effects] };
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
      return joined(state, event.view, env);
    case 'refused':
      if (event.status === 403) return revoked(state.view, env);
      return stay({ ...state, askAt: env.now + ASK_AGAIN_AFTER });
    case 'unanswered':
      return stay({ ...state, askAt: env.now + ASK_AGAIN_AFTER });
    case 'links-failed':
      return failed({ is: 'links', error: event.error });
    case 'tick': {
      // It is a member all the same: the hub has written it, and so has this host.
      if (env.now >= state.giveUpAt) return joined(state, state.view, env);
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

/** The first address was tried just now. Others may be open. */
function joined(state: Of<'CONFIRMING'>, view: MemberView, env: MemberEnv): Step {
  const udpAt = env.now + (env.addresses > 1 ? UDP_SOON : UDP_EVERY);
  return running({ ...state, view, udpAt }, env, state.view);
}

/** True for an answer to an earlier question. */
function isOld({ serial }: Asking, event: MemberEvent): boolean {
  return 'serial' in event && event.serial !== serial;
}

function failed(problem: Problem): Step {
  return { state: { name: 'FAILED', problem }, effects: [{ type: 'hang-up' }] };
}
