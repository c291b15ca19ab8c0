/**
 * The types of the client machine: states, events, effects (RFC 9915 §18.2).
 *
 * States are plain data. A state has only the fields that have a meaning in it. The entry is
 * `client.ts`.
 */
import type { Duid } from '../../vocabulary/ipv6/duid.ts';
import type { Lease6 } from '../../vocabulary/ipv6/lease6.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { Ipv6 } from '../../wire/address6.ts';
import type { Dhcp6Message } from '../message.ts';
import type { ClientIdentity6 } from '../requests.ts';
import type { RetransmitProfile } from '../retransmit.ts';

export interface ClientConfig6 extends ClientIdentity6 {
  /** Asked for in SOLICIT. Any other address is refused. If undefined: any address will do. */
  readonly wishedAddress: Ipv6 | undefined;
  readonly retransmit: RetransmitProfile;
  /** Messages of other servers are ignored. Empty means that any server counts. */
  readonly allowedServers: readonly Duid[];
  /** Emit `check` and pass through CHECKING before an address is used (RFC 9915 §18.2.10.1). */
  readonly dad: boolean;
  /** Ask for a REPLY to the SOLICIT itself (§5.1, §21.14). */
  readonly rapidCommit: boolean;
}

export interface Env {
  readonly now: Instant;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Called once for each conflict. If it returns false, the DECLINE is withheld. */
  readonly mayDecline?: () => boolean;
  readonly config: ClientConfig6;
}

/** One exchange with servers. Its xid stays the same when the message is sent again (§16.1). */
export interface Exchange {
  readonly xid: number;
  /** When the first message was sent. */
  readonly startedAt: Instant;
  /** When the messages were sent that a server may still answer, oldest first. */
  readonly answerable: readonly Instant[];
  readonly sends: number;
  readonly timeout: Ms;
  readonly resendAt: Instant;
}

/** An address that another host has. */
export interface DeclinedAddress {
  readonly address: Ipv6;
  readonly declinedAt: Instant;
}

/** What is kept across states. */
export interface Memory {
  /** The last MAX_CONFLICTS addresses that a server was told about. See `isShelved`. */
  readonly declined: readonly DeclinedAddress[];
  /** Refusals and unanswered REQUESTs since a lease was last granted. */
  readonly failures: number;
  /** An address of the last lease, suggested in the next SOLICIT. */
  readonly wished: Ipv6 | undefined;
  /** SOL_MAX_RT, as the last server has set it. */
  readonly solMaxRt: Ms;
}

/** What a client takes from an ADVERTISE, or asks a server for again. */
export interface Offer {
  readonly serverId: Duid;
  readonly addresses: readonly Ipv6[];
}

export interface RankedOffer extends Offer {
  readonly preference: number;
  readonly isWished: boolean;
}

export type State =
  /** `startAt` is when the next SOLICIT is sent; Infinity if the machine is not started yet. */
  | { readonly name: 'INIT'; readonly memory: Memory; readonly startAt: Instant }
  /** `best`: the best ADVERTISE while they are collected. `isRefused`: a server has no address. */
  | {
      readonly name: 'SOLICITING';
      readonly memory: Memory;
      readonly exchange: Exchange;
      readonly best: RankedOffer | undefined;
      readonly isRefused: boolean;
    }
  /** `lease`: the one in use that the server does not know (NoBinding); undefined at first. */
  | {
      readonly name: 'REQUESTING';
      readonly memory: Memory;
      readonly exchange: Exchange;
      readonly offer: Offer;
      readonly lease: Lease6 | undefined;
    }
  /** `unproven`: the addresses that are not yet proven unused. */
  | {
      readonly name: 'CHECKING';
      readonly memory: Memory;
      readonly lease: Lease6;
      readonly unproven: readonly Ipv6[];
      readonly checkBy: Instant;
    }
  /** `renewAt` is T1, or another time if the lease was only confirmed or T1 had passed. */
  | {
      readonly name: 'BOUND';
      readonly memory: Memory;
      readonly lease: Lease6;
      readonly renewAt: Instant;
    }
  /** `tellAt`: when the missing answer is reported; Infinity if it was. */
  | {
      readonly name: 'RENEWING';
      readonly memory: Memory;
      readonly lease: Lease6;
      readonly exchange: Exchange;
      readonly tellAt: Instant;
    }
  /** `stranger`: a server that did not make the lease and does not know it. */
  | {
      readonly name: 'REBINDING';
      readonly memory: Memory;
      readonly lease: Lease6;
      readonly exchange: Exchange;
      readonly stranger: Duid | undefined;
    }
  /**
   * A lease from before is asked about. `inUse`: the container uses it meanwhile. `isDoubted`: a
   * server that did not make it has refused it, so no answer does not mean yes.
   */
  | {
      readonly name: 'CONFIRMING';
      readonly memory: Memory;
      readonly lease: Lease6;
      readonly inUse: boolean;
      readonly exchange: Exchange;
      readonly giveUpAt: Instant;
      readonly isDoubted: boolean;
    }
  /** `lease`: what is left of it. */
  | {
      readonly name: 'DECLINING';
      readonly memory: Memory;
      readonly exchange: Exchange;
      readonly offer: Offer;
      readonly lease: Lease6 | undefined;
      readonly inUse: boolean;
    }
  | { readonly name: 'RELEASING'; readonly exchange: Exchange; readonly offer: Offer }
  | { readonly name: 'STOPPED' };

export type StateName = State['name'];
export type StateOf<Name extends StateName> = Extract<State, { readonly name: Name }>;

export type Event =
  /**
   * Has an effect only on a new machine. A `previous` lease that is still valid is asked about.
   * `patience` shortens the wait for an answer.
   */
  | { readonly type: 'start'; readonly previous?: Lease6; readonly patience?: Ms }
  /** After a restart of the plugin. The container has used the lease all the time. */
  | { readonly type: 'resume'; readonly lease: Lease6 }
  | { readonly type: 'tick' }
  | { readonly type: 'release' }
  | { readonly type: 'link'; readonly up: boolean }
  | { readonly type: 'message'; readonly message: Dhcp6Message }
  /** The answer to `check`. `inUse` also comes later, if a conflict shows while it is used. */
  | { readonly type: 'checked'; readonly address: Ipv6; readonly inUse: boolean };

export type MessageEvent = Extract<Event, { readonly type: 'message' }>;

export type LossCause = 'expired' | 'refused' | 'withdrawn' | 'declined' | 'released';

/** Why a well-formed message was ignored. */
export type IgnoreReason =
  | 'not-a-reply' // a type that servers do not send, or RECONFIGURE, which we never accept
  | 'xid-mismatch'
  | 'client-id-mismatch' // option 1 absent, or not ours
  | 'no-server-id' // option 2 absent or unreadable
  | 'server-not-allowed'
  | 'unexpected-in-state'
  | 'no-rapid-commit' // a REPLY to a SOLICIT without option 14, or one that was not asked for
  | 'server-mismatch' // another server than the one that was asked
  | 'no-ia' // no IA_NA with our IAID
  | 'times-out-of-order' // T1 > T2
  | 'no-addresses' // NoAddrsAvail, or an IA without addresses
  | 'no-usable-address' // none that is unicast, in order and long enough
  | 'other-address' // not the address that must be had
  | 'address-declined' // offered again soon after another host had it
  | 'already-expired'; // the REPLY took longer than its addresses are valid

export type Effect =
  /** Always a multicast: see `clientFrame`. */
  | { readonly type: 'send'; readonly message: Dhcp6Message }
  | { readonly type: 'check'; readonly address: Ipv6 }
  /** A DECLINE was not sent. */
  | { readonly type: 'withheld'; readonly address: Ipv6 }
  | {
      readonly type: 'lease';
      readonly change: 'acquired' | 'renewed' | 'changed' | 'lost';
      readonly lease: Lease6;
      readonly cause?: LossCause;
    }
  /** A server said no, with its status code and text. */
  | {
      readonly type: 'refused';
      readonly by: Duid;
      readonly status: number;
      readonly text: string;
    }
  /** No server has answered for a while since T1, or until T2. */
  | { readonly type: 'unanswered'; readonly since: 'T1' | 'T2'; readonly lease: Lease6 }
  | { readonly type: 'ignored'; readonly reason: IgnoreReason; readonly message: Dhcp6Message };

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}
