/**
 * The states in which the container uses a lease: BOUND, RENEWING, REBINDING (RFC 2131 §4.4.5). A `tick`
 * that arrives here is due: client.ts sees to that.
 */
import { readAnswer, reasonToIgnore } from './client-acceptance.ts';
import { askedAnew, desynchronisingDelay } from './client-exchange.ts';
import { ignoreMessage, refused, stay } from './client-effects.ts';
import { enterInitReboot } from './client-rebooting.ts';
import {
  declineLease,
  enterByLeaseTimes,
  keepLease,
  loseLease,
  releaseLease,
  sendRebindingRequest,
  sendRenewingRequest,
} from './client-transitions.ts';
import type { Env, Event, MessageEvent, StateOf, Step } from './client-types.ts';

type HoldingState = StateOf<'BOUND' | 'RENEWING' | 'REBINDING'>;

export function inBound(state: StateOf<'BOUND'>, event: Event, env: Env): Step {
  switch (event.type) {
    case 'tick':
      return enterByLeaseTimes(state.memory, state.lease, env);
    case 'message':
      return ignoreMessage(state, event.message, reasonToIgnore(event.message, env));
    case 'release':
    case 'link':
    case 'checked':
    case 'start':
    case 'resume':
      return whileHolding(state, event, env);
  }
}

export function inRenewing(state: StateOf<'RENEWING'>, event: Event, env: Env): Step {
  const { memory, lease } = state;
  switch (event.type) {
    case 'tick':
      return env.now >= lease.t2At
        ? enterByLeaseTimes(memory, lease, env)
        : sendRenewingRequest(memory, lease, askedAnew(state.exchange, env), env);
    case 'message':
      return onExtensionAnswer(state, event, env);
    case 'release':
    case 'link':
    case 'checked':
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
    case 'start':
    case 'resume':
      return whileHolding(state, event, env);
  }
}

/** Any server may extend the lease; only the one that made it may end it. */
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
    nakServer: lease.serverId,
  });
  switch (reply.type) {
    case 'ACK':
      return keepLease(memory, lease, reply.lease, env);
    case 'NAK':
      return refused(reply, loseLease(memory, lease, 'nak', env));
    case 'ignored':
      return ignoreMessage(state, event.message, reply.reason);
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
      // The cable may lead elsewhere now: ask whether the lease is still good (RFC 2131 §3.7).
      return event.up
        ? enterInitReboot(memory, lease, true, env.now + desynchronisingDelay(env))
        : stay(state);
    case 'checked':
      // RFC 5227 §2.4 (c): a conflict that cannot be defended ends the use of the address.
      return event.inUse ? declineLease(memory, lease, true, env) : stay(state);
    case 'start':
    case 'resume':
      return stay(state);
  }
}
