// A whole day of 200 dual-stack containers. The site throws when a rule is broken: an address used
// by two, an address used past its lifetime, another DUID or IAID than the MAC's, a prefix that is
// replayed for longer than its router has promised. SITE_SEED sets the seed.
import { expect, it } from 'vitest';
import { expectedOf, spendDualDay } from './dual-stack-day.ts';

const SEED = Number(process.env['SITE_SEED'] ?? 1);

it('200 dual-stack containers, 24 hours, 5 % loss: every rule holds', async () => {
  const day = await spendDualDay(SEED, 200, 24);
  expect(day.without).toEqual(expectedOf(day));
  expect(day.host.failedStarts).toEqual([]);
  // A DHCPv6 lease is renewed each 20 minutes, an IPv4 lease each 30.
  expect(day.changes['6 renewed']).toBeGreaterThan(7_000);
  expect(day.changes['4 renewed']).toBeGreaterThan(8_500);
  // The silence is longer than each lease.
  expect(day.changes['6 lost expired']).toBeGreaterThan(60);
  const sent = [...day.host.segment.sent6.values()].reduce((sum, count) => sum + count, 0);
  expect(sent / 200 / 24).toBeLessThan(5);
}, 600_000);
