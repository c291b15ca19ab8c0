/**
 * IPv4 address conflict detection (RFC 5227) as a state machine: probe, announce, defend.
 *
 * `start` probes. `free` says that no host answered. A container may take the address later than
 * that. So the caller says when the address is on the link (`announce`). Then the machine announces
 * the address, and defends it from then on. The machine has no clock, random numbers or socket of
 * its own. It is stepped like the DHCP client.
 */
import { IPV4_ANY, MAC_ZERO } from '../wire/address.ts';
import type { Ipv4, Mac } from '../wire/address.ts';
import type { ArpPacket } from '../wire/arp.ts';
import type { Instant, Ms } from '../vocabulary/time.ts';
import type { ArpFrame } from './frame.ts';
import {
  nextProbeDeadline,
  type Defending,
  type Free,
  type Probing,
  type ProbeState,
} from './probe-state.ts';
import type { ProbeEnv, ProbeEvent, ProbeStep } from './probe-types.ts';
import { canBeHost, hearProbe, NO_RIVALS } from './rivals.ts';

export type { ProbeEffect, ProbeEvent } from './probe-types.ts';

/** A resumed address is announced within this time. */
const LONGEST_RESUME_DELAY: Ms = 10_000;

/**
 * After this many frames between two defences, all further frames are ignored, so that a flood
 * costs nothing.
 */
const HEARD_PER_DEFENCE = 8;

const NOT_DEFENDED = { defendedAt: undefined, heard: 0, deafUntil: undefined };

/** Handles what is due before the event. A `tick` before the deadline does nothing. */
export function stepProbe(state: ProbeState, event: ProbeEvent, env: ProbeEnv): ProbeStep {
  const isWaiting = state.name === 'PROBING' || state.name === 'DEFENDING';
  const before =
    isWaiting && env.now >= nextProbeDeadline(state) ? onDeadline(state, env) : stay(state);
  const after = onEvent(before.state, event, env);
  return { state: after.state, effects: [...before.effects, ...after.effects] };
}

function onEvent(state: ProbeState, event: ProbeEvent, env: ProbeEnv): ProbeStep {
  switch (event.type) {
    case 'start':
      return startProbing(event.address, env);
    case 'announce':
      // The link moved, so the address is announced once more. The time of the last defence is
      // kept.
      return announce(
        state.name === 'DEFENDING' && state.address === event.address
          ? { ...state, announced: 0 }
          : defending(event.address, 0),
        env,
      );
    case 'resume':
      return remindLater(event.address, env);
    case 'arp':
      return onPacket(state, event.packet, env);
    case 'unreadable':
      return disregard(state, env);
    case 'stop':
      return stay({ name: 'IDLE' });
    case 'tick':
      return stay(state);
  }
}

/** RFC 5227 §2.1.1: the first probe is sent after a random part of PROBE_WAIT. */
function startProbing(address: Ipv4, env: ProbeEnv): ProbeStep {
  const wait = env.random() * env.config.profile.PROBE_WAIT;
  const nextAt = env.now + wait;
  const asking = { address, sent: 0, nextAt, rivals: NO_RIVALS, isDoubted: false };
  const state = { name: 'PROBING', ...asking } as const;
  return wait > 0 ? stay(state) : probe(state, env);
}

function onDeadline(
  state: Extract<ProbeState, { readonly name: 'PROBING' | 'DEFENDING' }>,
  env: ProbeEnv,
): ProbeStep {
  const { address } = state;
  if (state.name === 'DEFENDING') {
    const isOver = state.deafUntil !== undefined && env.now >= state.deafUntil;
    const hearing = isOver ? { ...state, heard: 0, deafUntil: undefined } : state;
    return env.now >= state.nextAt ? announce(hearing, env) : stay(hearing);
  }
  const { sent, rivals } = state;
  if (sent < env.config.profile.PROBE_NUM) return probe(state, env);
  if (rivals.until !== undefined && env.now < rivals.until) {
    // One more probe tells such a host that we probe, too. Its own next probe comes within this
    // time.
    return {
      state: { ...state, nextAt: rivals.until },
      effects: [{ type: 'send', packet: request(IPV4_ANY, address, env) }],
    };
  }
  const free = { name: 'FREE', address, answeredAt: undefined } as const;
  return { state: free, effects: [{ type: 'free', address }] };
}

function probe(before: Probing, env: ProbeEnv): ProbeStep {
  const { PROBE_NUM, PROBE_MIN, PROBE_MAX, ANNOUNCE_WAIT } = env.config.profile;
  const sent = before.sent + 1;
  const wait =
    sent < PROBE_NUM ? PROBE_MIN + env.random() * (PROBE_MAX - PROBE_MIN) : ANNOUNCE_WAIT;
  return {
    state: { ...before, sent, nextAt: env.now + wait },
    effects: [{ type: 'send', packet: request(IPV4_ANY, before.address, env) }],
  };
}

function defending(address: Ipv4, announced: number, nextAt = Infinity): Defending {
  return { name: 'DEFENDING', address, announced, nextAt, ...NOT_DEFENDED };
}

/** RFC 5227 §2.3: ANNOUNCE_NUM announcements. Sender and target are both the address. */
function announce(before: Defending, env: ProbeEnv): ProbeStep {
  const { ANNOUNCE_NUM, ANNOUNCE_INTERVAL } = env.config.profile;
  const { address } = before;
  const announced = before.announced + 1;
  const nextAt = announced < ANNOUNCE_NUM ? env.now + ANNOUNCE_INTERVAL : Infinity;
  const packet = request(address, address, env);
  return { state: { ...before, announced, nextAt }, effects: [{ type: 'send', packet }] };
}

/**
 * The address was announced before, so one more announcement is enough. Its time is random, because
 * thousands of addresses may be resumed at once.
 */
function remindLater(address: Ipv4, env: ProbeEnv): ProbeStep {
  const nextAt = env.now + env.random() * LONGEST_RESUME_DELAY;
  return stay(defending(address, env.config.profile.ANNOUNCE_NUM - 1, nextAt));
}

function onPacket(state: ProbeState, packet: ArpFrame, env: ProbeEnv): ProbeStep {
  // Our own packets come back from bridges, and as the kernel's copies of what we send.
  if (state.name === 'IDLE' || packet.senderMac === env.config.mac) return disregard(state, env);
  const { address } = state;
  if (packet.senderAddress === address) {
    // Every packet that places the address elsewhere spoils the neighbours' caches. Only a host can
    // have the address.
    if (state.name === 'DEFENDING') return defend(state, packet.senderMac, env);
    return canBeHost(packet.senderMac) ? doubt(state, packet.senderMac, env) : stay(state);
  }
  const isProbe = packet.operation === 'request' && packet.senderAddress === IPV4_ANY;
  return isProbe && packet.targetAddress === address
    ? onProbe(state, packet, env)
    : disregard(state, env);
}

/**
 * RFC 5227 §2.1.1: any such frame is a conflict. Deviation: if the address is in use by then, all
 * hosts are asked once more, after the copies of that frame have come. One frame may be old or
 * forged. (§2.4 would keep the address after the first.) An answer to that question counts. A host
 * that has the address answers each probe.
 */
function doubt(state: Probing | Free, by: Mac, env: ProbeEnv): ProbeStep {
  const { address } = state;
  if (!env.config.asksAgain) return giveUp(address, by, false);
  if (state.name === 'PROBING' && state.isDoubted) {
    return state.sent === 0 ? stay(state) : giveUp(address, by, false);
  }
  const rivals = state.name === 'PROBING' ? state.rivals : NO_RIVALS;
  const nextAt = env.now + env.config.profile.PROBE_MIN;
  return {
    state: { name: 'PROBING', address, sent: 0, nextAt, rivals, isDoubted: true },
    effects: [{ type: 'doubted', address, by }],
  };
}

/** Another host probes for the address. If the address is in use, the kernel answers. */
function onProbe(
  state: Exclude<ProbeState, { readonly name: 'IDLE' }>,
  packet: ArpFrame,
  env: ProbeEnv,
): ProbeStep {
  const { address } = state;
  if (state.name === 'PROBING') {
    const { rivals, isClaim } = hearProbe(state.rivals, packet, env.now, env.config.profile);
    return isClaim ? giveUp(address, packet.senderMac, false) : stay({ ...state, rivals });
  }
  const { ANNOUNCE_INTERVAL } = env.config.profile;
  if (state.name === 'DEFENDING') return disregard(state, env);
  const { answeredAt } = state;
  if (answeredAt !== undefined && env.now < answeredAt + ANNOUNCE_INTERVAL) return stay(state);
  // The address is ours but on no link yet, so no kernel answers for it.
  const answer = request(address, address, env);
  return { state: { ...state, answeredAt: env.now }, effects: [{ type: 'send', packet: answer }] };
}

/**
 * RFC 5227 §2.4: (c) one announcement in DEFEND_INTERVAL, and the address is kept. (b) A second
 * conflict within that time ends the use.
 */
function defend(state: Defending, by: Mac, env: ProbeEnv): ProbeStep {
  const { address } = state;
  const nextDefence = nextDefenceAt(state, env);
  if (env.now >= nextDefence) {
    return {
      state: { ...state, defendedAt: env.now, heard: 0 },
      effects: [
        { type: 'send', packet: request(address, address, env) },
        { type: 'claimed', address, by, isAnswered: true },
      ],
    };
  }
  if (env.config.onConflict === 'leave') return giveUp(address, by, true);
  return {
    ...disregard(state, env),
    effects: [{ type: 'claimed', address, by, isAnswered: false }],
  };
}

/** The frame has no effect, but it counts against HEARD_PER_DEFENCE. */
function disregard(state: ProbeState, env: ProbeEnv): ProbeStep {
  if (state.name !== 'DEFENDING') return stay(state);
  const heard = state.heard + 1;
  if (heard < HEARD_PER_DEFENCE) return stay({ ...state, heard });
  const dueAt = nextDefenceAt(state, env);
  const deafUntil = dueAt > env.now ? dueAt : env.now + env.config.profile.DEFEND_INTERVAL;
  return stay({ ...state, heard, deafUntil });
}

/** If this is now or in the past, a conflict may be answered. */
function nextDefenceAt({ defendedAt }: Defending, env: ProbeEnv): Instant {
  return defendedAt === undefined ? env.now : defendedAt + env.config.profile.DEFEND_INTERVAL;
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
