/**
 * `on_no_server=link-local` on real links (RFC 3927): the far kernel has the first address that the
 * client tries, then claims the second, and a server answers in the end.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { linkLocalCandidate } from '../../../plugin/acd/link-local.ts';
import { LeaseSite, subject } from '../../support/lab/lease-site.ts';
import { ip, until } from '../../support/lab/netns.ts';
import { outcome, recordOutcomes } from '../../support/lab/outcomes.ts';

recordOutcomes();

let site: LeaseSite;
beforeAll(async () => {
  site = await LeaseSite.make();
});
afterAll(() => site.dispose());

test('an address that nobody has stands in for a lease until a server answers', async () => {
  const row = outcome('options', 'on_no_server=link-local, the first address taken × dnsmasq');
  const who = subject({}, { acd: 'off', linkLocal: { afterExpiry: true } });
  const [taken, free] = [0, 1].map((others) => linkLocalCandidate(who.identity.clientId, others));
  ip(`-n ${site.farName} addr add ${taken!}/32 dev lo`);
  const limits = { by: site.clock.now() + 500, signal: new AbortController().signal, late: true };
  expect(await site.leases.acquire(who, { link: 'vdc0' }, limits)).toBeUndefined();
  await until('an address is told', () => site.linkLocals.length > 0);
  expect(site.linkLocals).toEqual([free]);
  expect(site.log.messages('warn')).toContain('address given up: another host has it');
  site.leases.announce('endpoint');
  await site.startDnsmasq();
  await until('the lease comes', () => site.changes.length > 0);
  expect(site.changes[0]).toMatchObject({ change: 'acquired', lease: { prefixLength: 24 } });
  expect(site.linkLocals).toEqual([free]);
  row.seen = `${taken!} answered a probe, ${free!} was told, then leased ${site.changes[0]!.lease.address}`;
  row.leftovers = 0;
});
