/**
 * Part of the member's machine: it speaks by a stream, and tries whether UDP is open again (U2).
 * The sessions stay, so what is sent meanwhile is lost only if UDP is closed. If the hub is not
 * heard by UDP, the stream comes back with a new handshake.
 */
import { byUdp, running } from './running.ts';
import {
  LINKS_GONE_FOR,
  stay,
  TRY_UDP_FOR,
  UDP_EVERY,
  WORD_AGAIN,
  type MemberEnv,
  type MemberEvent,
  type Of,
  type Step,
} from './states.ts';
import { addressOf } from './tunnel/attempts.ts';

/** How many addresses are tried at a time. Each may cost some seconds of frames. */
const MOST_ADDRESSES = 3;

export function inTrying(state: Of<'TRYING'>, event: MemberEvent, env: MemberEnv): Step {
  const { now } = env;
  switch (event.type) {
    case 'word': {
      // An older word may have gone, and been answered, by the stream.
      if (event.isFresh !== true) return stay({ ...state, lastWordAt: now });
      const up = running({ ...state, udpAt: Infinity }, env, undefined);
      return { ...up, state: { ...up.state, linksAt: state.linksAt } };
    }
    case 'revived':
      return stay({ ...state, giveUpAt: now + TRY_UDP_FOR });
    case 'links-failed':
      return back(state, env);
    case 'links-gone':
      return stay({ ...state, linksAt: Math.min(state.linksAt, now + LINKS_GONE_FOR) });
    case 'tick': {
      if (now >= state.giveUpAt) {
        const attempt = state.attempt + 2;
        const isLast = addressOf(attempt) >= Math.min(env.addresses, MOST_ADDRESSES);
        return isLast ? back(state, env) : byUdp({ ...state, attempt }, env);
      }
      if (now < state.wordAt) return stay(state);
      return {
        state: { ...state, wordAt: now + WORD_AGAIN },
        effects: [{ type: 'say-word' }],
      };
    }
    // The question is asked again when this is over.
    case 'view':
    case 'refused':
    case 'unanswered':
    case 'moved':
    case 'rotate':
    case 'key-posted':
    case 'join':
    case 'resume':
      return stay(state);
  }
}

function back(state: Of<'TRYING'>, env: MemberEnv): Step {
  const from = { ...state, attempt: state.back, udpAt: env.now + UDP_EVERY };
  const { state: next, effects } = running(from, env, undefined);
  return {
    state: { ...next, linksAt: state.linksAt },
    effects: [{ type: 'revive', attempt: state.back }, ...effects],
  };
}
