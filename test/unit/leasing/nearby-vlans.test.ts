import { beforeEach, describe, expect, it } from 'vitest';
import { NearbyVlans, vlansNear } from '../../../plugin/leasing/segment/nearby-vlans.ts';
import { PluginError } from '../../../plugin/vocabulary/errors.ts';
import type { Segment } from '../../../plugin/vocabulary/vlan-tags.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { FakeTrunk } from '../../support/lan/fake-trunk.ts';
import { MemoryLogger } from '../../support/fakes/memory-logger.ts';
import { seededRandom } from '../../support/time/seeded-random.ts';

const SILENCE = new PluginError('NO_OFFER', 'no DHCP server answered', {
  evidence: { isSilent: true },
});
let clock: FakeClock;
let trunk: FakeTrunk;
let log: MemoryLogger;
let nearby: NearbyVlans;

beforeEach(() => {
  clock = new FakeClock();
  trunk = new FakeTrunk(clock);
  log = new MemoryLogger();
  nearby = new NearbyVlans({
    ...{ clock, random: seededRandom(5), openTrunkSocket: trunk.open, log },
    known: () => [],
  });
});

/** A request that meets silence for all of its time. @returns the sentence. */
async function silent(segment: Segment, waitMs = 6_000): Promise<string> {
  const watch = nearby.watch(segment, clock.now() + waitMs);
  await clock.pass(waitMs);
  const error = watch.explain(SILENCE) as PluginError;
  watch.end();
  await clock.pass(0);
  expect([error.code, trunk.isOpen, clock.pending]).toEqual(['NO_OFFER', false, 0]);
  return error.message;
}

const on = (vlan: Segment['vlan']) => ({ parent: 'eth1', vlan });

/** VLANs that have a server. */
function serve(...vlans: number[]): void {
  trunk.answer = (vlan) => (vlans.includes(vlan) ? [{ vlan, server: `10.0.0.${vlan % 250}` }] : []);
}

it('a VLAN close by answers: the error names it and its server', async () => {
  serve(500);
  expect(await silent(on(501))).toBe(
    'no DHCP server answered; if VLAN 501 is the wrong number, these DHCP servers answer: 10.0.0.0 on VLAN 500 of eth1',
  );
});

it('several answer: the three nearest, and the one without a tag last', async () => {
  serve(0, 500, 505);
  expect(await silent(on(501))).toMatch(
    /answer: 10.0.0.0 on VLAN 500 of eth1, 10.0.0.5 on VLAN 505 of eth1, 10.0.0.0 on eth1 without a tag$/,
  );
  await clock.pass(60_000);
  serve(0, 499, 500, 502, 505);
  expect((await silent(on(501))).match(/VLAN \d+ of/g)).toEqual([
    ...['VLAN 500 of', 'VLAN 502 of', 'VLAN 499 of'],
  ]);
});

it('nobody answers: the error is the same object', async () => {
  const watch = nearby.watch(on(501), clock.now() + 6_000);
  await clock.pass(6_000);
  expect(watch.explain(SILENCE)).toBe(SILENCE);
  watch.end();
});

it('no hint for another error: the segment is the right one', async () => {
  serve(500);
  const watch = nearby.watch(on(501), clock.now() + 6_000);
  await clock.pass(6_000);
  const others = [new PluginError('NO_OFFER', 'pool is exhausted'), new Error('x'), 7];
  for (const other of others) expect(watch.explain(other)).toBe(other);
  watch.end();
});

describe('when it asks', () => {
  it.each([
    [20_000, 5_000],
    [6_000, 2_000],
    [3_000, 1_000],
  ])('of %i ms the first %i are for the VLAN itself', async (waitMs, silentMs) => {
    const startedAt = clock.now();
    await silent(on(501), waitMs);
    expect(trunk.sent[0]?.at).toBe(startedAt + silentMs);
    expect(trunk.opened).toEqual(['eth1']);
  });

  it('a server answers before: nothing is sent, and no timer stays', async () => {
    const watch = nearby.watch(on(501), clock.now() + 20_000);
    await clock.pass(3_100); // dnsmasq has pinged
    watch.end();
    await clock.pass(20_000);
    expect([trunk.sent, trunk.opened, clock.pending]).toEqual([[], [], 0]);
  });

  it('the request ends meanwhile: the socket is closed at once', async () => {
    const watch = nearby.watch(on(501), clock.now() + 6_000);
    await clock.pass(2_500);
    expect(trunk.isOpen).toBe(true);
    watch.end();
    await clock.pass(0);
    expect([trunk.isOpen, clock.pending]).toEqual([false, 0]);
  });

  it('once a minute for a segment; what was heard counts for as long', async () => {
    serve(500);
    await silent(on(501));
    const { length } = trunk.sent;
    serve();
    expect(await silent(on(501))).toMatch(/VLAN 500 of eth1$/);
    expect(trunk.sent.length).toBe(length);
    await clock.pass(60_000);
    expect(await silent(on(501))).toBe('no DHCP server answered');
    expect(trunk.sent.length).toBeGreaterThan(length);
  });

  it('a link for one request at a time', async () => {
    const both = [on(501), on(601)].map((segment) => nearby.watch(segment, clock.now() + 6_000));
    await clock.pass(6_000);
    for (const watch of both) watch.end();
    expect(trunk.opened).toEqual(['eth1']);
  });

  it.each([undefined, '10.500', '10q.500'] as const)(
    'never for %s: no number, or two tags',
    async (vlan) => {
      expect(await silent(on(vlan))).toBe('no DHCP server answered');
      expect(trunk.opened).toEqual([]);
    },
  );

  it("by the port to the trunk, if the parent is an operator's bridge", async () => {
    serve(500);
    const message = await silent({ parent: 'vmbr0', vlan: 501, uplink: 'eth1' } as Segment);
    expect([trunk.opened, message]).toEqual([['eth1'], expect.stringMatching(/500 of eth1$/)]);
  });

  it('a link that cannot be asked is no reason to fail otherwise', async () => {
    nearby = new NearbyVlans({
      ...{ clock, random: seededRandom(5), log, known: () => [] },
      openTrunkSocket: () => {
        throw new PluginError('SOCKET_FAILED', 'no such link');
      },
    });
    expect(await silent(on(501))).toBe('no DHCP server answered');
    expect(log.messages('warn')).toEqual([]);
  });
});

it('a request that goes on in silence: it is told in the log', async () => {
  serve(500);
  const watch = nearby.watch(on(501), clock.now() + 6_000);
  await clock.pass(6_000);
  watch.warn('VLAN 501 of eth1');
  watch.end();
  expect(log.messages('warn')).toEqual([
    'no DHCP server answers yet; if VLAN 501 is the wrong number, these DHCP servers answer: 10.0.0.0 on VLAN 500 of eth1',
  ]);
});

it('asks the eight next to it on both sides, the one without a tag, and those of networks', () => {
  expect(vlansNear(500, [600, 10, 501, 500])).toEqual([
    ...[499, 501, 498, 502, 497, 503, 496, 504, 495, 505, 494, 506, 493, 507, 492, 508, 0],
    ...[600, 10],
  ]);
  expect(vlansNear(2, []).slice(0, 3)).toEqual([1, 3, 4]);
  expect(Math.max(...vlansNear(4094, []))).toBe(4093);
  const all = Array.from({ length: 4094 }, (_, index) => index + 1);
  expect(vlansNear(500, all).length).toBeLessThanOrEqual(16 + 1 + 16);
});
