// A whole day of 200 DHCPv6 clients. VirtualLan6 throws when a rule is broken: an address used
// after its valid lifetime, one address used twice, a transition that is not in the table, a
// deadline that has passed, more than 200 sends an hour.
import { expect, it } from 'vitest';
import { spendDay6 } from './site6.ts';

it('200 DHCPv6 clients, 24 hours, 5 % loss, restarts, a server that forgets: every rule holds', () => {
  const day = spendDay6(1, 200, 24 * 60);
  expect(day.without).toEqual({ calm: 0, afterForgetting: 0, atEnd: 0 });
  expect(day.lan.users.size).toBe(200);
  expect(day.changes['lost expired']).toBeGreaterThan(150);
  expect(day.lan.sendsOf.get('DECLINE')).toBeGreaterThan(5);
  // One RENEW every 20 minutes, and the cost of lost frames and of the silence.
  const all = [...day.lan.sendsOf.values()].reduce((sum, count) => sum + count, 0);
  expect(all / 200 / 24).toBeLessThan(8);
  expect(day.busiestSecond).toBeLessThanOrEqual(200);
});
