// The day of site6.long.test.ts, but short enough for every save.
import { expect, it } from 'vitest';
import { spendDay6 } from './site6.ts';

it.each([1, 8])('40 DHCPv6 clients, 8 hours, 5 % loss: every rule holds, seed %i', (seed) => {
  const day = spendDay6(seed, 40, 8 * 60);
  expect(day.without).toEqual({ calm: 0, afterForgetting: 0, atEnd: 0 });
  expect(day.changes['lost expired']).toBeGreaterThan(20);
  expect(day.changes['renewed']).toBeGreaterThan(400);
  expect(day.lan.users.size).toBe(40);
  expect(day.lan.sendsOf.get('DECLINE')).toBeGreaterThan(1);
  expect(day.busiestSecond).toBeLessThanOrEqual(80);
});
