/**
 * IPv4 address conflict detection (RFC 5227) as a state machine: probe, announce, defend.
 *
 * `start` probes; `free` says that nobody answered. The address is announced when the caller says that
 * it is on the link (`announce`), because a container may take it only later, and is defended from then
 * on. A core without clock, dice or socket, stepped like the DHCP client.
 */
import { IPV4_ANY, MAC_ZERO } from '../wire/address.ts';
import type { Ipv4, Mac } from '../wire/address.ts';
import type { ArpPacket } from '../wire/arp.ts';
import type { Instant, Ms } from '../time.ts';

/** The constants of RFC 5227 §1.1, by their names there. */
export interface ProbeProfile {
  readonly PROBE_WAIT: Ms;
  readonly PROBE_NUM: number;
  readonly PROBE_MIN: Ms;
  readonly PROBE_MAX: Ms;
  readonly ANNOUNCE_WAIT: Ms;
  readonly ANNOUNCE_NUM: number;
  readonly ANNOUNCE_INTERVAL: Ms;
  readonly DEFEND_INTERVAL: Ms;
}

const FULL: ProbeProfile = {
  PROBE_WAIT: 1_000,
  PROBE_NUM: 3,
  PROBE_MIN: 1_000,
  PROBE_MAX: 2_000,
  ANNOUNCE_WAIT: 2_000,
  ANNOUNCE_NUM: 2,
  ANNOUNCE_INTERVAL: 2_000,
  DEFEND_INTERVAL: 10_000,
};

/**
 * Deviation: `fast` sends 2 probes 200 ms apart and listens for 200 ms more. The RFC's numbers cost a
 * container 4 to 7 s per start, and hosts on one VLAN answer ARP within milliseconds.
 */
export const PROBE_PROFILES = {
  full: FULL,
  fast: {
    ...FULL,
    PROBE_WAIT: 0,
    PROBE_NUM: 2,
    PROBE_MIN: 200,
    PROBE_MAX: 200,
    ANNOUNCE_WAIT: 200,
  },
} as const satisfies Record<string, ProbeProfile>;

/** What is resumed is announced by then. */
const LONGEST_RESUME_DELAY: Ms = 10_000;

export interface ProbeEnv {
  readonly now: Instant;
  /** Uniform in [0, 1). */
  readonly random: () => number;
  readonly config: { readonly mac: Mac; readonly profile: ProbeProfile };
}

export type ProbeState =
  | { readonly name: 'IDLE' }
  /** `sent` probes so far; at PROBE_NUM the wait is ANNOUNCE_WAIT. */
  | {
      readonly name: 'PROBING';
      readonly address: Ipv4;
      readonly sent: number;
      readonly nextAt: Instant;
    }
  /** Nobody has it; not announced yet. */
  | { readonly name: 'FREE'; readonly address: Ipv4 }
  /** Announced and watched over; `nextAt` is Infinity after the last announcement. */
  | {
      readonly name: 'DEFENDING';
      readonly address: Ipv4;
      readonly announced: number;
      readonly nextAt: Instant;
      /** When a conflict was last answered; -Infinity: never. */
      readonly defendedAt: Instant;
    };

export type ProbeStateName = ProbeState['name'];

export type ProbeEvent =
  /** Begins anew from any state. */
  | { readonly type: 'start'; readonly address: Ipv4 }
  /** The address is on the link. */
  | { readonly type: 'announce'; readonly address: Ipv4 }
  /** The address has been on the link since before we began. */
  | { readonly type: 'resume'; readonly address: Ipv4 }
  | { readonly type: 'tick' }
  | { readonly type: 'arp'; readonly packet: ArpPacket }
  | { readonly type: 'stop' };

export type ProbeEffect =
  | { readonly type: 'send'; readonly packet: ArpPacket }
  | { readonly type: 'free'; readonly address: Ipv4 }
  /** The address must not be used (any more). `inUse`: it was announced already. */
  | {
      readonly type: 'conflict';
      readonly address: Ipv4;
      readonly by: Mac;
      readonly inUse: boolean;
    }
  /** A conflict that was answered with an announcement and may go away. */
  | { readonly type: 'defended'; readonly address: Ipv4; readonly against: Mac };

export interface ProbeStep {
  readonly state: ProbeState;
  readonly effects: readonly ProbeEffect[];
}

export const PROBE_TRANSITIONS: Record<ProbeStateName, readonly ProbeStateName[]> = {
  IDLE: ['PROBING', 'DEFENDING'],
  PROBING: ['FREE', 'DEFENDING', 'IDLE'],
  FREE: ['PROBING', 'DEFENDING', 'IDLE'],
  DEFENDING: ['PROBING', 'IDLE'],
};

export function initialProbeState(): ProbeState {
  return { name: 'IDLE' };
}

/** What is due is done before the event is looked at; a `tick` before the deadline is a no-op. */
export function stepProbe(state: ProbeState, event: ProbeEvent, env: ProbeEnv): ProbeStep {
  const isWaiting = state.name === 'PROBING' || state.name === 'DEFENDING';
  const before = isWaiting && env.now >= state.nextAt ? onDeadline(state, env) : stay(state);
  const after = onEvent(before.state, event, env);
  return { state: after.state, effects: [...before.effects, ...after.effects] };
}

/** When `stepProbe` wants a `tick`; Infinity: nothing is due. */
export function nextProbeDeadline(state: ProbeState): Instant {
  switch (state.name) {
    case 'PROBING':
    case 'DEFENDING':
      return state.nextAt;
    case 'IDLE':
    case 'FREE':
      return Infinity;
  }
}

function onEvent(state: ProbeState, event: ProbeEvent, env: ProbeEnv): ProbeStep {
  switch (event.type) {
    case 'start':
      return startProbing(event.address, env);
    case 'announce':
      return announce(event.address, 0, -Infinity, env);
    case 'resume':
      return remindLater(event.address, env);
    case 'arp':
      return onPacket(state, event.packet, env);
    case 'stop':
      return stay({ name: 'IDLE' });
    case 'tick':
      return stay(state);
  }
}

/** RFC 5227 §2.1.1: the first probe after a random part of PROBE_WAIT. */
function startProbing(address: Ipv4, env: ProbeEnv): ProbeStep {
  const wait = env.random() * env.config.profile.PROBE_WAIT;
  return wait > 0
    ? stay({ name: 'PROBING', address, sent: 0, nextAt: env.now + wait })
    : probe(address, 0, env);
}

function onDeadline(
  state: Extract<ProbeState, { readonly name: 'PROBING' | 'DEFENDING' }>,
  env: ProbeEnv,
): ProbeStep {
  const { address } = state;
  if (state.name === 'DEFENDING') return announce(address, state.announced, state.defendedAt, env);
  return state.sent < env.config.profile.PROBE_NUM
    ? probe(address, state.sent, env)
    : { state: { name: 'FREE', address }, effects: [{ type: 'free', address }] };
}

function probe(address: Ipv4, sentBefore: number, env: ProbeEnv): ProbeStep {
  const { PROBE_NUM, PROBE_MIN, PROBE_MAX, ANNOUNCE_WAIT } = env.config.profile;
  const sent = sentBefore + 1;
  const wait =
    sent < PROBE_NUM ? PROBE_MIN + env.random() * (PROBE_MAX - PROBE_MIN) : ANNOUNCE_WAIT;
  return {
    state: { name: 'PROBING', address, sent, nextAt: env.now + wait },
    effects: [{ type: 'send', packet: request(IPV4_ANY, address, env) }],
  };
}

/** RFC 5227 §2.3: ANNOUNCE_NUM times, sender and target both the address. */
function announce(
  address: Ipv4,
  announcedBefore: number,
  defendedAt: Instant,
  env: ProbeEnv,
): ProbeStep {
  const { ANNOUNCE_NUM, ANNOUNCE_INTERVAL } = env.config.profile;
  const announced = announcedBefore + 1;
  const nextAt = announced < ANNOUNCE_NUM ? env.now + ANNOUNCE_INTERVAL : Infinity;
  return {
    state: { name: 'DEFENDING', address, announced, nextAt, defendedAt },
    effects: [{ type: 'send', packet: request(address, address, env) }],
  };
}

/** Announced before: once more will do, at a time of its own, as thousands may be resumed at once. */
function remindLater(address: Ipv4, env: ProbeEnv): ProbeStep {
  const announced = env.config.profile.ANNOUNCE_NUM - 1;
  const nextAt = env.now + env.random() * LONGEST_RESUME_DELAY;
  return stay({ name: 'DEFENDING', address, announced, nextAt, defendedAt: -Infinity });
}

function onPacket(state: ProbeState, packet: ArpPacket, env: ProbeEnv): ProbeStep {
  // Our own packets come back from bridges and from the kernel's copy of what we send.
  if (state.name === 'IDLE' || packet.senderMac === env.config.mac) return stay(state);
  const { address } = state;
  const isUsed = packet.senderAddress === address;
  // RFC 5227 §2.1.1: somebody else's probe for the same address is a conflict too, until it is ours.
  const isProbed =
    state.name === 'PROBING' &&
    packet.operation === 'request' &&
    packet.senderAddress === IPV4_ANY &&
    packet.targetAddress === address;
  if (!isUsed && !isProbed) return stay(state);
  return state.name === 'DEFENDING'
    ? defend(state, packet.senderMac, env)
    : giveUp(address, packet.senderMac, false);
}

/** RFC 5227 §2.4 (b): defend once; a second conflict within DEFEND_INTERVAL ends the use. */
function defend(
  state: Extract<ProbeState, { readonly name: 'DEFENDING' }>,
  against: Mac,
  env: ProbeEnv,
): ProbeStep {
  const { address } = state;
  if (env.now < state.defendedAt + env.config.profile.DEFEND_INTERVAL) {
    return giveUp(address, against, true);
  }
  return {
    state: { ...state, defendedAt: env.now },
    effects: [
      { type: 'send', packet: request(address, address, env) },
      { type: 'defended', address, against },
    ],
  };
}

function giveUp(address: Ipv4, by: Mac, inUse: boolean): ProbeStep {
  return { state: { name: 'IDLE' }, effects: [{ type: 'conflict', address, by, inUse }] };
}

function request(senderAddress: Ipv4, targetAddress: Ipv4, env: ProbeEnv): ArpPacket {
  return {
    operation: 'request',
    senderMac: env.config.mac,
    senderAddress,
    targetMac: MAC_ZERO,
    targetAddress,
  };
}

function stay(state: ProbeState): ProbeStep {
  return { state, effects: [] };
}
