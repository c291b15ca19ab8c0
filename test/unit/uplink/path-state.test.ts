/** What passes the tunnel, found by packets of all sizes: the machine, on modelled ways. */
import { describe, expect, it } from 'vitest';
import {
  PATH_SIZES,
  pathDeadline,
  pathStep,
  ROUNDS,
  type PathEffect,
  type PathEvent,
  type PathState,
} from '../../../plugin/uplink/path/path-state.ts';

interface Way {
  /** Whether a packet of that size comes back, in that round. */
  readonly passes: (size: number, round: number) => boolean;
  /** What the kernel knows, at the first look, the second, and so on. */
  readonly limits?: readonly number[];
}

/** Lets a run come to its end. */
function run({ passes, limits = [] }: Way, first: PathEvent = { type: 'begin' }) {
  let state: PathState = { name: 'IDLE', serial: 0 };
  let [now, looks, rounds] = [0, 0, 0];
  const used: number[] = [];
  const sent: number[] = [];
  const queue: PathEvent[] = [first];
  const perform = (effect: PathEffect): void => {
    if (effect.type === 'use') used.push(effect.mtu);
    if (effect.type === 'look') {
      const limit = limits[Math.min(looks, limits.length - 1)] ?? Infinity;
      looks += 1;
      queue.push({ type: 'limit', serial: effect.serial, limit });
    }
    if (effect.type === 'send') {
      rounds += 1;
      sent.push(...effect.sizes);
      for (const size of effect.sizes) {
        const { serial } = effect;
        if (passes(size, rounds)) queue.push({ type: 'answered', serial, size });
      }
    }
  };
  for (let steps = 0; steps < 1_000; steps += 1) {
    const event = queue.shift() ?? { type: 'tick' as const };
    if (event.type === 'tick') {
      const due = pathDeadline(state);
      if (due === Infinity) return { state, used, rounds, now, sent };
      now = due;
    }
    const { state: next, effects } = pathStep(state, event, { now });
    state = next;
    effects.forEach(perform);
  }
  throw new Error('the run has no end');
}

describe('the probe of a way', () => {
  it('takes one round and no wait where all passes', () => {
    expect(run({ passes: () => true })).toMatchObject({ used: [1420], rounds: 1, now: 0 });
  });

  it.each([
    [1500, 1420],
    [1492, 1404],
    [1460, 1372],
    [1400, 1308],
    [1280, 1196],
    [576, 508],
  ])(
    'an underlay of %i carries packets of %i, also over IPv6 where it is 1280 or more',
    (underlay, mtu) => {
      const around = underlay >= 1280 ? 80 : 60;
      // WireGuard pads to a multiple of 16, and not beyond the MTU of the link.
      const padded = (size: number) => Math.min(1420, Math.ceil(size / 16) * 16);
      const { used } = run({ passes: (size) => padded(size) + around <= underlay });
      expect(used.at(-1)).toBe(mtu);
    },
  );

  it('uses what it has after the first round, and asks for more', () => {
    const { used, rounds } = run({ passes: (size, round) => size <= 1196 || round === 2 });
    expect([used, rounds]).toEqual([[1196, 1420], 2]);
  });

  it('a packet that was lost once does not make the way narrow', () => {
    const { used } = run({ passes: (size, round) => size < 1420 || round === ROUNDS });
    expect(used.at(-1)).toBe(1420);
  });

  it('longer answers than the kernel would send whole do not count: they came in pieces', () => {
    // A router says 1280 while the packets are under way. From then on the kernel cuts longer ones.
    const { used, rounds } = run({ passes: () => true, limits: [1440, 1220] });
    expect([used, rounds]).toEqual([[1196], 1]);
  });

  it('a limit that is known before is not tried', () => {
    expect(Math.max(...run({ passes: () => true, limits: [1220] }).sent)).toBe(1196);
  });

  it('says nothing where nothing passes', () => {
    expect(run({ passes: () => false })).toMatchObject({ used: [], rounds: ROUNDS });
    expect(run({ passes: () => true, limits: [100] }).used).toEqual([]);
  });

  it('one packet shows that the way is as it was', () => {
    const { sent, used, now } = run({ passes: () => true }, { type: 'check', size: 1196 });
    expect([sent, used, now]).toEqual([[1196], [], 0]);
  });

  it('if that packet does not come back, all sizes are tried, also larger ones', () => {
    const narrower = run({ passes: (size) => size <= 1036 }, { type: 'check', size: 1196 });
    expect(narrower.used.at(-1)).toBe(1036);
    expect(narrower.sent.slice(0, 3)).toEqual([1196, 1420, 1404]);
  });

  it('answers to an earlier run do not count', () => {
    const begun = pathStep({ name: 'IDLE', serial: 4 }, { type: 'begin' }, { now: 0 }).state;
    const late = { type: 'answered', serial: 4, size: 1420 } as const;
    expect(pathStep(begun, late, { now: 0 })).toEqual({ state: begun, effects: [] });
  });

  it('no size is made longer by padding than the next multiple of 16', () => {
    expect(PATH_SIZES.filter((size) => size % 16 !== 12)).toEqual([]);
    expect([...PATH_SIZES].sort((a, b) => b - a)).toEqual(PATH_SIZES);
  });
});
