/**
 * The types of the client machine: states, events, effects (RFC 2131 §4.4, Figure 5).
 *
 * States are plain data. A state has only the fields that have a meaning in it. The entry is
 * `client.ts`.
 */
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { AddressBounds, Lease, TermsWishes } from '../../vocabulary/lease.ts';
import type { Ipv4, Mac } from '../../wire/address.ts';
import type { Dhcp4Message } from '../message.ts';
import type { ClientIdentity } from '../requests.ts';
import type { RetransmitProfile } from '../retransmit.ts';

export interface ClientConfig extends ClientIdentity {
  /** Option 50 in DISCOVER; when set, an OFFER or ACK of another address is ignored. */
  readonly requestedAddress: Ipv4 | undefined;
  /**
   * OFFERs and ACKs of other addresses are ignored. Undefined means that any address is accepted.
   */
  readonly bounds?: AddressBounds | undefined;
  readonly retransmit: RetransmitProfile;
  /** Messages of other servers are ignored. Empty means that any server counts. */
  readonly allowedServers: readonly Ipv4[];
  /** Messages of these servers are ignored, by their identifier or by their own address. */
  readonly deniedServers?: readonly Ipv4[] | undefined;
  readonly wishes?: TermsWishes | undefined;
  /** Emit `check` and pass through CHECKING before BOUND (RFC 2131 §4.4.1, RFC 5227). */
  readonly acd: boolean;
  /** Ask for an ACK to the DISCOVER itself (RFC 4039). */
  readonly rapidCommit: boolean;
  /** If option 54 is missing or not a host's address, the source of the packet is used. */
  readonly lenientServerId: boolean;
}

export interface Env {
  readonly now: Instant;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  /**
   * Called once for each DECLINE. If it returns false, the DECLINE is withheld. If it is absent,
   * every DECLINE is sent.
   */
  readonly mayDecline?: () => boolean;
  readonly config: ClientConfig;
}

/** One exchange with servers. Its xid never changes, and no other exchange has the same one. */
export interface Exchange {
  readonly xid: number;
  readonly startedAt: Instant;
  /** `secs` of the last message. */
  readonly secs: number;
  /** How often a message was sent again so far. */
  readonly attempt: number;
}

/** An address that another host answered for. */
export interface DeclinedAddress {
  readonly address: Ipv4;
  readonly declinedAt: Instant;
}

/** What is kept across states. */
export interface Memory {
  /** The last MAX_CONFLICTS addresses that a server was told about. See `isShelved`. */
  readonly declined: readonly DeclinedAddress[];
  /** NAKs and unanswered REQUESTs since the last BOUND. */
  readonly failures: number;
  /** The address of the last lease, suggested in the next DISCOVER (RFC 2131 §4.4.1). */
  readonly wished: Ipv4 | undefined;
}

/** The lease is in use, and a REQUEST to extend it was sent. */
interface Extending {
  readonly memory: Memory;
  readonly lease: Lease;
  readonly exchange: Exchange;
  readonly resendAt: Instant;
}

/** Since T1. `tellAt` is when the missing answer is reported; Infinity if it was reported. */
interface Renewing extends Extending {
  readonly tellAt: Instant;
}

export type State =
  /** `startAt` is when the next DISCOVER is sent; Infinity if the machine is not started yet. */
  | { readonly name: 'INIT'; readonly memory: Memory; readonly startAt: Instant }
  | {
      readonly name: 'SELECTING';
      readonly memory: Memory;
      readonly exchange: Exchange;
      readonly resendAt: Instant;
      /** If a DISCOVER is answered by an ACK (RFC 4039), the lease counts from here. */
      readonly committableFrom: Instant;
    }
  | {
      readonly name: 'REQUESTING';
      readonly memory: Memory;
      readonly exchange: Exchange;
      readonly resendAt: Instant;
      readonly offered: { readonly address: Ipv4; readonly serverId: Ipv4 };
      /**
       * When the first REQUEST was sent. The lease counts from it, whichever REQUEST is answered.
       */
      readonly requestedAt: Instant;
    }
  /** The ACK came, and the address is not yet proven unused. */
  | {
      readonly name: 'CHECKING';
      readonly memory: Memory;
      readonly lease: Lease;
      readonly checkBy: Instant;
    }
  /**
   * `renewAt` is T1, or a little later if T1 had passed when the ACK came or the plugin started.
   */
  | {
      readonly name: 'BOUND';
      readonly memory: Memory;
      readonly lease: Lease;
      readonly renewAt: Instant;
    }
  | ({ readonly name: 'RENEWING' } & Renewing)
  | ({ readonly name: 'REBINDING' } & Extending)
  /** `inUse`: the container uses the lease meanwhile, because only the link was down. */
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
      /**
       * A server that did not make the lease refused it. A server is there, so no answer does not
       * mean yes.
       */
      readonly isDoubted: boolean;
    }
  | { readonly name: 'STOPPED' };

export type StateName = State['name'];

export type StateOf<Name extends StateName> = Extract<State, { readonly name: Name }>;

export type Event =
  /**
   * Has an effect only on a new machine. A `previous` lease that is still valid is asked for again.
   * `patience` shortens the wait for an answer if servers are known to be silent.
   */
  | { readonly type: 'start'; readonly previous?: Lease; readonly patience?: Ms }
  /** After a restart of the plugin. The container has used the lease all the time. */
  | { readonly type: 'resume'; readonly lease: Lease }
  | { readonly type: 'tick' }
  | { readonly type: 'release' }
  /**
   * The carrier comes or goes: the only way from a used lease to INIT-REBOOT. It is sent only while
   * a lease is asked for. A lease in use is renewed when it is due, because a parent that has its
   * carrier again leads to the same site as before.
   */
  | { readonly type: 'link'; readonly up: boolean }
  | {
      readonly type: 'message';
      readonly message: Dhcp4Message;
      readonly sourceMac: Mac;
      readonly sourceAddress: Ipv4;
    }
  /**
   * The answer to `check`. `inUse` also comes later, if a conflict shows while the lease is used.
   */
  | { readonly type: 'checked'; readonly inUse: boolean }
  /**
   * The server is asked now to extend a lease in use: the host name in the configuration is another
   * one, or an operator wants it, or the way to the server is open again.
   */
  | { readonly type: 'renew' };

export type MessageEvent = Extract<Event, { readonly type: 'message' }>;

export type LossCause = 'expired' | 'nak' | 'declined' | 'released';

/** Why a well-formed message was ignored. */
export type IgnoreReason =
  | 'not-a-reply' // op 1, or a message type that servers do not send
  | 'chaddr-mismatch'
  | 'xid-mismatch'
  | 'client-id-mismatch' // option 61 came back with another value (RFC 6842 §3)
  | 'unexpected-in-state'
  | 'no-server-id' // option 54 absent
  | 'bad-server-id' // option 54 unreadable, or not a host's address
  | 'server-not-allowed'
  | 'server-denied'
  | 'no-rapid-commit' // an ACK to a DISCOVER without option 80 (RFC 4039 §3.1)
  | 'server-mismatch' // another server than the one that we chose or that made the lease
  | 'address-not-unicast'
  | 'address-not-requested'
  | 'address-out-of-bounds'
  | 'address-declined' // offered again soon after another host answered for it
  | 'no-lease-time' // option 51 absent
  | 'bad-lease-time' // option 51 unreadable, or 0
  | 'lease-too-short' // see LEAST_LEASE in lease-times.ts
  | 'address-is-network' // the first address of its subnet
  | 'address-is-broadcast' // the last address of its subnet
  | 'address-is-server' // the address of the server
  | 'gateway-not-in-subnet' // the gateway that the site wants
  | 'already-expired'; // the ACK took longer than its lease lasts

export type Effect =
  | {
      readonly type: 'send';
      readonly message: Dhcp4Message;
      /** A unicast goes to the lease's server, at the MAC that its ACK came from. */
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
  /**
   * Parts of an ACK that no host can use, or that could not be read. The rest of the lease is
   * valid.
   */
  | { readonly type: 'dropped'; readonly by: Ipv4; readonly what: readonly string[] }
  /** No server has answered for a while since T1, or until T2. */
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
