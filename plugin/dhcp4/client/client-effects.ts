/** Parts of the machine's arrows: steps that keep the state, and single effects. */
import type { Lease } from '../../vocabulary/lease.ts';
import type { Ipv4 } from '../../wire/address.ts';
import type { Ack, Nak } from './client-acceptance.ts';
import type { Effect, IgnoreReason, LossCause, MessageEvent, State, Step } from './client-types.ts';
import type { Dhcp4Message } from '../message.ts';

export function stay(state: State): Step {
  return { state, effects: [] };
}

export function ignoreMessage(
  state: State,
  { message, sourceAddress }: MessageEvent,
  reason: IgnoreReason,
): Step {
  return { state, effects: [{ type: 'ignored', reason, message, sourceAddress }] };
}

/** Puts the report of an ACK's unused parts before the other effects. */
export function granted({ lease, dropped }: Ack, next: Step): Step {
  if (dropped.length === 0) return next;
  const effect: Effect = { type: 'dropped', by: lease.serverId, what: dropped };
  return { state: next.state, effects: [effect, ...next.effects] };
}

/** Puts the report of a NAK before the other effects. */
export function refused(nak: Nak, next: Step): Step {
  const effect: Effect = { type: 'refused', by: nak.serverId, text: nak.text };
  return { state: next.state, effects: [effect, ...next.effects] };
}

export function broadcast(message: Dhcp4Message): Effect {
  return { type: 'send', message, to: 'broadcast' };
}

export function serverOf(lease: Lease): {
  readonly address: Ipv4;
  readonly mac: Lease['serverMac'];
} {
  return { address: lease.serverId, mac: lease.serverMac };
}

export function lost(lease: Lease, cause: LossCause): Effect {
  return { type: 'lease', change: 'lost', lease, cause };
}
