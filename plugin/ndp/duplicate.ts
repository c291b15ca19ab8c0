/**
 * Duplicate address detection (RFC 4862 §5.4) as a state machine, for one address.
 *
 * `start` asks who has the address. `free` says that no host answered. From then until `stop` the
 * machine answers for the address (RFC 4861 §7.2.4), because no kernel has it yet. Once the address
 * is in the container, its kernel answers, and the caller stops the machine.
 */
import type { Instant, Ms } from '../vocabulary/time.ts';
import type { Mac } from '../wire/address.ts';
import { IPV6_ANY, type Ipv6 } from '../wire/address6.ts';
import type { DuplicateProfile } from './duplicate-profiles.ts';
import type { NdpFrame } from './frame.ts';
import type { NeighborSolicitation } from './message.ts';
import { duplicateAddressProbe, neighborAnswer } from './packets.ts';

export type DuplicateState =
  | { readonly name: 'IDLE' }
  | {
      readonly name: 'PROBING';
      readonly address: Ipv6;
      readonly sent: number;
      readonly nextAt: Instant;
      /** A host has said that it has the address. All hosts are asked once more. */
      readonly isDoubted: boolean;
    }
  /** `answeredAt`: when all nodes were last told that we have the address; undefined if never. */
  | { readonly name: 'FREE'; readonly address: Ipv6; readonly answeredAt: Instant | undefined };

export type DuplicateEvent =
  /** Starts again from any state. */
  | { readonly type: 'start'; readonly address: Ipv6 }
  | { readonly type: 'tick' }
  | { readonly type: 'frame'; readonly frame: NdpFrame }
  | { readonly type: 'stop' };

export type DuplicateEffect =
  | { readonly type: 'send'; readonly frame: NdpFrame }
  | { readonly type: 'free'; readonly address: Ipv6 }
  /** The address must not be used. */
  | { readonly type: 'conflict'; readonly address: Ipv6; readonly by: Mac }
  /** A host said that it has the address. All hosts are asked once more. */
  | { readonly type: 'doubted'; readonly address: Ipv6; readonly by: Mac };

export interface DuplicateStep {
  readonly state: DuplicateState;
  readonly effects: readonly DuplicateEffect[];
}

export interface DuplicateEnv {
  readonly now: Instant;
  readonly config: {
    readonly mac: Mac;
    readonly profile: DuplicateProfile;
    /**
     * True if the address is in use before it is proven unused. Then one frame of another host that
     * claims the address is no proof. All hosts are asked once more before the address is given up.
     */
    readonly asksAgain: boolean;
  };
}

type DuplicateStateName = DuplicateState['name'];
type Probing = Extract<DuplicateState, { readonly name: 'PROBING' }>;
type Free = Extract<DuplicateState, { readonly name: 'FREE' }>;

export const DUPLICATE_TRANSITIONS: Record<DuplicateStateName, readonly DuplicateStateName[]> = {
  IDLE: ['PROBING', 'FREE'],
  PROBING: ['FREE', 'IDLE'],
  FREE: ['PROBING', 'IDLE'],
};

/** Copies of the frame that raised a doubt, which came another way, come sooner than this. */
const COPIES_COME_WITHIN: Ms = 50;
/** RFC 4861 §10, RetransTimer: all nodes are told no more often than this. */
const LEAST_BETWEEN_ANSWERS: Ms = 1_000;

export function initialDuplicateState(): DuplicateState {
  return { name: 'IDLE' };
}

/** When `stepDuplicate` wants a `tick`; Infinity if nothing is due. */
export function nextDuplicateDeadline(state: DuplicateState): Instant {
  return state.name === 'PROBING' ? state.nextAt : Infinity;
}

/** Handles what is due before the event. A `tick` before the deadline does nothing. */
export function stepDuplicate(
  state: DuplicateState,
  event: DuplicateEvent,
  env: DuplicateEnv,
): DuplicateStep {
  const isDue = state.name === 'PROBING' && env.now >= state.nextAt;
  const before = isDue ? ask(state, env) : stay(state);
  const after = onEvent(before.state, event, env);
  return { state: after.state, effects: [...before.effects, ...after.effects] };
}

function onEvent(state: DuplicateState, event: DuplicateEvent, env: DuplicateEnv): DuplicateStep {
  switch (event.type) {
    case 'start': {
      const { address } = event;
      return ask({ name: 'PROBING', address, sent: 0, nextAt: env.now, isDoubted: false }, env);
    }
    case 'frame':
      return onFrame(state, event.frame, env);
    case 'stop':
      return stay({ name: 'IDLE' });
    case 'tick':
      return stay(state);
  }
}

/** Sends the next question, or ends after the last. */
function ask(state: Probing, env: DuplicateEnv): DuplicateStep {
  const { address } = state;
  const { DupAddrDetectTransmits, RetransTimer } = env.config.profile;
  // A doubt is settled by a question, also if none is asked otherwise.
  const transmits = state.isDoubted ? Math.max(1, DupAddrDetectTransmits) : DupAddrDetectTransmits;
  if (state.sent >= transmits) {
    const free = { name: 'FREE', address, answeredAt: undefined } as const;
    return { state: free, effects: [{ type: 'free', address }] };
  }
  const wait = Math.max(RetransTimer, COPIES_COME_WITHIN);
  return {
    state: { ...state, sent: state.sent + 1, nextAt: env.now + wait },
    effects: [{ type: 'send', frame: duplicateAddressProbe(env.config.mac, address) }],
  };
}

function onFrame(state: DuplicateState, frame: NdpFrame, env: DuplicateEnv): DuplicateStep {
  // Our own packets come back from bridges, and as the kernel's copies of what we send.
  if (state.name === 'IDLE' || frame.sourceMac === env.config.mac) return stay(state);
  const { message } = frame;
  switch (message.type) {
    case 'neighbor-advertisement':
      // RFC 4862 §5.4.4: the sender has the address.
      return message.target === state.address ? onClaim(state, frame.sourceMac, env) : stay(state);
    case 'neighbor-solicitation':
      return message.target === state.address
        ? onQuestion(state, { ...frame, message }, env)
        : stay(state);
    case 'router-solicitation':
    case 'router-advertisement':
      return stay(state);
  }
}

function onQuestion(
  state: Probing | Free,
  asked: NdpFrame<NeighborSolicitation>,
  env: DuplicateEnv,
): DuplicateStep {
  const isProbe = asked.source === IPV6_ANY;
  if (state.name === 'PROBING') {
    // RFC 4862 §5.4.3: a probe wants the address as we do, so neither may have it. A host that
    // resolves the address gets no answer while it is tentative.
    return isProbe ? onClaim(state, asked.sourceMac, env) : stay(state);
  }
  const { answeredAt } = state;
  if (!isProbe) return answer(state, asked, env);
  const isTooSoon = answeredAt !== undefined && env.now < answeredAt + LEAST_BETWEEN_ANSWERS;
  return isTooSoon ? stay(state) : answer({ ...state, answeredAt: env.now }, asked, env);
}

function answer(
  state: Free,
  asked: NdpFrame<NeighborSolicitation>,
  env: DuplicateEnv,
): DuplicateStep {
  return { state, effects: [{ type: 'send', frame: neighborAnswer(env.config.mac, asked) }] };
}

/** With `asksAgain` the first claim starts one more question, once the copies of it have come. */
function onClaim(state: Probing | Free, by: Mac, env: DuplicateEnv): DuplicateStep {
  const { address } = state;
  const isDoubted = state.name === 'PROBING' && state.isDoubted;
  if (env.config.asksAgain && !isDoubted) {
    const nextAt = env.now + COPIES_COME_WITHIN;
    return {
      state: { name: 'PROBING', address, sent: 0, nextAt, isDoubted: true },
      effects: [{ type: 'doubted', address, by }],
    };
  }
  if (isDoubted && state.sent === 0) return stay(state);
  return { state: { name: 'IDLE' }, effects: [{ type: 'conflict', address, by }] };
}

function stay(state: DuplicateState): DuplicateStep {
  return { state, effects: [] };
}
