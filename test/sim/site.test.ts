// The day of site.long.test.ts, but short enough for every save.
import { expect, it } from 'vitest';
import { spendDay } from './site.ts';

it.each([1, 2])('40 clients, 4 hours, 5 % loss: every rule holds, seed %i', (seed) => {
  const day = spendDay(seed, 40, 4 * 60);
  expect(day.without).toEqual({ beforeReplacement: 0, atEnd: 0 });
  expect(day.changes['lost nak']).toBeGreaterThan(0);
  expect(new Set(day.lan.users.keys()).size).toBe(40);
});
