/**
 * How addresses are given up: they end, another host has them (DECLINE, RFC 9915 §18.2.8), or the
 * container goes (RELEASE, §18.2.7). The container stops using them before a message says so.
 */
import { withoutAddresses, type Lease6 } from '../../vocabulary/ipv6/lease6.ts';
import type { Ms } from '../../vocabulary/time.ts';
import type { Ipv6 } from '../../wire/address6.ts';
import { conflictDelay, MAX_CONFLICTS, spread, TIMING } from '../retransmit.ts';
import { readSender, reasonToIgnore } from './client-acceptance.ts';
import { after, ignoreMessage, lost, send, stay } from './client-effects.ts';
import { exchangeFrom, sent } from './client-exchange.ts';
import {
  enterByLeaseTimes,
  enterCheckingOrBound,
  enterBound,
  enterInit,
  loseLease,
  offerOf,
  remembering,
} from './client-transitions.ts';
import type { Effect, Env, Event, Memory, State, StateOf, Step } from './client-types.ts';

/** After a DECLINE that was withheld, the same address is probed again after this time. */
const WITHHELD_DELAY: Ms = 10_000;

/** A state with the lease that it is about. */
export type Leasing = Exclude<
  State,
  { readonly name: 'INIT' | 'SOLICITING' | 'RELEASING' | 'STOPPED' }
> & {
  readonly lease: Lease6;
};

export function isLeasing(state: State): state is Leasing {
  return 'lease' in state && state.lease !== undefined;
}

/** True if the container uses the lease of the state. */
function isInUse(state: Leasing): boolean {
  return 'inUse' in state ? state.inUse : state.name !== 'CHECKING';
}

/** Some addresses of the lease have ended, or all. */
export function expireAddresses(state: Leasing, env: Env): Step {
  const { memory, lease } = state;
  const rest = withoutAddresses(lease, ({ validUntil }) => env.now >= validUntil);
  const isUsed = isInUse(state);
  if (rest !== undefined) {
    const effects: readonly Effect[] = isUsed ? [changed(rest)] : [];
    if (state.name !== 'CHECKING') return { state: { ...state, lease: rest }, effects };
    const unproven = state.unproven.filter((address) => has(rest, address));
    if (unproven.length === 0) return enterBound(memory, rest, 'acquired', env);
    return { state: { ...state, lease: rest, unproven }, effects };
  }
  if (state.name === 'REQUESTING' || state.name === 'DECLINING') {
    return {
      state: { ...state, lease: undefined },
      effects: isUsed ? [lost(lease, 'expired')] : [],
    };
  }
  if (isUsed) return loseLease(memory, lease, 'expired', env);
  return enterInit(remembering(memory, lease), env.now + spread(env.random));
}

/**
 * Another host has an address of the lease. The other addresses stay in use. Deviation (RFC 9915
 * §18.2.10.1): a DECLINE may be withheld. Then the server does not know, and offers it again.
 */
export function declineAddress(state: Leasing, address: Ipv6, env: Env): Step {
  const { memory, lease } = state;
  if (!has(lease, address)) return stay(state);
  const isUsed = isInUse(state);
  const rest = withoutAddresses(lease, (leased) => leased.address === address);
  const isTold = env.mayDecline?.() ?? true;
  const declined = [
    ...memory.declined.filter((entry) => entry.address !== address),
    ...(isTold ? [{ address, declinedAt: env.now }] : []),
  ].slice(-MAX_CONFLICTS);
  const remembered = { ...memory, declined, wished: undefined };
  const gone: readonly Effect[] = !isUsed
    ? []
    : [rest === undefined ? lost(lease, 'declined') : changed(rest)];
  if (!isTold) {
    const withheld: Effect = { type: 'withheld', address };
    const next =
      rest === undefined
        ? enterInit(remembered, env.now + WITHHELD_DELAY)
        : goOn(remembered, rest, isUsed, env);
    return after([...gone, withheld], next);
  }
  const earlier = state.name === 'DECLINING' ? state.offer.addresses : [];
  const offer = { serverId: lease.serverId, addresses: [...earlier, address] };
  const exchange = exchangeFrom(env.now, env);
  const next = { memory: remembered, exchange, offer, lease: rest, inUse: isUsed };
  return after(gone, sendDecline(next, env));
}

function sendDecline(state: Omit<StateOf<'DECLINING'>, 'name'>, env: Env): Step {
  const { exchange, offer } = state;
  return {
    state: { name: 'DECLINING', ...state, exchange: sent(exchange, TIMING.DECLINE, env) },
    effects: [send('DECLINE', exchange, offer, env)],
  };
}

/** What the caller says while an answer is awaited, in a state that may have a lease. */
export function whileAsking(
  state: StateOf<'REQUESTING' | 'DECLINING'>,
  event: Exclude<Event, { readonly type: 'tick' | 'message' }>,
  env: Env,
): Step {
  switch (event.type) {
    case 'release':
      return isLeasing(state) ? releaseLease(state, env) : enterStopped();
    case 'checked':
      return event.inUse && isLeasing(state)
        ? declineAddress(state, event.address, env)
        : stay(state);
    case 'link':
    case 'start':
    case 'resume':
      return stay(state);
  }
}

export function inDeclining(state: StateOf<'DECLINING'>, event: Event, env: Env): Step {
  switch (event.type) {
    case 'tick':
      return state.exchange.sends < TIMING.DECLINE.mostSends
        ? sendDecline(state, env)
        : afterDecline(state, env);
    case 'message': {
      const from = readSender(event.message, env, state.exchange.xid, ['REPLY']);
      if (from.type === 'ignored') return ignoreMessage(state, event, from.reason);
      return from.serverId === state.offer.serverId
        ? afterDecline(state, env)
        : ignoreMessage(state, event, 'server-mismatch');
    }
    case 'release':
    case 'checked':
    case 'link':
    case 'start':
    case 'resume':
      return whileAsking(state, event, env);
  }
}

/** The status of the REPLY does not matter (§18.2.10.3). */
function afterDecline({ memory, lease, inUse }: StateOf<'DECLINING'>, env: Env): Step {
  if (lease !== undefined) return goOn(memory, lease, inUse, env);
  return enterInit(memory, env.now + conflictDelay(memory.declined.length));
}

function goOn(memory: Memory, lease: Lease6, inUse: boolean, env: Env): Step {
  return inUse ? enterByLeaseTimes(memory, lease, env) : enterCheckingOrBound(memory, lease, env);
}

export function releaseLease(state: Leasing, env: Env): Step {
  const { lease } = state;
  const next = sendRelease({ exchange: exchangeFrom(env.now, env), offer: offerOf(lease) }, env);
  return after(isInUse(state) ? [lost(lease, 'released')] : [], next);
}

function sendRelease(state: Omit<StateOf<'RELEASING'>, 'name'>, env: Env): Step {
  const { exchange, offer } = state;
  return {
    state: { name: 'RELEASING', offer, exchange: sent(exchange, TIMING.RELEASE, env) },
    effects: [send('RELEASE', exchange, offer, env)],
  };
}

export function inReleasing(state: StateOf<'RELEASING'>, event: Event, env: Env): Step {
  if (event.type === 'tick') {
    return state.exchange.sends < TIMING.RELEASE.mostSends
      ? sendRelease(state, env)
      : enterStopped();
  }
  if (event.type !== 'message') return stay(state);
  const from = readSender(event.message, env, state.exchange.xid, ['REPLY']);
  if (from.type === 'ignored') return ignoreMessage(state, event, from.reason);
  return from.serverId === state.offer.serverId
    ? enterStopped()
    : ignoreMessage(state, event, 'server-mismatch');
}

export function inStopped(state: StateOf<'STOPPED'>, event: Event, env: Env): Step {
  return event.type === 'message'
    ? ignoreMessage(state, event, reasonToIgnore(event.message, env))
    : stay(state);
}

/** Nothing is leased, or the server has been told. */
export function enterStopped(): Step {
  return { state: { name: 'STOPPED' }, effects: [] };
}

function has({ addresses }: Lease6, address: Ipv6): boolean {
  return addresses.some((leased) => leased.address === address);
}

function changed(lease: Lease6): Effect {
  return { type: 'lease', change: 'changed', lease };
}
