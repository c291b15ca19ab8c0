/**
 * The states before a lease is in use: INIT, SELECTING, REQUESTING, CHECKING, INIT-REBOOT,
 * REBOOTING (RFC 2131 §4.4.1, §4.4.2). A `tick` that arrives here is due, because client.ts checks
 * that. A new host name waits for the next message.
 */
import type { Ms } from '../../vocabulary/time.ts';
import type { Lease } from '../../vocabulary/lease.ts';
import {
  isAcceptable,
  isAck,
  readAnswer,
  readOffer,
  readRapidAck,
  reasonToIgnore,
} from './client-acceptance.ts';
import { desynchronisingDelay, resent } from './client-exchange.ts';
import { granted, ignoreMessage, refused, stay } from './client-effects.ts';
import {
  askedAgain,
  enterInitReboot,
  enterRebooting,
  sendInitRebootRequest,
  useUnconfirmed,
} from './client-rebooting.ts';
import {
  asksForRapidCommit,
  declineLease,
  enterBound,
  enterByLeaseTimes,
  enterCheckingOrBound,
  enterInit,
  enterInitAfterFailure,
  enterRequesting,
  enterSelecting,
  enterStopped,
  keepLease,
  loseLease,
  releaseLease,
  resumeLease,
  sendDiscover,
  sendSelectingRequest,
} from './client-transitions.ts';
import type { Env, Event, MessageEvent, StateOf, Step } from './client-types.ts';

/** RFC 2131 §3.1 step 5: four REQUESTs, about 60 s in all, before starting over. */
const REQUEST_TRIES = 4;

export function inInit(state: StateOf<'INIT'>, event: Event, env: Env): Step {
  const isFresh = state.startAt === Infinity;
  switch (event.type) {
    case 'start':
      return isFresh ? start(state, event, env) : stay(state);
    case 'resume':
      return isFresh ? resumeLease(state.memory, event.lease, env) : stay(state);
    case 'tick':
      return enterSelecting(state.memory, env);
    case 'release':
      return enterStopped();
    case 'message':
      return ignoreMessage(state, event, reasonToIgnore(event.message, env));
    case 'link':
    case 'checked':
    case 'renew':
      return stay(state);
  }
}

/**
 * RFC 2131 §4.4.1 asks for a random delay before the first message, because all clients of a site
 * may start at once. Deviation: the delay is up to 1 s. There is none while a container waits for
 * its start, because Docker starts containers one after the other.
 */
function start(
  state: StateOf<'INIT'>,
  { previous, patience }: { readonly previous?: Lease; readonly patience?: Ms },
  env: Env,
): Step {
  const { retransmit } = env.config;
  const isWanted = previous !== undefined && isAcceptable(previous.address, env.config);
  const memory = { ...state.memory, wished: isWanted ? previous.address : undefined };
  const atOnce = retransmit === 'container-start';
  if (isWanted && previous.expiresAt > env.now) {
    return atOnce
      ? enterRebooting(memory, previous, false, env, patience)
      : enterInitReboot(memory, previous, false, env.now + desynchronisingDelay(env));
  }
  return atOnce
    ? enterSelecting(memory, env)
    : enterInit(memory, env.now + desynchronisingDelay(env));
}

export function inSelecting(state: StateOf<'SELECTING'>, event: Event, env: Env): Step {
  switch (event.type) {
    case 'tick':
      return sendDiscover(state.memory, resent(state.exchange, env), state.committableFrom, env);
    case 'message':
      return onDiscoverAnswer(state, event, env);
    case 'link':
      return event.up ? startOver(state, env) : stay(state);
    case 'release':
      return enterStopped();
    case 'start':
    case 'resume':
    case 'checked':
    case 'renew':
      return stay(state);
  }
}

function onDiscoverAnswer(state: StateOf<'SELECTING'>, event: MessageEvent, env: Env): Step {
  const { memory, exchange, committableFrom } = state;
  const expected = { xid: exchange.xid, declined: memory.declined };
  const reply =
    asksForRapidCommit(memory, env) && isAck(event.message)
      ? readRapidAck(event, env, { xid: exchange.xid, requestedAt: committableFrom })
      : readOffer(event, env, expected);
  switch (reply.type) {
    case 'OFFER':
      return enterRequesting(state, reply, env);
    case 'ACK':
      return granted(reply, enterCheckingOrBound(memory, reply.lease, env));
    case 'ignored':
      return ignoreMessage(state, event, reply.reason);
  }
}

export function inRequesting(state: StateOf<'REQUESTING'>, event: Event, env: Env): Step {
  switch (event.type) {
    case 'tick': {
      const attempt = state.exchange.attempt + 1;
      return attempt < REQUEST_TRIES
        ? sendSelectingRequest({ ...state, exchange: { ...state.exchange, attempt } }, env)
        : enterInitAfterFailure(state.memory, false, env);
    }
    case 'message':
      return onSelectingAnswer(state, event, env);
    case 'link':
      return event.up ? startOver(state, env) : stay(state);
    case 'release':
      return enterStopped();
    case 'start':
    case 'resume':
    case 'checked':
    case 'renew':
      return stay(state);
  }
}

function onSelectingAnswer(state: StateOf<'REQUESTING'>, event: MessageEvent, env: Env): Step {
  const { serverId } = state.offered;
  const reply = readAnswer(event, env, {
    xid: state.exchange.xid,
    requestedAt: state.requestedAt,
    ackServer: serverId,
    nakServer: serverId,
    isInUse: false,
  });
  switch (reply.type) {
    case 'ACK':
      return granted(reply, enterCheckingOrBound(state.memory, reply.lease, env));
    case 'NAK':
      return refused(reply, enterInitAfterFailure(state.memory, false, env));
    case 'ignored':
      return ignoreMessage(state, event, reply.reason);
  }
}

export function inChecking(state: StateOf<'CHECKING'>, event: Event, env: Env): Step {
  const { memory, lease } = state;
  switch (event.type) {
    case 'checked':
      return event.inUse
        ? declineLease(memory, lease, false, env)
        : enterBound(memory, lease, 'acquired', env);
    case 'tick':
      return env.now >= lease.expiresAt
        ? startOver(state, env)
        : enterBound(memory, lease, 'acquired', env);
    case 'message':
      return ignoreMessage(state, event, reasonToIgnore(event.message, env));
    case 'release':
      return releaseLease(lease, false, env);
    case 'start':
    case 'resume':
    case 'link':
    case 'renew':
      return stay(state);
  }
}

export function inInitReboot(state: StateOf<'INIT-REBOOT'>, event: Event, env: Env): Step {
  switch (event.type) {
    case 'tick':
      return env.now >= state.lease.expiresAt
        ? expireBeforeAnswer(state, env)
        : enterRebooting(state.memory, state.lease, state.inUse, env);
    case 'message':
      return ignoreMessage(state, event, reasonToIgnore(event.message, env));
    case 'release':
      return releaseLease(state.lease, state.inUse, env);
    case 'checked':
      return onConflict(state, event.inUse, env);
    case 'start':
    case 'resume':
    case 'link':
    case 'renew':
      return stay(state);
  }
}

export function inRebooting(state: StateOf<'REBOOTING'>, event: Event, env: Env): Step {
  const { memory, lease, inUse } = state;
  switch (event.type) {
    case 'tick':
      if (env.now >= lease.expiresAt) return expireBeforeAnswer(state, env);
      if (env.now < state.giveUpAt) {
        return sendInitRebootRequest({ ...state, exchange: askedAgain(state, env) }, env);
      }
      // RFC 2131 §3.2 step 3: without an answer the old lease may be used until it ends.
      if (inUse) return enterByLeaseTimes(memory, lease, env);
      return env.config.retransmit === 'container-start' && !state.isDoubted
        ? useUnconfirmed(state, env)
        : enterSelecting(memory, env);
    case 'message':
      return onRebootAnswer(state, event, env);
    case 'link':
      return event.up
        ? enterInitReboot(memory, lease, inUse, env.now + desynchronisingDelay(env))
        : stay(state);
    case 'release':
      return releaseLease(lease, inUse, env);
    case 'checked':
      return onConflict(state, event.inUse, env);
    case 'start':
    case 'resume':
    case 'renew':
      return stay(state);
  }
}

function onRebootAnswer(state: StateOf<'REBOOTING'>, event: MessageEvent, env: Env): Step {
  const { memory, lease, inUse } = state;
  const reply = readAnswer(event, env, {
    xid: state.exchange.xid,
    requestedAt: state.exchange.startedAt,
    ackServer: undefined,
    nakServer: lease.serverId,
    isInUse: inUse,
  });
  switch (reply.type) {
    case 'ACK':
      return granted(
        reply,
        inUse
          ? keepLease(memory, lease, reply.lease, env)
          : enterCheckingOrBound(memory, reply.lease, env),
      );
    case 'NAK':
      return refused(
        reply,
        inUse ? loseLease(memory, lease, 'nak', env) : enterInitAfterFailure(memory, false, env),
      );
    case 'ignored': {
      // here that can only be a NAK
      const isDoubted = state.isDoubted || reply.reason === 'server-mismatch';
      return ignoreMessage({ ...state, isDoubted }, event, reply.reason);
    }
  }
}

function expireBeforeAnswer(state: StateOf<'INIT-REBOOT' | 'REBOOTING'>, env: Env): Step {
  return state.inUse
    ? loseLease(state.memory, state.lease, 'expired', env)
    : enterSelecting(state.memory, env);
}

function onConflict(
  state: StateOf<'INIT-REBOOT' | 'REBOOTING'>,
  conflict: boolean,
  env: Env,
): Step {
  return conflict && state.inUse ? declineLease(state.memory, state.lease, true, env) : stay(state);
}

function startOver(state: StateOf<'SELECTING' | 'REQUESTING' | 'CHECKING'>, env: Env): Step {
  return enterInit(state.memory, env.now + desynchronisingDelay(env));
}
