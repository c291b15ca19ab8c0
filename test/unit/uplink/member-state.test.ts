/** The member's machine: rules that hold after every event, whatever comes in whatever order. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nextDeadline, step } from '../../../plugin/uplink/member/member-state.ts';
import {
  TRANSITIONS,
  type MemberEvent,
  type MemberState,
  type Step,
} from '../../../plugin/uplink/member/states.ts';
import type { MemberView } from '../../../plugin/uplink/protocol/registrar-protocol.ts';

const view: MemberView = {
  ...{ name: 'laptop', site: 'hq', address: '10.83.41.3', vni: 0x766403, vlans: [500] },
  ...{ mtu: 1500, mesh: false, held: false, revision: 1 },
};

/** Serials near those in use, so that answers are often to the last question. */
const serial = fc.integer({ min: 0, max: 12 });
const event: fc.Arbitrary<MemberEvent> = fc.oneof(
  { weight: 12, arbitrary: fc.constant({ type: 'tick' } as const) },
  { weight: 3, arbitrary: fc.constant({ type: 'word' } as const) },
  { weight: 2, arbitrary: fc.constant({ type: 'word', isFresh: true } as const) },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('view' as const),
      view: fc.integer({ min: 1, max: 3 }).map((revision) => ({ ...view, revision })),
      serial,
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      type: fc.constant('refused' as const),
      status: fc.constantFrom(400, 403, 409, 410, 503),
      error: fc.constant('no'),
      serial,
    }),
  },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('unanswered' as const), serial }) },
  { weight: 1, arbitrary: fc.constant({ type: 'links-failed', error: 'EPERM' } as const) },
  { weight: 1, arbitrary: fc.constant({ type: 'moved' } as const) },
  { weight: 2, arbitrary: fc.constant({ type: 'revived' } as const) },
  { weight: 1, arbitrary: fc.constant({ type: 'links-gone' } as const) },
  { weight: 1, arbitrary: fc.constant({ type: 'rotate' } as const) },
  {
    weight: 1,
    arbitrary: fc.record({ type: fc.constant('key-posted' as const), isTaken: fc.boolean() }),
  },
  { weight: 1, arbitrary: fc.constant({ type: 'join' } as const) },
  { weight: 1, arbitrary: fc.constant({ type: 'resume', view } as const) },
);

const env = { addresses: 1, streams: 'none', isStreamOpen: false } as const;
const quiet = { hasStreamFailed: false, isIdle: true } as const;

describe('the machine of a member', () => {
  it('keeps its rules, whatever comes in whatever order', () => {
    const steps = fc.array(fc.tuple(event, fc.integer({ min: 0, max: 12_000 })), {
      maxLength: 80,
    });
    fc.assert(
      fc.property(
        steps,
        fc.integer({ min: 1, max: 3 }),
        fc.boolean(),
        fc.record({
          streams: fc.constantFrom('none' as const, 'also' as const, 'only' as const),
          isStreamOpen: fc.boolean(),
          hasStreamFailed: fc.boolean(),
          isIdle: fc.boolean(),
        }),
        (events, addresses, isNew, ways) => {
          let state: MemberState = { name: 'IDLE' };
          let now = 1_000;
          let asked = 0;
          const first: MemberEvent = isNew ? { type: 'join' } : { type: 'resume', view };
          for (const [next, wait] of [[first, 0] as const, ...events]) {
            now += wait;
            const before = state;
            const { state: after, effects }: Step = step(before, next, {
              ...{ now, addresses, ...ways },
            });
            expect(
              after.name === before.name || TRANSITIONS[before.name].includes(after.name),
            ).toBe(true);
            for (const effect of effects) {
              if (effect.type !== 'post' && effect.type !== 'ask') continue;
              expect(effect.serial).toBeGreaterThan(asked); // no answer counts twice
              asked = effect.serial;
            }
            state = after;
          }
          // Ticks alone come to an end: no deadline stays in the past.
          for (let ticks = 0; nextDeadline(state) <= now; ticks += 1) {
            expect(ticks).toBeLessThan(5);
            state = step(state, { type: 'tick' }, { now, addresses, ...ways }).state;
          }
        },
      ),
    );
  });

  it('does nothing on a tick before its deadline', () => {
    let state: MemberState = step(
      { name: 'IDLE' },
      { type: 'resume', view },
      { now: 0, ...env, ...quiet },
    ).state;
    for (let now = 0; now < 60_000; now += 500) {
      if (now < nextDeadline(state)) {
        expect(step(state, { type: 'tick' }, { now, ...env, ...quiet })).toEqual({
          state,
          effects: [],
        });
      } else {
        ({ state } = step(state, { type: 'tick' }, { now, ...env, ...quiet }));
      }
    }
    expect(state.name).toBe('SILENT');
  });
});
