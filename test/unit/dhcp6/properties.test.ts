// What is true after any events at any times. fast-check prints the seed and the shortest failing
// sequence.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  initialState,
  nextDeadline,
  step,
  TRANSITIONS,
} from '../../../plugin/dhcp6/client/client.ts';
import type { Effect, Event, State } from '../../../plugin/dhcp6/client/client.ts';
import { decodeMessage, encodeMessage } from '../../../plugin/dhcp6/message.ts';
import type { Lease6 } from '../../../plugin/vocabulary/ipv6/lease6.ts';
import { ip6 } from '../../support/frames/messages.ts';
import * as support from '../../support/frames/messages6.ts';
import { seededRandom } from '../../support/time/seeded-random.ts';

interface Move {
  readonly kind: 'start' | 'previous' | 'resume' | 'tick' | 'release' | 'up' | 'down' | 'free' | 'used' | 'ADVERTISE' | 'REPLY'; // prettier-ignore
  readonly when: 'now' | 'deadline' | 'before' | 'after' | number;
  readonly host: number;
  readonly valid: number;
  readonly more: boolean;
  readonly status: number;
  readonly t1: number;
}

const HOSTS = [50, 51, 52, 53] as const;
const address = (host: number) => ip6(`2001:db8::${host}`);

const move: fc.Arbitrary<Move> = fc.record({
  kind: fc.oneof(
    { weight: 4, arbitrary: fc.constant('tick' as const) },
    { weight: 8, arbitrary: fc.constantFrom('ADVERTISE' as const, 'REPLY' as const, 'REPLY' as const) }, // prettier-ignore
    fc.constantFrom('start' as const, 'previous' as const, 'resume' as const, 'down' as const),
    { weight: 2, arbitrary: fc.constantFrom('up' as const, 'free' as const, 'release' as const) }, // prettier-ignore
    { weight: 3, arbitrary: fc.constant('used' as const) },
  ),
  when: fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom('now' as const, 'now' as const, 'deadline' as const, 'before' as const, 'after' as const) }, // prettier-ignore
    fc.integer({ min: 0, max: 5_000_000 }),
  ),
  host: fc.constantFrom(...HOSTS),
  valid: fc.constantFrom(0, 1, 10, 600, 3600, 86_400, 0xffffffff),
  more: fc.boolean(),
  status: fc.oneof({ weight: 8, arbitrary: fc.constant(0) }, fc.constantFrom(1, 2, 3, 4, 5)),
  t1: fc.constantFrom(0, 0, 5, 300, 90_000, 0xffffffff),
});

function instantOf(when: Move['when'], now: number, deadline: number): number {
  if (typeof when === 'number') return now + when;
  if (when === 'now' || deadline === Infinity) return now;
  return { deadline, before: Math.max(now, deadline - 1), after: deadline + 1 }[when];
}

function eventOf({ kind, host, valid, more, status, t1 }: Move, state: State, now: number): Event {
  const previous = support.lease6({
    addresses: [{ address: address(host), preferredUntil: now + 1_000, validUntil: now + 90_000 }],
    requestedAt: now - 1_000_000,
    t1At: now + host * 1_000 - 51_000,
    t2At: now + host * 1_000,
  });
  switch (kind) {
    case 'start':
    case 'tick':
    case 'release':
      return { type: kind };
    case 'previous':
      return { type: 'start', previous };
    case 'resume':
      return { type: 'resume', lease: previous };
    case 'up':
    case 'down':
      return { type: 'link', up: kind === 'up' };
    case 'free':
    case 'used': {
      const leased = 'lease' in state ? (state.lease?.addresses ?? []) : [];
      const named = leased[host % 2]?.address ?? address(host);
      return { type: 'checked', address: named, inUse: kind === 'used' };
    }
    case 'ADVERTISE':
    case 'REPLY': {
      const xid = 'exchange' in state ? state.exchange.xid : 0;
      const second = [`2001:db8::${host + 1}`, 20, 30] as const;
      const message = support.reply6(kind, xid, {
        addresses: [[`2001:db8::${host}`, valid, valid], ...(more ? [second] : [])],
        ...{ status, t1, t2: t1 },
        serverId: host === 53 ? support.OTHER_DUID : support.SERVER_DUID,
        options: more ? [{ type: 'rapid-commit' }] : [],
      });
      return { type: 'message', message };
    }
  }
}

/** The lease that the container uses, according to the effects. */
function following(using: Lease6 | undefined, effects: readonly Effect[]): Lease6 | undefined {
  return effects.reduce<Lease6 | undefined>((current, effect) => {
    if (effect.type !== 'lease') return current;
    return effect.change === 'lost' ? undefined : effect.lease;
  }, using);
}

it('stays on the table, keeps its deadline in the future, and never uses an address that is over', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(
      fc.array(move, { maxLength: 40 }),
      fc.boolean(),
      fc.boolean(),
      fc.constantFrom('container-start' as const, 'rfc9915' as const),
      fc.integer(),
      (moves, dad, rapidCommit, retransmit, seed) => {
        const config = support.clientConfig6({ dad, rapidCommit, retransmit });
        const random = seededRandom(seed);
        const mayDecline = () => seed % 4 !== 0;
        let state = initialState();
        let now = 0;
        let using: Lease6 | undefined;
        const first: Move = { ...{ kind: 'start', when: 'now', host: 50, valid: 1, more: false }, ...{ status: 0, t1: 0 } }; // prettier-ignore
        for (const next of [...(seed % 3 === 0 ? [] : [first]), ...moves]) {
          now = instantOf(next.when, now, nextDeadline(state));
          const isNew = state.name === 'INIT' && nextDeadline(state) === Infinity;
          const event = eventOf(next, state, now);
          if (isNew && event.type === 'resume') using = event.lease;
          for (const each of [{ type: 'tick' } as const, event]) {
            const isDue = now >= nextDeadline(state);
            const result = step(state, each, { now, random, config, mayDecline });
            if (each.type === 'tick' && !isDue) expect(result).toEqual({ state, effects: [] });
            // Two transitions in one tick: an address ends, and what is due then.
            const isJump =
              result.state.name !== state.name &&
              !TRANSITIONS[state.name].includes(result.state.name);
            if (isJump) expect(`${state.name} -> ${result.state.name}`).toBe('on the table');
            seen.add(result.state.name);
            expect(nextDeadline(result.state)).toBeGreaterThan(now);
            const sends = result.effects.filter((effect) => effect.type === 'send');
            expect(sends.length).toBeLessThanOrEqual(1);
            for (const { message } of sends) {
              expect(decodeMessage(encodeMessage(message))).toEqual(message);
            }
            using = following(using, result.effects);
            for (const { validUntil, preferredUntil } of using?.addresses ?? []) {
              expect(now).toBeLessThan(validUntil);
              expect(preferredUntil).toBeLessThanOrEqual(validUntil);
            }
            if (using !== undefined) {
              expect(using.addresses.length).toBeGreaterThan(0);
              expect(using.t1At).toBeLessThanOrEqual(using.t2At);
            }
            state = result.state;
          }
        }
      },
    ),
    { numRuns: 800 },
  );
  // The moves reach every state, so the rules were tried in each.
  expect([...seen].sort()).toEqual(Object.keys(TRANSITIONS).sort());
});
