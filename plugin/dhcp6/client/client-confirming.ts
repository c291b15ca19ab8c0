/**
 * CONFIRMING: asks servers whether the addresses of an earlier lease fit the link (RFC 9915
 * §18.2.3, §18.2.12), and decides what no answer means.
 */
import type { Lease6 } from '../../vocabulary/ipv6/lease6.ts';
import type { Ms } from '../../vocabulary/time.ts';
import { spread, TIMING } from '../retransmit.ts';
import { readSender, readStatus, STATUS } from './client-acceptance.ts';
import { after, ignoreMessage, refused, send, stay } from './client-effects.ts';
import { exchangeFrom, sent } from './client-exchange.ts';
import { declineAddress, releaseLease } from './client-leaving.ts';
import {
  enterByLeaseTimes,
  enterCheckingOrBound,
  enterInitAfterFailure,
  loseLease,
  offerOf,
  renewedSoon,
} from './client-transitions.ts';
import type { Env, Event, Memory, MessageEvent, StateOf, Step } from './client-types.ts';

/**
 * CNF_MAX_RD (RFC 9915 §7.6). Deviation: a starting container waits for the answers to two
 * messages. If none comes, RENEW follows soon.
 */
const PATIENCE = { 'container-start': 3_000, rfc9915: 10_000 } as const;

/** @param delay until the first CONFIRM. @param patience the longest wait, if it is shorter. */
export function enterConfirming(
  memory: Memory,
  lease: Lease6,
  inUse: boolean,
  delay: Ms,
  env: Env,
  patience: Ms = Infinity,
): Step {
  const at = env.now + delay;
  const giveUpAt = at + Math.max(1, Math.min(patience, PATIENCE[env.config.retransmit]));
  const exchange = exchangeFrom(at, env);
  const state = {
    ...({ name: 'CONFIRMING', isDoubted: false } as const),
    ...{ memory, lease, inUse, exchange, giveUpAt },
  };
  return delay === 0 ? sendConfirm(state, env) : stay(state);
}

/** It names no server: any of them knows which addresses fit the link. */
function sendConfirm(state: StateOf<'CONFIRMING'>, env: Env): Step {
  const { exchange, lease } = state;
  const { addresses } = offerOf(lease);
  return {
    state: { ...state, exchange: sent(exchange, TIMING.CONFIRM, env) },
    effects: [send('CONFIRM', exchange, { addresses }, env)],
  };
}

export function inConfirming(state: StateOf<'CONFIRMING'>, event: Event, env: Env): Step {
  switch (event.type) {
    case 'tick':
      if (env.now < state.giveUpAt) return sendConfirm(state, env);
      return state.isDoubted ? giveUp(state, env) : goOn(state, env);
    case 'message':
      return onAnswer(state, event, env);
    case 'link':
      if (!event.up) return stay(state);
      return enterConfirming(state.memory, state.lease, state.inUse, spread(env.random), env);
    case 'release':
      return releaseLease(state, env);
    case 'checked':
      return event.inUse && state.inUse ? declineAddress(state, event.address, env) : stay(state);
    case 'start':
    case 'resume':
      return stay(state);
  }
}

/**
 * The server of the lease decides. If another says NotOnLink, the others have until `giveUpAt` to
 * say Success, which counts more (§18.2.10.2).
 */
function onAnswer(state: StateOf<'CONFIRMING'>, event: MessageEvent, env: Env): Step {
  const from = readSender(event.message, env, state.exchange.xid, ['REPLY']);
  if (from.type === 'ignored') return ignoreMessage(state, event, from.reason);
  const refusal = readStatus(event.message, from.serverId, env);
  if (refusal === undefined) return goOn(state, env);
  const told = [refused(refusal)];
  if (refusal.status !== STATUS.notOnLink) return after(told, stay(state));
  const isDecided = from.serverId === state.lease.serverId;
  return after(told, isDecided ? giveUp(state, env) : stay({ ...state, isDoubted: true }));
}

function giveUp({ memory, lease, inUse }: StateOf<'CONFIRMING'>, env: Env): Step {
  return inUse
    ? loseLease(memory, lease, 'refused', env)
    : enterInitAfterFailure(memory, false, env);
}

/** The lease may be used: a server said so, or none said anything (§18.2.3). */
function goOn({ memory, lease, inUse }: StateOf<'CONFIRMING'>, env: Env): Step {
  const soon = renewedSoon(lease, env);
  return inUse ? enterByLeaseTimes(memory, soon, env) : enterCheckingOrBound(memory, soon, env);
}
