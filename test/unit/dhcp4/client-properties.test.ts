// What is true after any events at any times. fast-check prints the seed and the shortest failing
// sequence.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import {
  initialState,
  nextDeadline,
  step,
  TRANSITIONS,
} from '../../../plugin/dhcp4/client/client.ts';
import type { Effect, Event, State } from '../../../plugin/dhcp4/client/client.ts';
import { messageTypeOf } from '../../../plugin/dhcp4/options.ts';
import type { Lease } from '../../../plugin/vocabulary/lease.ts';
import * as support from '../../support/frames/messages.ts';
import { seededRandom } from '../../support/time/seeded-random.ts';

/** An event and its time: at the deadline, a little before or after it, or after another delay. */
interface Move {
  readonly kind: 'start' | 'previous' | 'resume' | 'tick' | 'release' | 'renew' | 'up' | 'down' | 'free' | 'used' | 'OFFER' | 'ACK' | 'NAK' | 'stranger'; // prettier-ignore
  readonly when: 'now' | 'deadline' | 'before' | 'after' | number;
  readonly leaseSec: number;
  readonly host: number;
}

const move: fc.Arbitrary<Move> = fc.record({
  kind: fc.oneof(
    { weight: 3, arbitrary: fc.constant('tick' as const) },
    { weight: 6, arbitrary: fc.constantFrom('OFFER' as const, 'ACK' as const) },
    fc.constantFrom('start' as const, 'previous' as const, 'resume' as const),
    fc.constantFrom('up' as const, 'down' as const, 'free' as const, 'used' as const),
    fc.constantFrom('NAK' as const, 'stranger' as const, 'release' as const, 'renew' as const),
  ),
  when: fc.oneof(
    fc.constantFrom('now' as const, 'deadline' as const, 'before' as const, 'after' as const),
    fc.integer({ min: 0, max: 5_000_000 }),
  ),
  leaseSec: fc.constantFrom(1, 10, 59, 600, 3600, 86_400, 0xffffffff),
  host: fc.integer({ min: 50, max: 54 }),
});

function instantOf(when: Move['when'], now: number, deadline: number): number {
  if (typeof when === 'number') return now + when;
  if (when === 'now' || deadline === Infinity) return now;
  return { deadline, before: Math.max(now, deadline - 1), after: deadline + 1 }[when];
}

function eventOf({ kind, leaseSec, host }: Move, state: State, now: number): Event {
  const xid = 'exchange' in state ? state.exchange.xid : 0;
  const address = support.ip(`192.0.2.${host}`);
  const serverId = support.ip(`192.0.2.${(host % 2) + 1}`);
  const parts = { xid, address, serverId, leaseSec };
  const previous = support.lease({ address, requestedAt: now - 1_000_000 });
  const message = (value: ReturnType<typeof support.ack>): Event => ({
    type: 'message',
    message: value,
    sourceMac: support.SERVER_MAC,
    sourceAddress: support.SERVER,
  });
  switch (kind) {
    case 'start':
    case 'tick':
    case 'release':
    case 'renew':
      return { type: kind };
    case 'previous':
      return { type: 'start', previous };
    case 'resume':
      return { type: 'resume', lease: previous };
    case 'up':
    case 'down':
      return { type: 'link', up: kind === 'up' };
    case 'free':
    case 'used':
      return { type: 'checked', inUse: kind === 'used' };
    case 'OFFER':
      return message(support.offer(parts));
    case 'ACK':
      return message(support.ack({ ...parts, options: host > 52 ? [[80, new Uint8Array()]] : [] }));
    case 'NAK':
      return message(support.nak({ xid, serverId }));
    case 'stranger':
      return message(support.ack({ ...parts, xid: (xid ^ 1) >>> 0 }));
  }
}

/** The lease that the container uses, according to the effects. */
function following(using: Lease | undefined, effects: readonly Effect[]): Lease | undefined {
  return effects.reduce<Lease | undefined>((current, effect) => {
    if (effect.type !== 'lease') return current;
    return effect.change === 'lost' ? undefined : effect.lease;
  }, using);
}

it('stays on the table, keeps its deadline in the future, and never uses a lease that is over', () => {
  fc.assert(
    fc.property(
      fc.array(move, { maxLength: 40 }),
      fc.boolean(),
      fc.boolean(),
      fc.constantFrom('container-start' as const, 'rfc2131' as const),
      fc.integer(),
      (moves, acd, rapidCommit, retransmit, seed) => {
        const config = support.clientConfig({ acd, rapidCommit, retransmit });
        const random = seededRandom(seed);
        let state = initialState();
        let now = 0;
        let using: Lease | undefined;
        const first: Move = { kind: 'start', when: 'now', leaseSec: 1, host: 50 };
        for (const next of [...(seed % 3 === 0 ? [] : [first]), ...moves]) {
          now = instantOf(next.when, now, nextDeadline(state));
          const resumes = next.kind === 'resume' && nextDeadline(state) === Infinity;
          const event = eventOf(next, state, now);
          if (resumes && state.name === 'INIT' && event.type === 'resume') using = event.lease;
          // Two transitions: first the one that is due, then the event.
          for (const each of [{ type: 'tick' } as const, event]) {
            const due = now >= nextDeadline(state);
            const result = step(state, each, { now, random, config });
            if (each.type === 'tick' && !due) expect(result).toEqual({ state, effects: [] });
            if (result.state.name !== state.name) {
              expect(TRANSITIONS[state.name]).toContain(result.state.name);
            }
            expect(nextDeadline(result.state)).toBeGreaterThan(now);
            const sends = result.effects.filter((effect) => effect.type === 'send');
            expect(sends.length).toBeLessThanOrEqual(1);
            for (const { message } of sends) expect(messageTypeOf(message.options)).toBeDefined();
            using = following(using, result.effects);
            if (using !== undefined) {
              expect(now).toBeLessThan(using.expiresAt);
              expect(using.t1At).toBeLessThanOrEqual(using.t2At);
              expect(using.t2At).toBeLessThanOrEqual(using.expiresAt);
            }
            state = result.state;
          }
        }
      },
    ),
    { numRuns: 300 },
  );
});
