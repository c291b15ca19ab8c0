/**
 * Configuration without an address (RFC 9915 §18.2.6): INFORMATION-REQUEST, and again when its
 * refresh time is over (§21.23). It is a machine of its own, for links whose routers set only the O
 * flag. What was told stays valid while a later question is not answered.
 */
import type { Duid } from '../../vocabulary/ipv6/duid.ts';
import { secondsToMs, type Instant, type Ms } from '../../vocabulary/time.ts';
import type { Ipv6 } from '../../wire/address6.ts';
import type { Dhcp6Message } from '../message.ts';
import { optionOf } from '../options.ts';
import { firstDelay, maxRtOf, spread, TIMING } from '../retransmit.ts';
import { readSender, readStatus } from './client-acceptance.ts';
import { refused, send } from './client-effects.ts';
import { exchangeFrom, sent } from './client-exchange.ts';
import type { Effect, Env, Exchange } from './client-types.ts';

export interface Information {
  readonly serverId: Duid;
  readonly dnsServers: readonly Ipv6[];
  readonly domainSearch: readonly string[];
}

/** `infMaxRt`: INF_MAX_RT, as the last server has set it. */
export type InformationState =
  | { readonly name: 'IDLE' }
  | { readonly name: 'ASKING'; readonly infMaxRt: Ms; readonly exchange: Exchange }
  | { readonly name: 'INFORMED'; readonly infMaxRt: Ms; readonly refreshAt: Instant };

export type InformationEvent =
  | { readonly type: 'start' }
  | { readonly type: 'tick' }
  | { readonly type: 'message'; readonly message: Dhcp6Message }
  /** The link came back: it may be another (§18.2.12). */
  | { readonly type: 'link'; readonly up: boolean }
  | { readonly type: 'stop' };

export type InformationEffect =
  | Extract<Effect, { readonly type: 'send' | 'refused' | 'ignored' }>
  | { readonly type: 'informed'; readonly information: Information };

export interface InformationStep {
  readonly state: InformationState;
  readonly effects: readonly InformationEffect[];
}

type Asking = Extract<InformationState, { readonly name: 'ASKING' }>;

export const INFORMATION_TRANSITIONS: Record<
  InformationState['name'],
  readonly InformationState['name'][]
> = {
  IDLE: ['ASKING'],
  ASKING: ['INFORMED', 'IDLE'],
  INFORMED: ['ASKING', 'IDLE'],
};

/** RFC 9915 §21.23: IRT_DEFAULT and IRT_MINIMUM, in seconds. */
const IRT_DEFAULT = 86_400;
const IRT_MINIMUM = 600;

export function initialInformationState(): InformationState {
  return { name: 'IDLE' };
}

/** When `stepInformation` wants a `tick`; Infinity if nothing is due. */
export function nextInformationDeadline(state: InformationState): Instant {
  if (state.name === 'ASKING') return state.exchange.resendAt;
  return state.name === 'INFORMED' ? state.refreshAt : Infinity;
}

/** Handles what is due before the event. A `tick` before the deadline changes nothing. */
export function stepInformation(
  state: InformationState,
  event: InformationEvent,
  env: Env,
): InformationStep {
  const before = env.now < nextInformationDeadline(state) ? stay(state) : due(state, env);
  const next = onEvent(before.state, event, env);
  return { state: next.state, effects: [...before.effects, ...next.effects] };
}

function due(state: InformationState, env: Env): InformationStep {
  if (state.name === 'ASKING') return ask(state, env);
  return state.name === 'INFORMED' ? begin(state.infMaxRt, spread(env.random), env) : stay(state);
}

function onEvent(state: InformationState, event: InformationEvent, env: Env): InformationStep {
  switch (event.type) {
    case 'start': {
      if (state.name !== 'IDLE') return stay(state);
      const delay = firstDelay(env.config.retransmit, env.random);
      return begin(TIMING['INFORMATION-REQUEST'].longest, delay, env);
    }
    case 'link':
      if (!event.up || state.name === 'IDLE') return stay(state);
      return begin(state.infMaxRt, spread(env.random), env);
    case 'message':
      return onAnswer(state, event.message, env);
    case 'stop':
      return stay({ name: 'IDLE' });
    case 'tick':
      return stay(state);
  }
}

function begin(infMaxRt: Ms, delay: Ms, env: Env): InformationStep {
  const asking: Asking = {
    ...({ name: 'ASKING' } as const),
    ...{ infMaxRt, exchange: exchangeFrom(env.now + delay, env) },
  };
  return delay === 0 ? ask(asking, env) : stay(asking);
}

function ask({ infMaxRt, exchange }: Asking, env: Env): InformationStep {
  const timing = { ...TIMING['INFORMATION-REQUEST'], longest: infMaxRt };
  return {
    state: { name: 'ASKING', infMaxRt, exchange: sent(exchange, timing, env) },
    effects: [send('INFORMATION-REQUEST', exchange, {}, env)],
  };
}

function onAnswer(state: InformationState, message: Dhcp6Message, env: Env): InformationStep {
  const xid = state.name === 'ASKING' ? state.exchange.xid : -1;
  const from = readSender(message, env, xid, ['REPLY']);
  if (from.type === 'ignored' || state.name !== 'ASKING') {
    const reason = from.type === 'ignored' ? from.reason : 'unexpected-in-state';
    return { state, effects: [{ type: 'ignored', reason, message }] };
  }
  const { options } = message;
  const toldMaxRt = optionOf(options, 'inf-max-rt');
  const infMaxRt = (toldMaxRt && maxRtOf(toldMaxRt.value)) ?? state.infMaxRt;
  const refusal = readStatus(message, from.serverId, env);
  if (refusal !== undefined) {
    return { state: { ...state, infMaxRt }, effects: [refused(refusal)] };
  }
  const seconds = Math.max(IRT_MINIMUM, optionOf(options, 'refresh-time')?.value ?? IRT_DEFAULT);
  const information: Information = {
    serverId: from.serverId,
    dnsServers: optionOf(options, 'dns-servers')?.servers ?? [],
    domainSearch: optionOf(options, 'domain-list')?.names ?? [],
  };
  return {
    state: { name: 'INFORMED', infMaxRt, refreshAt: env.now + secondsToMs(seconds) },
    effects: [{ type: 'informed', information }],
  };
}

function stay(state: InformationState): InformationStep {
  return { state, effects: [] };
}
