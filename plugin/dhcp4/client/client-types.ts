/**
 * The words of the client machine: states, events, effects (RFC 2131 §4.4, Figure 5).
 *
 * States are plain data and hold a field only where it has meaning. `client.ts` is the way in.
 */
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { AddressBounds, Lease } from '../../vocabulary/lease.ts';
import type { Ipv4, Mac } from '../../wire/address.ts';
import type { Dhcp4Message } from '../message.ts';
import type { ClientIdentity } from '../requests.ts';
import type { RetransmitProfile } from '../retransmit.ts';

export interface ClientConfig extends ClientIdentity {
  /** Option 50 in DISCOVER; when set, an OFFER or ACK of another address is ignored. */
  readonly requestedAddress: Ipv4 | undefined;
  /** Other addresses are ignored; undefined: any will do. */
  readonly bounds?: AddressBounds | undefined;
  readonly retransmit: RetransmitProfile;
  /** Empty: any. Otherwise messages of other servers are ignored. */
  readonly allowedServers: readonly Ipv4[];
  /** Emit `check` and pass through CHECKING before BOUND (RFC 2131 §4.4.1, RFC 5227). */
  readonly acd: boolean;
  /** Ask for an ACK to the DISCOVER itself (RFC 4039). */
  readonly rapidCommit: boolean;
  /** The source of a packet stands in for an option 54 that is missing or not a host's address. */
  readonly lenientServerId: boolean;
}

export interface Env {
  readonly now: Instant;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /** Asked once for each DECLINE. False: it is withheld. Absent: none is. */
  readonly mayDecline?: () => boolean;
  readonly config: ClientConfig;
}

/** One conversation with servers: its xid never changes, and no other has the same one. */
export interface Exchange {
  readonly xid: number;
  readonly startedAt: Instant;
  /** `secs` of the message sent last. */
  readonly secs: number;
  /** Resends so far. */
  readonly attempt: number;
}

/** An address that another host answered for. */
export interface DeclinedAddress {
  readonly address: Ipv4;
  readonly declinedAt: Instant;
}

/** What outlives a single state. */
export interface Memory {
  /** The latest MAX_CONFLICTS addresses that a server was told of; see `isShelved`. */
  readonly declined: readonly DeclinedAddress[];
  /** NAKs and REQUESTs that nobody answered, since the last BOUND. */
  readonly failures: number;
  /** The address of the last lease, suggested in the next DISCOVER (RFC 2131 §4.4.1). */
  readonly wished: Ipv4 | undefined;
}

/** The lease is in use and a REQUEST to extend it is under way. */
interface Extending {
  readonly memory: Memory;
  readonly lease: Lease;
  readonly exchange: Exchange;
  readonly resendAt: Instant;
}

/** Since T1: `tellAt` is when the silence is told; Infinity: it was. */
interface Renewing extends Extending {
  readonly tellAt: Instant;
}

export type State =
  /** `startAt` Infinity: not started yet; else when the next DISCOVER goes out. */
  | { readonly name: 'INIT'; readonly memory: Memory; readonly startAt: Instant }
  | {
      readonly name: 'SELECTING';
      readonly memory: Memory;
      readonly exchange: Exchange;
      readonly resendAt: Instant;
      /** From when a lease counts that is committed to a DISCOVER (RFC 4039). */
      readonly committableFrom: Instant;
    }
  | {
      readonly name: 'REQUESTING';
      readonly memory: Memory;
      readonly exchange: Exchange;
      readonly resendAt: Instant;
      readonly offered: { readonly address: Ipv4; readonly serverId: Ipv4 };
      /** When the first REQUEST was sent: a lease counts from there whichever of them is answered. */
      readonly requestedAt: Instant;
    }
  /** ACK received, address not yet proven unused. */
  | {
      readonly name: 'CHECKING';
      readonly memory: Memory;
      readonly lease: Lease;
      readonly checkBy: Instant;
    }
  /** `renewAt` is T1, or a little later when T1 had passed by the time the ACK, or the plugin, came. */
  | {
      readonly name: 'BOUND';
      readonly memory: Memory;
      readonly lease: Lease;
      readonly renewAt: Instant;
    }
  | ({ readonly name: 'RENEWING' } & Renewing)
  | ({ readonly name: 'REBINDING' } & Extending)
  /** `inUse`: the container is using the lease meanwhile (the link was away, not the container). */
  | {
      readonly name: 'INIT-REBOOT';
      readonly memory: Memory;
      readonly lease: Lease;
      readonly inUse: boolean;
      readonly startAt: Instant;
    }
  | {
      readonly name: 'REBOOTING';
      readonly memory: Memory;
      readonly lease: Lease;
      readonly inUse: boolean;
      readonly exchange: Exchange;
      readonly resendAt: Instant;
      readonly giveUpAt: Instant;
      /** A server that did not make the lease refused it: somebody is there, and silence is no consent. */
      readonly isDoubted: boolean;
    }
  | { readonly name: 'STOPPED' };

export type StateName = State['name'];

export type StateOf<Name extends StateName> = Extract<State, { readonly name: Name }>;

export type Event =
  /**
   * Acts only on a fresh machine. A `previous` lease that is still valid is asked for again; `patience` shortens
   * how long for, when servers are known to be silent.
   */
  | { readonly type: 'start'; readonly previous?: Lease; readonly patience?: Ms }
  /** After a restart of the plugin: the container has been using the lease all the time. */
  | { readonly type: 'resume'; readonly lease: Lease }
  | { readonly type: 'tick' }
  | { readonly type: 'release' }
  /**
   * The carrier comes or goes: the only way from a used lease to INIT-REBOOT. Nobody sends it yet, because a veth keeps
   * its carrier when the uplink loses it; it is for links that share the parent's, and for an uplink that can fail.
   */
  | { readonly type: 'link'; readonly up: boolean }
  | {
      readonly type: 'message';
      readonly message: Dhcp4Message;
      readonly sourceMac: Mac;
      readonly sourceAddress: Ipv4;
    }
  /** The answer to `check`; `inUse` also later, when a conflict shows while the lease is used. */
  | { readonly type: 'checked'; readonly inUse: boolean };

export type MessageEvent = Extract<Event, { readonly type: 'message' }>;

export type LossCause = 'expired' | 'nak' | 'declined' | 'released';

/** Why a well-formed message was not for us, or not now. */
export type IgnoreReason =
  | 'not-a-reply' // op 1, or a type that servers do not send
  | 'chaddr-mismatch'
  | 'xid-mismatch'
  | 'client-id-mismatch' // option 61 echoed, and not ours (RFC 6842 §3)
  | 'unexpected-in-state'
  | 'no-server-id' // option 54 absent
  | 'bad-server-id' // option 54 unreadable, or not a host's address
  | 'server-not-allowed'
  | 'no-rapid-commit' // an ACK to a DISCOVER without option 80 (RFC 4039 §3.1)
  | 'server-mismatch' // not the server we chose or hold the lease from
  | 'address-not-unicast'
  | 'address-not-requested'
  | 'address-out-of-bounds'
  | 'address-declined' // offered again soon after another host answered for it
  | 'no-lease-time' // option 51 absent
  | 'bad-lease-time' // option 51 unreadable, or 0
  | 'lease-too-short' // see LEAST_LEASE in lease-times.ts
  | 'address-is-network' // the first address of its subnet
  | 'address-is-broadcast' // the last one
  | 'address-is-server' // the server's own
  | 'already-expired'; // the ACK took longer than its lease lasts

export type Effect =
  | {
      readonly type: 'send';
      readonly message: Dhcp4Message;
      /** A unicast goes to the lease's server by the MAC its ACK came from. */
      readonly to: 'broadcast' | { readonly address: Ipv4; readonly mac: Mac };
    }
  | { readonly type: 'check'; readonly address: Ipv4 }
  /** A DECLINE was not sent. */
  | { readonly type: 'withheld'; readonly address: Ipv4 }
  | {
      readonly type: 'lease';
      readonly change: 'acquired' | 'renewed' | 'changed' | 'lost';
      readonly lease: Lease;
      readonly cause?: LossCause;
    }
  /** A NAK that was for us, with the text of its option 56. */
  | { readonly type: 'refused'; readonly by: Ipv4 | undefined; readonly text: string | undefined }
  /** Parts of an ACK that no host can use, or that could not be read; the lease counts without them. */
  | { readonly type: 'dropped'; readonly by: Ipv4; readonly what: readonly string[] }
  /** Nobody has answered for a while since T1, or until T2. */
  | {
      readonly type: 'unanswered';
      readonly since: 'T1' | 'T2';
      readonly lease: Lease;
    }
  | {
      readonly type: 'ignored';
      readonly reason: IgnoreReason;
      readonly message: Dhcp4Message;
      readonly sourceAddress: Ipv4;
    };

export interface Step {
  readonly state: State;
  readonly effects: readonly Effect[];
}
