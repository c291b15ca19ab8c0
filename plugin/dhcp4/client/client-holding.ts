/**
 * The states in which the container uses a lease: BOUND, RENEWING, REBINDING (RFC 2131 §4.4.5). A
 * `tick` that arrives here is due, because client.ts checks that.
 */
import { readAnswer, reasonToIgnore } from './client-acceptance.ts';
import { askedAnew, desynchronisingDelay } from './client-exchange.ts';
import { granted, ignoreMessage, refused, stay } from './client-effects.ts';
import {
  enterRenewing,
  renewAgain,
  sendRebindingRequest,
  tellUnanswered,
} from './client-extending.ts';
import { enterInitReboot } from './client-rebooting.ts';
import {
  declineLease,
  enterByLeaseTimes,
  keepLease,
  loseLease,
  releaseLease,
} from './client-transitions.ts';
import type { Env, Event, MessageEvent, StateOf, Step } from './client-types.ts';

type HoldingState = StateOf<'BOUND' | 'RENEWING' | 'REBINDING'>;

export function inBound(state: StateOf<'BOUND'>, event: Event, env: Env): Step {
  switch (event.type) {
    case 'tick':
      return enterByLeaseTimes(state.memory, state.lease, env);
    case 'message':
      return ignoreMessage(state, event, reasonToIgnore(event.message, env));
    case 'release':
    case 'link':
    case 'checked':
    case 'renew':
    case 'start':
    case 'resume':
      return whileHolding(state, event, env);
  }
}

export function inRenewing(state: StateOf<'RENEWING'>, event: Event, env: Env): Step {
  const { memory, lease } = state;
  switch (event.type) {
    case 'tick':
      if (env.now >= lease.t2At) return enterByLeaseTimes(memory, lease, env);
      return env.now < state.resendAt ? tellUnanswered(state) : renewAgain(state, env);
    case 'message':
      return onExtensionAnswer(state, event, env);
    case 'release':
    case 'link':
    case 'checked':
    case 'renew':
    case 'start':
    case 'resume':
      return whileHolding(state, event, env);
  }
}

export function inRebinding(state: StateOf<'REBINDING'>, event: Event, env: Env): Step {
  const { memory, lease } = state;
  switch (event.type) {
    case 'tick':
      return env.now >= lease.expiresAt
        ? loseLease(memory, lease, 'expired', env)
        : sendRebindingRequest(memory, lease, askedAnew(state.exchange, env), env);
    case 'message':
      return onExtensionAnswer(state, event, env);
    case 'release':
    case 'link':
    case 'checked':
    case 'renew':
    case 'start':
    case 'resume':
      return whileHolding(state, event, env);
  }
}

/**
 * Any server may extend the lease. The server that made it may end it. In REBINDING any server may
 * end it: after the VLAN is renumbered its server has another identifier (RFC 2131 §4.4.5).
 */
function onExtensionAnswer(
  state: StateOf<'RENEWING' | 'REBINDING'>,
  event: MessageEvent,
  env: Env,
): Step {
  const { memory, lease } = state;
  const reply = readAnswer(event, env, {
    xid: state.exchange.xid,
    requestedAt: state.exchange.startedAt,
    ackServer: undefined,
    nakServer: state.name === 'REBINDING' ? undefined : lease.serverId,
    isInUse: true,
  });
  switch (reply.type) {
    case 'ACK':
      return granted(reply, keepLease(memory, lease, reply.lease, env));
    case 'NAK':
      return refused(reply, loseLease(memory, lease, 'nak', env));
    case 'ignored':
      return ignoreMessage(state, event, reply.reason);
  }
}

function whileHolding(
  state: HoldingState,
  event: Exclude<Event, { readonly type: 'tick' | 'message' }>,
  env: Env,
): Step {
  const { memory, lease } = state;
  switch (event.type) {
    case 'release':
      return releaseLease(lease, true, env);
    case 'link':
      // The cable may lead elsewhere now, so the client asks whether the lease is still valid (RFC
      // 2131 §3.7).
      return event.up
        ? enterInitReboot(memory, lease, true, env.now + desynchronisingDelay(env))
        : stay(state);
    case 'checked':
      // RFC 5227 §2.4 (c): if a conflict cannot be defended, the use of the address ends.
      return event.inUse ? declineLease(memory, lease, true, env) : stay(state);
    case 'renew':
      return tellName(state, env);
    case 'start':
    case 'resume':
      return stay(state);
  }
}

/** The next renewal is made now: its REQUEST has the new name. */
function tellName(state: HoldingState, env: Env): Step {
  const { memory, lease } = state;
  return state.name === 'REBINDING'
    ? sendRebindingRequest(memory, lease, askedAnew(state.exchange, env), env)
    : enterRenewing(memory, lease, env);
}
