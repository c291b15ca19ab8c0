/** The words of the probe machine: events, effects (RFC 5227); its states are in `probe-state.ts`, `probe.ts` is the way in. */
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
    /** What another host's use of the address in use is answered with: RFC 5227 §2.4 (c) or (b). */
    readonly onConflict: 'defend' | 'leave';
    /**
     * True where the address is in use before it is proven unused: then one frame that says that another host has it is
     * no proof, and the question is put once more before it is given up.
     */
    readonly asksAgain: boolean;
  };
}

export type ProbeEvent =
  /** Begins anew from any state. */
  | { readonly type: 'start'; readonly address: Ipv4 }
  /** The address is on the link. */
  | { readonly type: 'announce'; readonly address: Ipv4 }
  /** The address has been on the link since before we began. */
  | { readonly type: 'resume'; readonly address: Ipv4 }
  | { readonly type: 'tick' }
  | { readonly type: 'arp'; readonly packet: ArpFrame }
  /** A frame that is no ARP packet. */
  | { readonly type: 'unreadable' }
  | { readonly type: 'stop' };

interface Contest {
  readonly address: Ipv4;
  readonly by: Mac;
}

export type ProbeEffect =
  | { readonly type: 'send'; readonly packet: ArpPacket }
  | { readonly type: 'free'; readonly address: Ipv4 }
  /** The address must not be used (any more). `inUse`: it was announced already. */
  | ({ readonly type: 'conflict'; readonly inUse: boolean } & Contest)
  /** Somebody said that it has the address: all hosts are asked once more. */
  | ({ readonly type: 'doubted' } & Contest)
  /** Another host uses the address, which is kept. `isAnswered`: with an announcement; else that is too soon. */
  | ({ readonly type: 'claimed'; readonly isAnswered: boolean } & Contest);

export interface ProbeStep {
  readonly state: ProbeState;
  readonly effects: readonly ProbeEffect[];
}
