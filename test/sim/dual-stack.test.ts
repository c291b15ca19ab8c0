// The day of dual-stack.long.test.ts, but short enough for every save.
import { expect, it } from 'vitest';
import { expectedOf, spendDualDay } from './dual-stack-day.ts';

it('16 dual-stack containers, 16 hours, 5 % loss: every rule holds', async () => {
  const day = await spendDualDay(1, 16, 16);
  expect(day.without).toEqual(expectedOf(day));
  expect(day.host.failedStarts).toEqual([]);
  expect(day.host.shared).toBe(0);
  expect(day.changes['6 renewed']).toBeGreaterThan(200);
  expect(day.host.segment.sent6.get('CONFIRM')).toBeGreaterThan(1);
});
