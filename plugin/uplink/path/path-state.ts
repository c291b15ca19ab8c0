/**
 * Finds the largest packet that passes the tunnel, as a pure machine. `path-probe.ts` is the shell.
 *
 * Packets of all sizes go to the hub at once, and the hub sends back what comes whole. Nothing
 * depends on ICMP. Where a router does tell the size of its link, the kernel of this host cuts
 * longer datagrams by itself, and they pass in pieces. So the limit that the kernel knows is asked
 * for before each round and before the end, and longer answers do not count.
 *
 * While nothing has changed one packet of the known size is enough. If it does not come back, all
 * sizes are tried.
 *
 *   IDLE ─▶ LOOKING ─▶ WAITING ─▶ LOOKING ─▶ … ─▶ IDLE
 */
import type { Instant, Ms } from '../../vocabulary/time.ts';
import { SMALLEST_PATH, TUNNEL_MTU } from '../desired.ts';

/**
 * The sizes that are tried. WireGuard pads a packet to a multiple of 16 bytes, but not beyond the
 * MTU of the route. With 12 bytes over such a multiple no padding makes a packet longer than the
 * size that it tries. Over IPv6 an underlay of 1492 (PPPoE) has 1404, one of 1460 has 1372, one of
 * 1280 has 1196. Over IPv4 there are 20 bytes more.
 */
export const PATH_SIZES: readonly number[] = [
  ...[TUNNEL_MTU, 1404, 1388, 1372, 1356, 1324, 1308, 1276, 1244, 1196],
  ...[1116, 1036, 876, 668, SMALLEST_PATH],
];
/** A packet may be lost for another reason, so each is tried so often. */
export const ROUNDS = 3;
/** The round of the one packet. */
const CHECK = 0;
/** How long answers of a round are waited for. */
const ROUND_FOR: Ms = 1_000;

interface Running {
  /** Of this run. Answers to an earlier one do not count. */
  readonly serial: number;
  readonly round: number;
  readonly answered: readonly number[];
}

export type PathState =
  | { readonly name: 'IDLE'; readonly serial: number }
  | (Running & { readonly name: 'LOOKING' })
  | (Running & {
      readonly name: 'WAITING';
      /** The largest size that can pass, as far as is known. */
      readonly top: number;
      readonly roundEndsAt: Instant;
    });

export type PathEvent =
  /** Another way, perhaps. */
  | { readonly type: 'begin' }
  /** The same way, as far as is known. */
  | { readonly type: 'check'; readonly size: number }
  /** What this host's kernel knows of the way. */
  | { readonly type: 'limit'; readonly serial: number; readonly limit: number }
  | { readonly type: 'answered'; readonly serial: number; readonly size: number }
  | { readonly type: 'tick' };

export type PathEffect =
  | { readonly type: 'look'; readonly serial: number }
  | { readonly type: 'send'; readonly serial: number; readonly sizes: readonly number[] }
  | { readonly type: 'use'; readonly mtu: number };

export interface PathStep {
  readonly state: PathState;
  readonly effects: readonly PathEffect[];
}

export function pathStep(state: PathState, event: PathEvent, { now }: { now: Instant }): PathStep {
  if ('serial' in event && event.serial !== state.serial) return { state, effects: [] };
  switch (event.type) {
    case 'begin':
      return looking({ serial: state.serial + 1, round: 1, answered: [] });
    case 'check':
      if (state.name !== 'IDLE') return { state, effects: [] };
      return checking(state.serial + 1, event.size, now);
    case 'limit':
      return state.name === 'LOOKING' ? waiting(state, event.limit, now) : { state, effects: [] };
    case 'answered': {
      if (state.name === 'IDLE') return { state, effects: [] };
      const next = { ...state, answered: [...new Set([...state.answered, event.size])] };
      if (next.name !== 'WAITING' || event.size < next.top) return { state: next, effects: [] };
      if (next.round !== CHECK) return looking(next);
      return { state: { name: 'IDLE', serial: state.serial }, effects: [] };
    }
    case 'tick':
      if (state.name !== 'WAITING' || now < state.roundEndsAt) return { state, effects: [] };
      return looking({ ...state, round: state.round + 1 });
  }
}

export function pathDeadline(state: PathState): Instant {
  return state.name === 'WAITING' ? state.roundEndsAt : Infinity;
}

/** The kernel is not asked: it costs three programs, and this is done all the time. */
function checking(serial: number, size: number, now: Instant): PathStep {
  const roundEndsAt = now + ROUND_FOR;
  return {
    state: { name: 'WAITING', serial, round: CHECK, answered: [], top: size, roundEndsAt },
    effects: [{ type: 'send', serial, sizes: [size] }],
  };
}

function looking({ serial, round, answered }: Running): PathStep {
  return {
    state: { name: 'LOOKING', serial, round, answered },
    effects: [{ type: 'look', serial }],
  };
}

function waiting(state: Running, limit: number, now: Instant): PathStep {
  const { serial, round } = state;
  const sizes = PATH_SIZES.filter((size) => size <= limit);
  const answered = state.answered.filter((size) => size <= limit);
  const best = Math.max(0, ...answered);
  const use: readonly PathEffect[] = best === 0 ? [] : [{ type: 'use', mtu: best }];
  const [top] = sizes;
  if (top === undefined || best === top || round > ROUNDS) {
    return { state: { name: 'IDLE', serial }, effects: use };
  }
  const roundEndsAt = now + ROUND_FOR;
  return {
    state: { name: 'WAITING', serial, round, answered, top, roundEndsAt },
    effects: [...use, { type: 'send', serial, sizes: sizes.filter((size) => size > best) }],
  };
}
