import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createClock } from '../../plugin/clock.ts';
import { boottime } from '../../plugin/net/boottime.ts';

describe('timers', () => {
  let now = 0;
  /** Advances the time. For `asleep` of it the host is suspended, so Node's timers stand still. */
  const pass = (ms: number, asleep = 0) => {
    now += asleep;
    for (let left = ms; left > 0; left -= 1000) {
      now += Math.min(1000, left);
      vi.advanceTimersByTime(Math.min(1000, left));
    }
  };
  const clock = createClock({ now: () => now, bootId: 'x' });
  beforeEach(() => {
    now = 0;
    vi.useFakeTimers();
  });
  afterEach(() => void vi.useRealTimers());

  it('fire when their instant has come and not before, however far away it is', () => {
    const fired = vi.fn();
    clock.at(2 * 86_400_000 + 500, fired);
    for (let day = 0; day < 2; day += 1) {
      now += 86_400_000;
      vi.advanceTimersByTime(86_400_000);
    }
    expect(fired).not.toHaveBeenCalled();
    pass(1000);
    expect(fired).toHaveBeenCalledTimes(1);
  });

  it('notice within 30 s that the host was suspended', () => {
    const fired = vi.fn();
    clock.at(3_600_000, fired);
    pass(5_000);
    pass(30_000, 7_200_000);
    expect(fired).toHaveBeenCalledTimes(1);
  });

  it('do not fire once cancelled, also after the first look', () => {
    const fired = vi.fn();
    const cancel = clock.at(100_000, fired);
    pass(70_000);
    cancel();
    pass(70_000);
    expect([fired.mock.calls.length, vi.getTimerCount()]).toEqual([0, 0]);
  });

  it('of leases far away wake the process up together, and each fires at its own instant', () => {
    const fired: number[] = [];
    const cancels = Array.from({ length: 1000 }, (_, n) => {
      now = n; // each begins to wait at another moment
      const dueAt = 100_000 + 7 * n;
      return clock.at(dueAt, () => fired.push(now - dueAt));
    });
    expect(vi.getTimerCount()).toBe(1);
    cancels[0]?.();
    pass(110_000);
    expect(fired).toHaveLength(999);
    expect(fired.filter((late) => late < 0 || late > 1000)).toEqual([]); // `pass` goes by seconds
    expect(vi.getTimerCount()).toBe(0);
  });

  it('refuse NaN, which Node would take for "at once", again and again', () => {
    expect(() => clock.at(NaN, () => undefined)).toThrow(RangeError);
  });

  it('that throw are told, and the others come all the same', () => {
    const failures: unknown[] = [];
    const guarded = createClock(
      { now: () => clock.now(), bootId: 'b' },
      (error) => void failures.push(error),
    );
    const [fired, boom] = [vi.fn(), new Error('boom')];
    guarded.at(clock.now(), () => {
      throw boom;
    });
    guarded.at(clock.now(), fired);
    vi.advanceTimersByTime(1);
    expect([failures, fired.mock.calls.length]).toEqual([[boom], 1]);
  });

  it('never fire for Infinity, and at once for what is past', () => {
    const fired = vi.fn();
    clock.at(Infinity, fired);
    expect(vi.getTimerCount()).toBe(0);
    clock.at(-1, fired);
    vi.advanceTimersByTime(0);
    expect(fired).toHaveBeenCalledTimes(1);
  });
});

describe('the clock of the boot', () => {
  it('advances in milliseconds and is that of /proc/uptime', async () => {
    const { readFileSync } = await import('node:fs');
    const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1000;
    expect(Math.abs(boottime.now() - uptime)).toBeLessThan(1000);
    const before = boottime.now();
    expect(boottime.now()).toBeGreaterThanOrEqual(before);
  });

  it('knows the id of the boot', () => {
    expect(boottime.bootId).toMatch(/^[0-9a-f-]{36}$/);
  });
});
