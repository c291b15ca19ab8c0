// A whole day of 500 clients. VirtualLan throws when a rule is broken: an address used after its
// lease, one address used twice, T1 ≤ T2 ≤ expiry, a transition that is not in the table, more than
// 200 sends an hour.
import { expect, it } from 'vitest';
import { spendDay } from './site.ts';

it('500 clients, 24 hours, 5 % loss, two servers, one replaced, a NAK storm: every rule holds', () => {
  const day = spendDay(1, 500, 24 * 60);
  expect(day.without).toEqual({ beforeReplacement: 0, atEnd: 0 });
  expect(new Set(day.lan.users.keys()).size).toBe(500);
  expect(day.changes['lost nak']).toBeGreaterThan(100);
  // Two messages for a lease, one for a renewal every 20 to 30 minutes, and the cost of lost
  // frames.
  expect(day.sends / 500 / 24).toBeLessThan(6);
  expect(day.mostSendsPerClient / 24).toBeLessThan(12);
  // Two steps for each message (1.97). A client that spins takes more, on any machine.
  expect(day.lan.steps / day.sends).toBeLessThan(2.5);
});
