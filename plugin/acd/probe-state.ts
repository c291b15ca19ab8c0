/**
 * The states of conflict detection for one address, the next deadline, and which ARP packets
 * matter.
 */
import type { Ipv4 } from '../wire/address.ts';
import type { Instant } from '../vocabulary/time.ts';
import type { Rivals } from './rivals.ts';

export type ProbeState =
  | { readonly name: 'IDLE' }
  /** `sent` probes so far. At PROBE_NUM the wait is ANNOUNCE_WAIT. */
  | {
      readonly name: 'PROBING';
      readonly address: Ipv4;
      readonly sent: number;
      readonly nextAt: Instant;
      readonly rivals: Rivals;
      /** A host has said that it has the address. All hosts are asked once more. */
      readonly isDoubted: boolean;
    }
  /**
   * No host has the address, and it is not announced yet. `answeredAt`: when we last told a probing
   * host that the address is taken; undefined if never.
   */
  | { readonly name: 'FREE'; readonly address: Ipv4; readonly answeredAt: Instant | undefined }
  /** Announced and defended. `nextAt` is Infinity after the last announcement. */
  | {
      readonly name: 'DEFENDING';
      readonly address: Ipv4;
      readonly announced: number;
      readonly nextAt: Instant;
      /** When a conflict was last answered; undefined if never. */
      readonly defendedAt: Instant | undefined;
      /** Frames that reached us since then and got no answer. */
      readonly heard: number;
      /** Until when all frames are ignored; undefined if frames are read. */
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

/** Which ARP of hosts that use an address is wanted. */
export interface SoughtArp {
  readonly address: Ipv4;
  /**
   * True if probes are wanted, too. They do not matter for an address in use: the kernel answers
   * them.
   */
  readonly probes: boolean;
}

/** When `stepProbe` wants a `tick`; Infinity if nothing is due. */
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

/** Which ARP of other hosts is wanted; undefined if none would change the state. */
export function soughtArp(state: ProbeState): SoughtArp | undefined {
  if (state.name === 'IDLE') return undefined;
  if (state.name !== 'DEFENDING') return { address: state.address, probes: true };
  return state.deafUntil === undefined ? { address: state.address, probes: false } : undefined;
}
