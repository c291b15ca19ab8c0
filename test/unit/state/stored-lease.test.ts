import { describe, expect, it } from 'vitest';
import {
  elapsedSince,
  readableTimes,
  restoreLease,
  storeLease,
  storeMoment,
} from '../../../plugin/state/stored-lease.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { lease } from '../../support/frames/messages.ts';

const HOUR = 3_600_000;
const now = 100_000_000;
const aLease = () => lease({ requestedAt: now });
const leftOf = (stored: ReturnType<typeof storeLease>, clock: FakeClock) =>
  restoreLease(stored, clock).expiresAt - clock.now();

describe('within one boot', () => {
  it.each([-30 * 24 * HOUR, -1, 0, 1, 30 * 24 * HOUR])(
    'a wall clock that is stepped by %i ms changes no lease',
    async (step) => {
      const clock = new FakeClock({ now });
      const stored = storeLease(aLease(), clock);
      await clock.pass(60_000);
      clock.stepWall(step);
      expect(restoreLease(stored, clock)).toEqual(aLease());
      expect(readableTimes(stored, clock).expiresAt).toBe(clock.wall() + HOUR - 60_000);
    },
  );

  it('nor the age of a moment', async () => {
    const clock = new FakeClock({ now });
    const moment = storeMoment(clock);
    await clock.pass(1234);
    clock.stepWall(-HOUR);
    expect(elapsedSince(moment, clock)).toBe(1234);
  });
});

describe('after another boot', () => {
  it('the time the host was away counts by the wall', () => {
    const clock = new FakeClock({ now });
    const stored = storeLease(aLease(), clock);
    clock.reboot(600_000);
    expect(leftOf(stored, clock)).toBe(HOUR - 600_000);
  });

  it('a lease that ended meanwhile is over', () => {
    const clock = new FakeClock({ now });
    const stored = storeLease(aLease(), clock);
    clock.reboot(2 * HOUR);
    expect(leftOf(stored, clock)).toBeLessThanOrEqual(0);
  });

  it('a wall clock set back gives a lease its duration from now at most', () => {
    const clock = new FakeClock({ now });
    const stored = storeLease(aLease(), clock);
    clock.reboot(-365 * 24 * HOUR);
    expect(restoreLease(stored, clock).requestedAt).toBe(clock.now());
    expect(leftOf(stored, clock)).toBe(HOUR);
    expect(elapsedSince(storeMoment(new FakeClock({ now })), clock)).toBe(0);
  });

  it('a file of a version that knew no boots goes by the wall', async () => {
    const clock = new FakeClock({ now });
    const old = { ...storeLease(aLease(), clock), boot: undefined };
    await clock.pass(60_000);
    expect(leftOf(old, clock)).toBe(HOUR - 60_000);
  });
});

describe('leases of unusual length', () => {
  const infinite = () =>
    lease({ requestedAt: now, t1At: Infinity, t2At: Infinity, expiresAt: Infinity });

  it('an infinite one stays infinite over restart and reboot', () => {
    const clock = new FakeClock({ now });
    const stored = storeLease(infinite(), clock);
    expect(restoreLease(stored, clock)).toEqual(infinite());
    clock.reboot();
    expect(restoreLease(stored, clock).expiresAt).toBe(Infinity);
    expect(readableTimes(stored, clock).expiresAt).toBe(Infinity);
  });

  it('one of a second is over a second later', async () => {
    const clock = new FakeClock({ now });
    const times = { t1At: now + 500, t2At: now + 875, expiresAt: now + 1000 };
    const stored = storeLease(lease({ requestedAt: now, ...times }), clock);
    await clock.pass(1000);
    expect(leftOf(stored, clock)).toBe(0);
  });
});
