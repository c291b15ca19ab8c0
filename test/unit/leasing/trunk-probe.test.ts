import { beforeEach, expect, it } from 'vitest';
import { probeTrunk, type VlanAnswer } from '../../../plugin/leasing/segment/trunk-probe.ts';
import { refusal } from '../../support/fakes/driver-rig.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { FakeTrunk } from '../../support/lan/fake-trunk.ts';
import { seededRandom } from '../../support/time/seeded-random.ts';

let clock: FakeClock;
let trunk: FakeTrunk;

beforeEach(() => {
  clock = new FakeClock();
  trunk = new FakeTrunk(clock);
});

const probe = (vlans: readonly number[], signal = new AbortController().signal) =>
  probeTrunk(
    { clock, random: seededRandom(5), openTrunkSocket: trunk.open },
    { parent: 'eth1', vlans, signal },
  );

async function probed(vlans: readonly number[]): Promise<readonly VlanAnswer[]> {
  const result = probe(vlans);
  await clock.pass(60_000);
  return result;
}

it('each VLAN is asked twice, at a bounded rate, unless it has answered', async () => {
  trunk.answer = (vlan) => (vlan === 7 ? [{ vlan: 7 }] : []);
  const vlans = Array.from({ length: 4094 }, (_, index) => index + 1);
  const found = await probed(vlans);
  expect(found.map(({ vlan, roundTripMs }) => [vlan, roundTripMs])).toEqual([[7, 5]]);
  expect(trunk.sent.length).toBe(2 * 4094 - 1);
  expect(Math.max(...trunk.sent.map(({ at }) => at)) - trunk.sent[0]!.at).toBeLessThan(33_000);
  expect([trunk.isOpen, clock.pending]).toEqual([false, 0]);
});

it('two servers on a VLAN are two answers; made-up ones are bounded', async () => {
  trunk.answer = (vlan) =>
    Array.from({ length: 20 }, (_, host) => ({ vlan, server: `192.0.2.${host + 1}` }));
  expect((await probed([5])).map(({ server }) => server)).toEqual([
    ...['192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.4'],
  ]);
});

it('an answer by another VLAN is told as that', async () => {
  trunk.answer = (vlan) => (vlan === 10 ? [{ vlan: 600 }] : []);
  expect(await probed([10, 600])).toMatchObject([{ vlan: 600, askedVlan: 10 }]);
});

it('stopped: no timer and no socket stays', async () => {
  const controller = new AbortController();
  const failed = refusal(probe([1, 2, 3], controller.signal));
  await clock.pass(10);
  controller.abort();
  expect((await failed).code).toBe('CANCELLED');
  expect([trunk.isOpen, clock.pending]).toEqual([false, 0]);
});
