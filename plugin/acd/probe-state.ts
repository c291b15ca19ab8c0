/** How far the detection of conflicts about one address is, what is due next, and what is to be heard meanwhile. */
import type { Ipv4 } from '../wire/address.ts';
import type { Instant } from '../vocabulary/time.ts';
import type { Rivals } from './rivals.ts';

export type ProbeState =
  | { readonly name: 'IDLE' }
  /** `sent` probes so far; at PROBE_NUM the wait is ANNOUNCE_WAIT. */
  | {
      readonly name: 'PROBING';
      readonly address: Ipv4;
      readonly sent: number;
      readonly nextAt: Instant;
      readonly rivals: Rivals;
      /** Somebody has said that it has the address, and is asked once more. */
      readonly isDoubted: boolean;
    }
  /**
   * Nobody has it; not announced yet. `answeredAt`: when somebody who probes for it was last told that it is taken;
   * undefined: nobody was.
   */
  | { readonly name: 'FREE'; readonly address: Ipv4; readonly answeredAt: Instant | undefined }
  /** Announced and watched over; `nextAt` is Infinity after the last announcement. */
  | {
      readonly name: 'DEFENDING';
      readonly address: Ipv4;
      readonly announced: number;
      readonly nextAt: Instant;
      /** When a conflict was last answered; undefined: never. */
      readonly defendedAt: Instant | undefined;
      /** Frames that reached us since then, and were answered with nothing. */
      readonly heard: number;
      /** Until when nothing more is listened to. Undefined: it is. */
      readonly deafUntil: Instant | undefined;
    };

export type Probing = Extract<ProbeState, { readonly name: 'PROBING' }>;
export type Free = Extract<ProbeState, { readonly name: 'FREE' }>;
export type Defending = Extract<ProbeState, { readonly name: 'DEFENDING' }>;

export type ProbeStateName = ProbeState['name'];

export const PROBE_TRANSITIONS: Record<ProbeStateName, readonly ProbeStateName[]> = {
  IDLE: ['PROBING', 'DEFENDING'],
  PROBING: ['FREE', 'DEFENDING', 'IDLE'],
  FREE: ['PROBING', 'DEFENDING', 'IDLE'],
  DEFENDING: ['PROBING', 'IDLE'],
};

export function initialProbeState(): ProbeState {
  return { name: 'IDLE' };
}

/** ARP of hosts that use an address. */
export interface SoughtArp {
  readonly address: Ipv4;
  /** Also of those that probe for it. They are of no concern for an address in use: the kernel answers them. */
  readonly probes: boolean;
}

/** When `stepProbe` wants a `tick`; Infinity: nothing is due. */
export function nextProbeDeadline(state: ProbeState): Instant {
  switch (state.name) {
    case 'PROBING':
      return state.nextAt;
    case 'DEFENDING':
      return Math.min(state.nextAt, state.deafUntil ?? Infinity);
    case 'IDLE':
    case 'FREE':
      return Infinity;
  }
}

/** What of other hosts' ARP is to be heard; undefined: nothing they say would count. */
export function soughtArp(state: ProbeState): SoughtArp | undefined {
  if (state.name === 'IDLE') return undefined;
  if (state.name !== 'DEFENDING') return { address: state.address, probes: true };
  return state.deafUntil === undefined ? { address: state.address, probes: false } : undefined;
}
