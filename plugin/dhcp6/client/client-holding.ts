/**
 * The states in which the container uses a lease: BOUND, RENEWING, REBINDING (RFC 9915 §18.2.4,
 * §18.2.5). A `tick` that arrives here is due, because client.ts checks that.
 */
import { withoutAddresses } from '../../vocabulary/ipv6/lease6.ts';
import { spread } from '../retransmit.ts';
import {
  heedMaxRt,
  mergeLease,
  readGrant,
  readSender,
  reasonToIgnore,
  STATUS,
  type Refusal,
  type Withdrawal,
} from './client-acceptance.ts';
import { enterConfirming } from './client-confirming.ts';
import { after, ignoreMessage, refused, stay } from './client-effects.ts';
import { countsFrom } from './client-exchange.ts';
import { declineAddress, releaseLease } from './client-leaving.ts';
import {
  enterRebinding,
  enterRequesting,
  extendLease,
  keepLease,
  loseLease,
  offerOf,
  sendRebind,
  sendRenew,
} from './client-transitions.ts';
import type { Effect, Env, Event, MessageEvent, StateOf, Step } from './client-types.ts';

type Holding = StateOf<'BOUND' | 'RENEWING' | 'REBINDING'>;
type Extending = StateOf<'RENEWING' | 'REBINDING'>;

export function inBound(state: StateOf<'BOUND'>, event: Event, env: Env): Step {
  if (event.type === 'tick') return extendLease(state.memory, state.lease, env);
  if (event.type !== 'message') return whileHolding(state, event, env);
  return ignoreMessage(state, event, reasonToIgnore(event.message, env));
}

export function inRenewing(state: StateOf<'RENEWING'>, event: Event, env: Env): Step {
  if (event.type === 'message') return onExtensionAnswer(state, event, env);
  if (event.type !== 'tick') return whileHolding(state, event, env);
  const { memory, lease, exchange } = state;
  if (env.now >= lease.t2At) return enterRebinding(memory, lease, env);
  const isToldNow = env.now >= state.tellAt;
  const told: readonly Effect[] = isToldNow ? [{ type: 'unanswered', since: 'T1', lease }] : [];
  const waiting = isToldNow ? { ...state, tellAt: Infinity } : state;
  return after(told, env.now < exchange.resendAt ? stay(waiting) : sendRenew(waiting, env));
}

export function inRebinding(state: StateOf<'REBINDING'>, event: Event, env: Env): Step {
  if (event.type === 'message') return onExtensionAnswer(state, event, env);
  if (event.type !== 'tick') return whileHolding(state, event, env);
  const { memory, lease, stranger } = state;
  if (stranger === undefined) return sendRebind(state, env);
  return enterRequesting(memory, { ...offerOf(lease), serverId: stranger }, lease, env);
}

/** A RENEW is answered by the server that it names, a REBIND by any. */
function onExtensionAnswer(state: Extending, event: MessageEvent, env: Env): Step {
  const { lease, exchange } = state;
  const { message } = event;
  const from = readSender(message, env, exchange.xid, ['REPLY']);
  if (from.type === 'ignored') return ignoreMessage(state, event, from.reason);
  if (state.name === 'RENEWING' && from.serverId !== lease.serverId) {
    return ignoreMessage(state, event, 'server-mismatch');
  }
  const memory = heedMaxRt(state.memory, message);
  const heard = { ...state, memory };
  const requestedAt = countsFrom(exchange, env.now);
  const reply = readGrant(message, from.serverId, env, { requestedAt, isInUse: true });
  switch (reply.type) {
    case 'grant':
      return keepLease(memory, lease, mergeLease(lease, reply), env);
    case 'withdrawal':
      return onWithdrawal(heard, reply, env);
    case 'refusal':
      return after([refused(reply)], onRefusal(heard, reply, env));
    case 'ignored':
      return ignoreMessage(heard, event, reply.reason);
  }
}

/**
 * NoBinding: the server is asked for the addresses anew (RFC 9915 §18.2.10.1). If it did not make
 * the lease, the others have until the next REBIND is due to extend it. Any other refusal changes
 * nothing: the message is sent again by the timer.
 */
function onRefusal(state: Extending, { status, serverId }: Refusal, env: Env): Step {
  const { memory, lease } = state;
  if (status !== STATUS.noBinding) return stay(state);
  if (state.name === 'REBINDING' && serverId !== lease.serverId) {
    return stay({ ...state, stranger: serverId });
  }
  return enterRequesting(memory, { ...offerOf(lease), serverId }, lease, env);
}

/** The server takes addresses back and grants none. */
function onWithdrawal(state: Extending, { withdrawn }: Withdrawal, env: Env): Step {
  const { memory, lease } = state;
  const rest = withoutAddresses(lease, ({ address }) => withdrawn.includes(address));
  if (rest === undefined) return loseLease(memory, lease, 'withdrawn', env);
  if (rest.addresses.length === lease.addresses.length) return stay(state);
  return {
    state: { ...state, lease: rest },
    effects: [{ type: 'lease', change: 'changed', lease: rest }],
  };
}

function whileHolding(
  state: Holding,
  event: Exclude<Event, { readonly type: 'tick' | 'message' }>,
  env: Env,
): Step {
  switch (event.type) {
    case 'release':
      return releaseLease(state, env);
    case 'link':
      // The cable may lead elsewhere now (RFC 9915 §18.2.12).
      if (!event.up) return stay(state);
      return enterConfirming(state.memory, state.lease, true, spread(env.random), env);
    case 'checked':
      return event.inUse ? declineAddress(state, event.address, env) : stay(state);
    case 'start':
    case 'resume':
      return stay(state);
  }
}
