/** Part of the member's machine: the tunnel is up, or the hub is silent. */
import type { Instant } from '../../vocabulary/time.ts';
import type { MemberView } from '../protocol/registrar-protocol.ts';
import {
  ASK_AGAIN_AFTER,
  LINKS_AGAIN_AFTER,
  LINKS_GONE_FOR,
  nextHandshake,
  REVIVE_AFTER,
  ROTATE_FOR,
  SILENT_AFTER,
  stay,
  UDP_EVERY,
  UDP_LATER,
  UDP_SOON,
  WORD_AGAIN,
  WORD_EVERY,
  WORD_IN_SILENCE,
  type Asking,
  type MemberEffect,
  type MemberEnv,
  type MemberEvent,
  type MemberState,
  type Of,
  type Running,
  type Step,
} from './states.ts';
import { isByStream, nextAttempt } from './tunnel/attempts.ts';

/**
 * The hub is there, or is thought to be.
 * @param before what was made so far. Undefined: the links are made by the caller.
 */
export function running(
  { view, attempt, serial: last, udpAt }: From,
  { now, streams }: MemberEnv,
  before: MemberView | undefined,
): Step<Of<'UP'>> {
  const serial = last + 1;
  const isChanged =
    before !== undefined && (before.revision !== view.revision || before.tlsUrl !== view.tlsUrl);
  const isToTry = isByStream(attempt) && streams === 'also';
  return {
    state: {
      ...{ name: 'UP', view, attempt, serial, lastWordAt: now, wordAt: now + WORD_AGAIN },
      ...{ askAt: Infinity, linksAt: Infinity, reviveAt: now + REVIVE_AFTER },
      udpAt: isToTry ? (udpAt ?? now + UDP_SOON) : Infinity,
      isPrepared: false,
    },
    effects: [
      ...(isChanged ? changed(view, attempt) : []),
      { type: 'say-word' },
      { type: 'ask', revision: view.revision, serial },
    ],
  };
}

type From = Pick<Asking, 'attempt' | 'serial'> & {
  readonly view: MemberView;
  /** Undefined: soon. */
  readonly udpAt?: Instant;
};

function changed(view: MemberView, attempt: number): MemberEffect[] {
  return [
    { type: 'save', view },
    { type: 'links', identity: 'own', attempt, view, carrier: true },
  ];
}

/** Only the hub can say that, and it says it for ever. The links stay, without a carrier. */
export function revoked(view: MemberView, { now }: MemberEnv): Step {
  return {
    state: { name: 'REVOKED', view, since: now },
    effects: [{ type: 'hang-up' }, { type: 'carrier', up: false }, { type: 'leave-stream' }],
  };
}

export function inUp(state: Of<'UP'>, event: MemberEvent, env: MemberEnv): Step {
  const { now } = env;
  switch (event.type) {
    case 'word':
      return {
        state: {
          ...{ ...state, lastWordAt: now, wordAt: now + WORD_EVERY, isPrepared: false },
          reviveAt: now + REVIVE_AFTER,
        },
        effects: state.isPrepared ? [{ type: 'leave-stream' }] : [],
      };
    case 'view':
      if (event.serial !== state.serial) return stay(state);
      return running({ ...state, view: event.view }, env, state.view);
    case 'refused':
      if (event.serial !== state.serial) return stay(state);
      if (event.status === 403) return revoked(state.view, env);
      return stay({ ...state, askAt: now + ASK_AGAIN_AFTER });
    case 'unanswered':
      if (event.serial !== state.serial) return stay(state);
      return stay({ ...state, askAt: now + ASK_AGAIN_AFTER });
    case 'links-failed':
      return stay({
        ...state,
        linksAt: now + LINKS_AGAIN_AFTER,
        reviveAt: now + LINKS_AGAIN_AFTER,
      });
    case 'links-gone':
      return stay({ ...state, linksAt: Math.min(state.linksAt, now + LINKS_GONE_FOR) });
    case 'moved':
      // In another network UDP may be open. The stream is of the old network.
      if (state.udpAt < Infinity) return trying(state, env, [MOVED]);
      return movedUp(state, env);
    case 'revived':
      return stay({ ...state, reviveAt: nextHandshake(env) });
    case 'rotate': {
      const giveUpAt = now + ROTATE_FOR;
      return {
        state: { ...state, name: 'ROTATING', giveUpAt, isSwitched: false, askAt: Infinity },
        effects: [{ type: 'hang-up' }, { type: 'post-key' }],
      };
    }
    case 'tick': {
      if (now >= state.lastWordAt + SILENT_AFTER) return silent(state, env);
      if (now >= state.reviveAt) return reviveUp(state, env);
      if (now < state.udpAt) return due(state, env);
      return env.isIdle ? trying(state, env, []) : stay({ ...state, udpAt: now + UDP_LATER });
    }
    case 'key-posted':
    case 'join':
    case 'resume':
      return stay(state);
  }
}

function silent({ view, lastWordAt, serial, ...state }: Of<'UP'>, env: MemberEnv): Step {
  const wasByUdp = !isByStream(state.attempt) || state.udpAt <= env.now + UDP_SOON;
  const silence: Of<'SILENT'> = {
    ...{ name: 'SILENT', view, attempt: state.attempt, serial, lastWordAt, askAt: Infinity },
    ...{ linksAt: state.linksAt, since: env.now, wordAt: env.now, nextAt: state.reviveAt },
    udpAfter: wasByUdp ? UDP_SOON : UDP_EVERY,
  };
  const attempt = nextAttempt(state.attempt, env);
  const next = revive(silence, attempt, env);
  const effects: readonly MemberEffect[] = [
    ...[{ type: 'hang-up' } as const, { type: 'carrier', up: false } as const],
    ...(env.streams === 'none' ? [] : [{ type: 'renew-stream' } as const]),
    // Somebody here may have changed the links.
    { type: 'links', identity: 'own', attempt, view, carrier: false },
  ];
  return { state: next.state, effects: [...effects, ...next.effects] };
}

export function inSilent(state: Of<'SILENT'>, event: MemberEvent, env: MemberEnv): Step {
  const { now } = env;
  switch (event.type) {
    case 'word': {
      const udpAt = now + state.udpAfter;
      const { state: next, effects } = running({ ...state, udpAt }, env, state.view);
      return {
        state: { ...next, linksAt: state.linksAt },
        effects: [{ type: 'carrier', up: true }, ...effects],
      };
    }
    case 'links-failed':
      return stay({ ...state, linksAt: now + LINKS_AGAIN_AFTER, nextAt: now + LINKS_AGAIN_AFTER });
    case 'links-gone':
      return stay({ ...state, linksAt: Math.min(state.linksAt, now + LINKS_GONE_FOR) });
    case 'moved': {
      const { state: next, effects } = revive(state, state.attempt, env);
      return { state: next, effects: [...(env.streams === 'none' ? [] : [MOVED]), ...effects] };
    }
    case 'revived':
      return stay({ ...state, nextAt: nextHandshake(env) });
    case 'tick':
      return now < state.nextAt ? due(state, env) : reviveNext(state, env);
    case 'view':
    case 'refused':
    case 'unanswered':
    case 'rotate':
    case 'key-posted':
    case 'join':
    case 'resume':
      return stay(state);
  }
}

/** @param more effects that come first. */
function trying(state: Of<'UP'>, env: MemberEnv, more: readonly MemberEffect[]): Step {
  const { view, attempt: back, serial, lastWordAt, linksAt } = state;
  const { state: next, effects } = byUdp(
    {
      ...{ name: 'TRYING', view, attempt: 0, back, serial, lastWordAt, linksAt },
      ...{ askAt: Infinity, wordAt: Infinity, giveUpAt: Infinity },
    },
    env,
  );
  return { state: next, effects: [{ type: 'hang-up' }, ...more, ...effects] };
}

export function byUdp(state: Of<'TRYING'>, { now }: MemberEnv): Step {
  return {
    state: { ...state, wordAt: now + WORD_AGAIN, giveUpAt: Infinity },
    effects: [{ type: 'try-udp', attempt: state.attempt }, { type: 'say-word' }],
  };
}

/**
 * By the way that is in use. Beside UDP the stream is opened, and is the next way if the hub stays
 * silent. A stream that is in use may be dead without a word.
 */
function reviveUp(state: Of<'UP'>, env: MemberEnv): Step {
  if (state.reviveAt === Infinity || env.streams === 'none') {
    return revive(state, state.attempt, env);
  }
  if (state.isPrepared && env.isStreamOpen) {
    const udpAt = env.now + UDP_SOON;
    return revive({ ...state, isPrepared: false, udpAt }, nextAttempt(state.attempt, env), env);
  }
  const isPrepared = !isByStream(state.attempt);
  const { state: next, effects } = revive({ ...state, isPrepared }, state.attempt, env);
  return { state: next, effects: [RENEW, ...effects] };
}

/** The stream that is in use, or is to be opened, must not be one of the old way. */
function movedUp(state: Of<'UP'>, env: MemberEnv): Step {
  const { state: next, effects } = reviveUp(state, env);
  const isWanted = effects.includes(RENEW) || ('attempt' in next && isByStream(next.attempt));
  const others = effects.filter((effect) => effect !== RENEW);
  return { state: next, effects: isWanted ? [MOVED, ...others] : others };
}

/** By the next way. A stream that was of no use is opened anew, for its next turn. */
function reviveNext(state: Of<'SILENT'>, env: MemberEnv): Step {
  const { state: next, effects } = revive(state, nextAttempt(state.attempt, env), env);
  const isRenewed = env.streams !== 'none' && (isByStream(state.attempt) || !env.isStreamOpen);
  return { state: next, effects: [...(isRenewed ? [RENEW] : []), ...effects] };
}

const RENEW: MemberEffect = { type: 'renew-stream' };
const MOVED: MemberEffect = { type: 'renew-stream', hasMoved: true };

/**
 * Begins a handshake. The word after it goes through as soon as the handshake is done. One at a
 * time: the next one would throw away the sessions of the one that is being begun.
 */
function revive(before: Of<'UP'> | Of<'SILENT'>, attempt: number, env: MemberEnv): Step {
  if ((before.name === 'UP' ? before.reviveAt : before.nextAt) === Infinity) {
    return due(before, env);
  }
  const wordAt = env.now;
  const { state, effects } =
    before.name === 'UP'
      ? due({ ...before, attempt, wordAt, reviveAt: Infinity }, env)
      : due({ ...before, attempt, wordAt, nextAt: Infinity }, env);
  return { state, effects: [{ type: 'revive', attempt }, ...effects] };
}

/** What is due in every state that runs: links that failed, the word, the question. */
export function due<State extends MemberState & Running>(
  state: State,
  { now }: MemberEnv,
): Step<State> {
  const effects: MemberEffect[] = [];
  let next = state;
  const { attempt, view } = state;
  if (now >= state.linksAt) {
    const carrier = state.name !== 'SILENT';
    effects.push({ type: 'links', identity: 'own', attempt, view, carrier });
    next = { ...next, linksAt: Infinity };
  }
  if (now >= state.wordAt) {
    effects.push({ type: 'say-word' });
    next = { ...next, wordAt: now + (state.name === 'SILENT' ? WORD_IN_SILENCE : WORD_AGAIN) };
  }
  if (now >= state.askAt) {
    const serial = state.serial + 1;
    effects.push({ type: 'ask', revision: view.revision, serial });
    next = { ...next, serial, askAt: Infinity };
  }
  return { state: next, effects };
}
