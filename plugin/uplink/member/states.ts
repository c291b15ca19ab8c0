/** The words of the member's machine: its states, what happens to it, and what it wants done. */
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { MemberView, Refusal } from '../protocol/registrar-protocol.ts';
import type { WaysSeen } from './tunnel/attempts.ts';

/** U9: after this much silence `uplink0` loses its carrier. */
export const SILENT_AFTER: Ms = 10_000;
/** WireGuard itself notices a hub that lost its sessions only after 15 s. */
export const REVIVE_AFTER: Ms = 6_000;
/**
 * While each word is answered. Two may be lost before REVIVE_AFTER. A NAT that gives this host
 * another port tells nobody: the next word does, so that the tunnel is back within 3 s.
 */
export const WORD_EVERY: Ms = 2_500;
/** While a word is not answered. One may be lost. */
export const WORD_AGAIN: Ms = 1_000;
/** While the hub is silent. A handshake that is begun brings a word of its own. */
export const WORD_IN_SILENCE: Ms = 2_000;
/** How long each address of the hub is tried. */
export const ENDPOINT_FOR: Ms = 5_000;
/** How long a handshake has while the hub is silent. WireGuard itself waits for 5 s. */
const HANDSHAKE_FOR: Ms = 1_500;
const SLOWEST_HANDSHAKE_FOR: Ms = 5_000;
/** U2: while a stream is in use UDP is tried this often, when next to nothing passes. */
export const UDP_EVERY: Ms = 3_600_000;
/** UDP was open just now, or was not tried yet. */
export const UDP_SOON: Ms = 10_000;
/** While much passes it is looked again after this whether UDP can be tried. */
export const UDP_LATER: Ms = 60_000;
/** How long a word by UDP may take. */
export const TRY_UDP_FOR: Ms = 2_500;
/** How often the list of addresses is tried before a join gives up. */
export const JOIN_ROUNDS = 2;
/** As often a stream is tried that is the only way: ssh over jump hosts takes its time. */
export const STREAM_ROUNDS = 6;
/** A question that failed is asked again after this. */
export const ASK_AGAIN_AFTER: Ms = 1_000;
/** Links that could not be made are tried again after this. */
export const LINKS_AGAIN_AFTER: Ms = 5_000;
/** Links that somebody removed are made again after this: often both links are removed. */
export const LINKS_GONE_FOR: Ms = 200;
/** U16: how long a new key may take to be heard. */
export const ROTATE_FOR: Ms = 10_000;

/** What every state has in which the registrar is asked. */
export interface Asking {
  /** Counts the addresses of the hub that were tried. */
  readonly attempt: number;
  /** Of the last question. Answers to earlier ones come late or twice, and do not count. */
  readonly serial: number;
  /** When to ask again. Infinity while a question is under way. */
  readonly askAt: Instant;
}

export interface Running extends Asking {
  readonly view: MemberView;
  readonly lastWordAt: Instant;
  readonly wordAt: Instant;
  /** When to make the links again. Infinity if they are made. */
  readonly linksAt: Instant;
}

interface Joining extends Asking {
  readonly name: 'JOINING';
  readonly since: Instant;
  readonly tried: number;
  readonly nextAt: Instant;
  /** What the hub said if it answered, and could not do it. */
  readonly trouble: string | undefined;
}

interface Confirming extends Asking {
  readonly name: 'CONFIRMING';
  readonly view: MemberView;
  readonly giveUpAt: Instant;
}

interface Up extends Running {
  readonly name: 'UP';
  /** When to begin a handshake if the hub stays silent. Infinity while one is being begun. */
  readonly reviveAt: Instant;
  /** When to try UDP. Infinity while UDP is in use, or if there is no other way than a stream. */
  readonly udpAt: Instant;
  /** True if UDP is in use and the hub was silent, so that the stream is opened beside it. */
  readonly isPrepared: boolean;
}

interface Silent extends Running {
  readonly name: 'SILENT';
  readonly since: Instant;
  /** When to begin the next handshake. Infinity while one is being begun. */
  readonly nextAt: Instant;
  /** If it comes back by a stream, UDP is tried after this. */
  readonly udpAfter: Ms;
}

interface Trying extends Running {
  readonly name: 'TRYING';
  /** The attempt of the stream. `attempt` is the one by UDP. */
  readonly back: number;
  /** Infinity until the kernel speaks by UDP. */
  readonly giveUpAt: Instant;
}

interface Rotating extends Running {
  readonly name: 'ROTATING';
  readonly udpAt: Instant;
  readonly giveUpAt: Instant;
  /** True once the new key is in use. */
  readonly isSwitched: boolean;
}

export type MemberState =
  | { readonly name: 'IDLE' }
  | Joining
  | Confirming
  | Up
  | Silent
  | Trying
  | Rotating
  | { readonly name: 'REVOKED'; readonly view: MemberView; readonly since: Instant }
  | { readonly name: 'FAILED'; readonly problem: Problem };

export type StateName = MemberState['name'];
export type Of<Name extends StateName> = Extract<MemberState, { name: Name }>;

export const TRANSITIONS: Readonly<Record<StateName, readonly StateName[]>> = {
  IDLE: ['JOINING', 'UP'],
  JOINING: ['CONFIRMING', 'FAILED'],
  CONFIRMING: ['UP', 'REVOKED', 'FAILED'],
  UP: ['SILENT', 'TRYING', 'ROTATING', 'REVOKED'],
  SILENT: ['UP'],
  TRYING: ['UP'],
  ROTATING: ['UP'],
  REVOKED: [],
  FAILED: [],
};

export type Problem =
  | { readonly is: 'unable'; readonly error: string }
  | { readonly is: 'silent'; readonly tried: number; readonly ms: Ms }
  | ({ readonly is: 'refused'; readonly status: number } & Refusal)
  | { readonly is: 'links'; readonly error: string };

export type MemberEvent =
  | { readonly type: 'tick' }
  | { readonly type: 'join' }
  /** Begins with what the disk has. `byStream`: so it spoke last. */
  | { readonly type: 'resume'; readonly view: MemberView; readonly byStream?: boolean }
  /** The hub sent a word back. `isFresh`: one that was said since the way was changed. */
  | { readonly type: 'word'; readonly isFresh?: boolean }
  /** The registrar answered. */
  | { readonly type: 'view'; readonly view: MemberView; readonly serial: number }
  | ({ readonly type: 'refused'; readonly status: number; readonly serial: number } & Refusal)
  | { readonly type: 'unanswered'; readonly serial: number }
  | { readonly type: 'links-failed'; readonly error: string }
  /** There is another way to the hub. WireGuard keeps its old source address. */
  | { readonly type: 'moved' }
  /** Somebody has removed one of the links, or we did to make it anew. */
  | { readonly type: 'links-gone' }
  /** The kernel has begun a handshake, or speaks by UDP. */
  | { readonly type: 'revived' }
  | { readonly type: 'rotate' }
  /** The hub took the new key; or it refused, or was not heard. */
  | { readonly type: 'key-posted'; readonly isTaken: boolean };

export type Identity = 'one-time' | 'own' | 'next';

export type MemberEffect =
  /** Make the links, with this key. There is no trunk without a view. */
  | {
      readonly type: 'links';
      readonly identity: Identity;
      readonly attempt: number;
      readonly view?: MemberView;
      readonly carrier: boolean;
    }
  /** Begin a handshake. A word that is said after it waits for its end. */
  | { readonly type: 'revive'; readonly attempt: number }
  /** Speak by UDP, with the sessions of now. */
  | { readonly type: 'try-udp'; readonly attempt: number }
  /** Open the stream; a new one if the hub is not heard by the old one, or the host has moved. */
  | { readonly type: 'renew-stream'; readonly hasMoved?: true }
  | { readonly type: 'leave-stream' }
  | { readonly type: 'carrier'; readonly up: boolean }
  /** `POST /v1/members`. It takes the place of a question that is under way. */
  | { readonly type: 'post'; readonly serial: number }
  /** `GET /v1/self`. It takes the place of a question that is under way. */
  | { readonly type: 'ask'; readonly revision: number | undefined; readonly serial: number }
  | { readonly type: 'hang-up' }
  | { readonly type: 'say-word' }
  | { readonly type: 'save'; readonly view: MemberView }
  | { readonly type: 'post-key' }
  /** The key that stays after a rotation. */
  | { readonly type: 'keep-key'; readonly which: 'next' | 'own' };

export interface MemberEnv extends WaysSeen {
  readonly now: Instant;
  /** How many addresses the hub has, as far as is known. At least 1. */
  readonly addresses: number;
  /** Of the last word. Undefined: none was answered yet. */
  readonly roundTripMs?: Ms | undefined;
  /** True if next to nothing passes by the stream. */
  readonly isIdle: boolean;
}

/** When to give up a handshake that is begun now. On a slow way an answer needs its time. */
export function nextHandshake({ now, roundTripMs = 0 }: MemberEnv): Instant {
  return now + Math.min(Math.max(2 * roundTripMs, HANDSHAKE_FOR), SLOWEST_HANDSHAKE_FOR);
}

export interface Step<State extends MemberState = MemberState> {
  readonly state: State;
  readonly effects: readonly MemberEffect[];
}

export function stay(state: MemberState): Step {
  return { state, effects: [] };
}
