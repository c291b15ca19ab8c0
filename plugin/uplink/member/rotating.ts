/**
 * Part of the member's machine: a new key (U16). It is posted under the old key, then used. If the
 * hub is not heard under it for 10 s, the old key comes back. The hub does the same.
 */
import { due, running } from './running.ts';
import {
  ASK_AGAIN_AFTER,
  ROTATE_FOR,
  stay,
  type MemberEffect,
  type MemberEnv,
  type MemberEvent,
  type Of,
  type Step,
} from './states.ts';

export function inRotating(state: Of<'ROTATING'>, event: MemberEvent, env: MemberEnv): Step {
  const { now } = env;
  const { view, attempt, isSwitched } = state;
  const linksOf = (identity: 'own' | 'next'): MemberEffect => ({
    ...{ type: 'links', identity, attempt, view, carrier: true },
  });
  const end = (which: 'own' | 'next', links: readonly MemberEffect[]): Step => {
    const { state: next, effects } = running(state, env, undefined);
    return { state: next, effects: [{ type: 'keep-key', which }, ...links, ...effects] };
  };
  switch (event.type) {
    case 'key-posted': {
      if (isSwitched) return stay(state);
      if (!event.isTaken) return end('own', []);
      const serial = state.serial + 1;
      return {
        state: { ...state, serial, isSwitched: true, giveUpAt: now + ROTATE_FOR, wordAt: now },
        effects: [linksOf('next'), { type: 'ask', revision: undefined, serial }],
      };
    }
    case 'view':
      // The hub answers to the new key: it is ours from now on.
      return isSwitched && event.serial === state.serial ? end('next', []) : stay(state);
    case 'word':
      return stay({ ...state, lastWordAt: now });
    case 'unanswered':
    case 'refused':
      if (!isSwitched || event.serial !== state.serial) return stay(state);
      return stay({ ...state, askAt: now + ASK_AGAIN_AFTER });
    case 'tick':
      if (now >= state.giveUpAt) return end('own', isSwitched ? [linksOf('own')] : []);
      return due(state, env);
    case 'links-failed':
    case 'moved':
    case 'revived':
    case 'links-gone':
    case 'rotate':
    case 'join':
    case 'resume':
      return stay(state);
  }
}
