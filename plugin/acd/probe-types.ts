/**
 * The types of the probe machine (RFC 5227): configuration, events, effects. The states are in
 * `probe-state.ts`. The entry is `probe.ts`.
 */
import type { Instant } from '../vocabulary/time.ts';
import type { Ipv4, Mac } from '../wire/address.ts';
import type { ArpPacket } from '../wire/arp.ts';
import type { ArpFrame } from './frame.ts';
import type { ProbeProfile } from './profiles.ts';
import type { ProbeState } from './probe-state.ts';

export interface ProbeEnv {
  readonly now: Instant;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly config: {
    readonly mac: Mac;
    readonly profile: ProbeProfile;
    /**
     * How a conflict about an address in use is answered: RFC 5227 §2.4 (c) `defend` or (b)
     * `leave`.
     */
    readonly onConflict: 'defend' | 'leave';
    /**
     * True if the address is in use before it is proven unused. Then one frame of another host that
     * claims the address is no proof. All hosts are asked once more before the address is given up.
     */
    readonly asksAgain: boolean;
  };
}

export type ProbeEvent =
  /** Starts again from any state. */
  | { readonly type: 'start'; readonly address: Ipv4 }
  /** The address is on the link. */
  | { readonly type: 'announce'; readonly address: Ipv4 }
  /** The address was on the link before the machine started. */
  | { readonly type: 'resume'; readonly address: Ipv4 }
  | { readonly type: 'tick' }
  | { readonly type: 'arp'; readonly packet: ArpFrame }
  /** A frame that is not an ARP packet. */
  | { readonly type: 'unreadable' }
  | { readonly type: 'stop' };

interface Contest {
  readonly address: Ipv4;
  readonly by: Mac;
}

export type ProbeEffect =
  | { readonly type: 'send'; readonly packet: ArpPacket }
  | { readonly type: 'free'; readonly address: Ipv4 }
  /** The address must not be used, or not any longer. `inUse`: it was announced already. */
  | ({ readonly type: 'conflict'; readonly inUse: boolean } & Contest)
  /** A host said that it has the address. All hosts are asked once more. */
  | ({ readonly type: 'doubted' } & Contest)
  /**
   * Another host uses the address, and we keep it. `isAnswered`: we announced it again; false if it
   * is too soon for that.
   */
  | ({ readonly type: 'claimed'; readonly isAnswered: boolean } & Contest);

export interface ProbeStep {
  readonly state: ProbeState;
  readonly effects: readonly ProbeEffect[];
}
