/** Parts of the machine's arrows: steps that keep the state, and single effects. */
import type { Lease6 } from '../../vocabulary/ipv6/lease6.ts';
import type { MessageType } from '../message.ts';
import { buildMessage, type MessageParts } from '../requests.ts';
import type { Refusal } from './client-acceptance.ts';
import { elapsedOf } from './client-exchange.ts';
import type {
  Effect,
  Env,
  Exchange,
  IgnoreReason,
  LossCause,
  MessageEvent,
  State,
  Step,
} from './client-types.ts';

export function stay(state: State): Step {
  return { state, effects: [] };
}

export function ignoreMessage(state: State, { message }: MessageEvent, reason: IgnoreReason): Step {
  return { state, effects: [{ type: 'ignored', reason, message }] };
}

/** Puts effects before those of a step. */
export function after(effects: readonly Effect[], next: Step): Step {
  return { state: next.state, effects: [...effects, ...next.effects] };
}

export function refused({
  serverId,
  status,
  text,
}: Refusal): Extract<Effect, { readonly type: 'refused' }> {
  return { type: 'refused', by: serverId, status, text };
}

export function lost(lease: Lease6, cause: LossCause): Effect {
  return { type: 'lease', change: 'lost', lease, cause };
}

/** The message of an exchange. `exchange` is as it was before this message. */
export function send(
  type: MessageType,
  exchange: Exchange,
  parts: Omit<MessageParts, 'xid' | 'elapsed'>,
  env: Env,
): Extract<Effect, { readonly type: 'send' }> {
  const elapsed = elapsedOf(exchange, env.now);
  const message = buildMessage(type, env.config, { ...parts, xid: exchange.xid, elapsed });
  return { type: 'send', message };
}
