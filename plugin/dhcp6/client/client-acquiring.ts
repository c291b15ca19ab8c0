/** The states on the way to a lease: INIT, SOLICITING, REQUESTING, CHECKING (RFC 9915 §18.2). */
import { withoutAddresses } from '../../vocabulary/ipv6/lease6.ts';
import { optionOf } from '../options.ts';
import { firstDelay, spread, TIMING } from '../retransmit.ts';
import {
  heedMaxRt,
  readGrant,
  readOffer,
  readSender,
  reasonToIgnore,
  STATUS,
  type Refusal,
} from './client-acceptance.ts';
import { enterConfirming } from './client-confirming.ts';
import { after, ignoreMessage, lost, refused, stay } from './client-effects.ts';
import { countsFrom } from './client-exchange.ts';
import { declineAddress, enterStopped, releaseLease, whileAsking } from './client-leaving.ts';
import {
  asksForRapidCommit,
  enterBound,
  enterByLeaseTimes,
  enterCheckingOrBound,
  enterInit,
  enterInitAfterFailure,
  enterRebinding,
  enterRequesting,
  enterSoliciting,
  keepLease,
  loseLease,
  remembering,
  renewedSoon,
  sendRequest,
  sendSolicit,
} from './client-transitions.ts';
import type {
  ClientConfig6,
  Effect,
  Env,
  Event,
  MessageEvent,
  RankedOffer,
  StateOf,
  Step,
} from './client-types.ts';

/** The ADVERTISE of a server that wants to be taken at once (RFC 9915 §18.2.1). */
const HIGHEST_PREFERENCE = 255;

export function inInit(state: StateOf<'INIT'>, event: Event, env: Env): Step {
  const isNew = state.startAt === Infinity;
  switch (event.type) {
    case 'start':
      return isNew ? start(state, event, env) : stay(state);
    case 'resume':
      return isNew ? resume(state, event, env) : stay(state);
    case 'tick':
      return enterSoliciting(state.memory, env);
    case 'message':
      return ignoreMessage(state, event, reasonToIgnore(event.message, env));
    case 'release':
      return enterStopped();
    case 'link':
    case 'checked':
      return stay(state);
  }
}

function start(
  { memory }: StateOf<'INIT'>,
  { previous, patience }: Extract<Event, { readonly type: 'start' }>,
  env: Env,
): Step {
  const delay = firstDelay(env.config.retransmit, env.random);
  const valid = previous && withoutAddresses(previous, ({ validUntil }) => env.now >= validUntil);
  if (valid !== undefined) return enterConfirming(memory, valid, false, delay, env, patience);
  const remembered = previous === undefined ? memory : remembering(memory, previous);
  return delay === 0 ? enterSoliciting(remembered, env) : enterInit(remembered, env.now + delay);
}

/** What has ended meanwhile is told. Leases that are due are extended one after the other. */
function resume(
  { memory }: StateOf<'INIT'>,
  { lease }: Extract<Event, { readonly type: 'resume' }>,
  env: Env,
): Step {
  const valid = withoutAddresses(lease, ({ validUntil }) => env.now >= validUntil);
  if (valid === undefined) return loseLease(memory, lease, 'expired', env);
  const isWhole = valid.addresses.length === lease.addresses.length;
  const told: readonly Effect[] = isWhole
    ? []
    : [{ type: 'lease', change: 'changed', lease: valid }];
  const isDue = env.now >= valid.t1At && env.now < valid.t2At;
  return after(told, enterByLeaseTimes(memory, isDue ? renewedSoon(valid, env) : valid, env));
}

export function inSoliciting(state: StateOf<'SOLICITING'>, event: Event, env: Env): Step {
  switch (event.type) {
    case 'tick':
      return state.best === undefined
        ? sendSolicit(state, env)
        : enterRequesting(state.memory, state.best, undefined, env);
    case 'message':
      return onSolicitAnswer(state, event, env);
    case 'release':
      return enterStopped();
    case 'link':
      // The next SOLICIT may be an hour away.
      return event.up ? enterInit(state.memory, env.now + spread(env.random)) : stay(state);
    case 'start':
    case 'resume':
    case 'checked':
      return stay(state);
  }
}

function onSolicitAnswer(state: StateOf<'SOLICITING'>, event: MessageEvent, env: Env): Step {
  const { message } = event;
  const from = readSender(message, env, state.exchange.xid, ['ADVERTISE', 'REPLY']);
  if (from.type === 'ignored') return ignoreMessage(state, event, from.reason);
  const memory = heedMaxRt(state.memory, message);
  const heard = { ...state, memory };
  if (message.type === 'REPLY') return onRapidReply(heard, event, from.serverId, env);
  const offer = readOffer(message, from.serverId, memory, env);
  if ('reason' in offer) return ignoreMessage(heard, event, offer.reason);
  if ('status' in offer) {
    // Each SOLICIT is answered so, perhaps for hours. It is told once.
    if (state.isRefused) return ignoreMessage(heard, event, 'no-addresses');
    return after([refused(offer)], stay({ ...heard, isRefused: true }));
  }
  const isTaken =
    offer.preference === HIGHEST_PREFERENCE ||
    state.exchange.sends > 1 ||
    !collectsOffers(env.config);
  if (isTaken) return enterRequesting(memory, offer, undefined, env);
  return stay({ ...heard, best: better(state.best, offer) });
}

/**
 * Until the first SOLICIT is sent again, offers are compared (RFC 9915 §18.2.1). Deviation: a
 * starting container takes the first offer, because most servers send no preference. With a list of
 * several servers it compares.
 */
function collectsOffers({ retransmit, allowedServers }: ClientConfig6): boolean {
  return retransmit === 'rfc9915' || allowedServers.length > 1;
}

/** Higher preference first, then the wished address, then the earlier one (§18.2.9). */
function better(best: RankedOffer | undefined, offer: RankedOffer): RankedOffer {
  if (best === undefined || offer.preference > best.preference) return offer;
  const isBetter = offer.preference === best.preference && offer.isWished && !best.isWished;
  return isBetter ? offer : best;
}

function onRapidReply(
  state: StateOf<'SOLICITING'>,
  event: MessageEvent,
  serverId: RankedOffer['serverId'],
  env: Env,
): Step {
  const { memory, exchange } = state;
  const isRapid = optionOf(event.message.options, 'rapid-commit') !== undefined;
  if (!isRapid || !asksForRapidCommit(memory, env)) {
    return ignoreMessage(state, event, 'no-rapid-commit');
  }
  const requestedAt = countsFrom(exchange, env.now);
  const reply = readGrant(event.message, serverId, env, { requestedAt, isInUse: false });
  switch (reply.type) {
    case 'grant':
      return enterCheckingOrBound(memory, reply.lease, env);
    case 'refusal':
      return after([refused(reply)], stay(state));
    case 'withdrawal':
      return ignoreMessage(state, event, 'no-usable-address');
    case 'ignored':
      return ignoreMessage(state, event, reply.reason);
  }
}

export function inRequesting(state: StateOf<'REQUESTING'>, event: Event, env: Env): Step {
  const { memory, lease, exchange } = state;
  switch (event.type) {
    case 'tick':
      if (exchange.sends < TIMING.REQUEST.mostSends) return sendRequest(state, env);
      return lease === undefined
        ? enterInitAfterFailure(memory, false, env)
        : enterRebinding(memory, lease, env);
    case 'message':
      return onRequestAnswer(state, event, env);
    case 'release':
    case 'checked':
    case 'link':
    case 'start':
    case 'resume':
      return whileAsking(state, event, env);
  }
}

function onRequestAnswer(state: StateOf<'REQUESTING'>, event: MessageEvent, env: Env): Step {
  const { message } = event;
  const { lease, offer, exchange } = state;
  const from = readSender(message, env, exchange.xid, ['REPLY']);
  if (from.type === 'ignored') return ignoreMessage(state, event, from.reason);
  if (from.serverId !== offer.serverId) return ignoreMessage(state, event, 'server-mismatch');
  const memory = heedMaxRt(state.memory, message);
  const requestedAt = countsFrom(exchange, env.now);
  const isInUse = lease !== undefined;
  const reply = readGrant(message, from.serverId, env, { requestedAt, isInUse });
  switch (reply.type) {
    case 'grant':
      return lease === undefined
        ? enterCheckingOrBound(memory, reply.lease, env)
        : keepLease(memory, lease, reply.lease, env);
    case 'refusal':
      return after([refused(reply)], onRefusal({ ...state, memory }, reply, env));
    case 'withdrawal':
      return giveUp({ ...state, memory }, env);
    case 'ignored':
      return ignoreMessage({ ...state, memory }, event, reply.reason);
  }
}

/** UnspecFail: the same message is sent again by the timer (RFC 9915 §18.2.10). */
function onRefusal(state: StateOf<'REQUESTING'>, { status }: Refusal, env: Env): Step {
  return status === STATUS.unspecFail ? stay(state) : giveUp(state, env);
}

function giveUp({ memory, lease }: StateOf<'REQUESTING'>, env: Env): Step {
  if (lease === undefined) return enterInitAfterFailure(memory, false, env);
  return after([lost(lease, 'refused')], enterInitAfterFailure(memory, true, env));
}

export function inChecking(state: StateOf<'CHECKING'>, event: Event, env: Env): Step {
  const { memory, lease, unproven } = state;
  switch (event.type) {
    case 'tick':
      return enterBound(memory, lease, 'acquired', env);
    case 'checked': {
      if (event.inUse) return declineAddress(state, event.address, env);
      const left = unproven.filter((address) => address !== event.address);
      return left.length === 0
        ? enterBound(memory, lease, 'acquired', env)
        : stay({ ...state, unproven: left });
    }
    case 'message':
      return ignoreMessage(state, event, reasonToIgnore(event.message, env));
    case 'release':
      return releaseLease(state, env);
    case 'link':
    case 'start':
    case 'resume':
      return stay(state);
  }
}
