/**
 * Kills the plugin right after each single write of a dual-stack container's life. Its DHCPv6 lease
 * is neither lost nor mixed up: DUID, IAID and address are the same ever after.
 */
import { describe, expect, it } from 'vitest';
import { optionOf } from '../../../plugin/dhcp6/options.ts';
import { DriverRig, ENDPOINT, NETWORK } from '../../support/fakes/driver-rig.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { killedAfter } from '../../support/fakes/killed-after.ts';
import { MemoryIpv6 } from '../../support/lan/memory-ipv6.ts';
import { problemsOf } from '../../support/fakes/state-invariants.ts';

const SECOND = 'f'.repeat(64);
const ADDRESS = '2001:db8::50/128';
const byId = { id: 'two' };

type Step = readonly [string, (rig: DriverRig) => Promise<unknown>];

const LIFE: readonly Step[] = [
  ['CreateEndpoint', (rig) => rig.createEndpoint({ options: byId })],
  ['Join', (rig) => rig.join()],
  ['the renewal at T1', (rig) => rig.clock.pass(910_000)],
  ['Leave', (rig) => rig.driver.leave(ENDPOINT)],
  ['DeleteEndpoint', (rig) => rig.driver.removeEndpoint(ENDPOINT)],
  [
    'CreateEndpoint of its return',
    (rig) => rig.createEndpoint({ endpointId: SECOND, options: byId }),
  ],
  ['DeleteEndpoint after its return', (rig) => rig.driver.removeEndpoint(SECOND)],
  ['the hold is over', (rig) => rig.clock.pass(61_000)],
  ['DeleteNetwork', (rig) => rig.driver.removeNetwork(NETWORK)],
];

async function begin(): Promise<{ rig: DriverRig; ipv6: MemoryIpv6 }> {
  const clock = new FakeClock();
  const ipv6 = new MemoryIpv6(clock);
  const rig = new DriverRig({ clock, ipv6 });
  await rig.createNetwork({
    options: { parent: 'eth1', vlan: '500', ipv6: 'auto', acd: 'off', release: 'hold=60s' },
  });
  return { rig, ipv6 };
}

/** Each DUID with its IAID that a server has seen. */
const identities = ({ sent }: MemoryIpv6) =>
  new Set(
    sent.map(({ options }) => {
      const iaid = optionOf(options, 'ia-na')?.iaid;
      return `${optionOf(options, 'client-id')?.duid} ${iaid}`;
    }),
  );

describe('a dual-stack container with id=', () => {
  it.each(LIFE.map(([name], index) => [name, index] as const))('%s', async (_name, index) => {
    let write = 1;
    for (let isKilled = true; isKilled; write += 1) {
      const { rig, ipv6 } = await begin();
      for (const [, before] of LIFE.slice(0, index)) await before(rig);
      isKilled = await killedAfter(rig, write, () => LIFE[index]![1](rig));
      await rig.restart();
      expect([write, ...problemsOf(rig)]).toEqual([write]);
      for (const { ipv6: stored } of rig.store.endpoints) {
        expect(stored?.address?.address).toBe('2001:db8::50');
      }
      // Docker gives up what it has begun, and a person starts the container again.
      if (rig.registry.findNetwork(NETWORK) !== undefined) {
        for (const id of [ENDPOINT, SECOND]) await rig.driver.removeEndpoint(id);
        const again = await rig.createEndpoint({ endpointId: 'a'.repeat(64), options: byId });
        expect([write, again.addressIpv6]).toEqual([write, ADDRESS]);
      }
      expect([write, identities(ipv6).size]).toEqual([write, 1]);
      rig.stop();
    }
    expect(write).toBeGreaterThan(1);
  });

  it('comes back under the identity that was stored, and asks a server by it', async () => {
    const { rig, ipv6 } = await begin();
    await rig.createEndpoint({ options: byId });
    await rig.driver.removeEndpoint(ENDPOINT);
    const [held] = rig.registry.held();
    const identity = { ...held!.ipv6!.identity!, iaid: 7 };
    await rig.registry.hold({ ...held!, ipv6: { ...held!.ipv6!, identity } });
    const asked = ipv6.sent.length;
    await rig.createEndpoint({ endpointId: SECOND, options: byId });
    const told = ipv6.sent.slice(asked).map(({ options }) => optionOf(options, 'ia-na')?.iaid);
    expect(new Set(told)).toEqual(new Set([7]));
    expect(rig.record(SECOND).ipv6?.identity).toEqual(identity);
    rig.stop();
  });

  it('to its end without a crash: the server has its lease back', async () => {
    const { rig, ipv6 } = await begin();
    for (const [, step] of LIFE) await step(rig);
    await rig.clock.pass(60_000);
    expect(problemsOf(rig)).toEqual([]);
    const types = ipv6.sent.map(({ type }) => type);
    expect(types).toEqual(['SOLICIT', 'REQUEST', 'RENEW', 'CONFIRM', 'RELEASE']);
    rig.stop();
  });
});
