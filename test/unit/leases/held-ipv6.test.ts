/** Held leases of DHCPv6 servers: who must give way, and when they go back. */
import { afterEach, describe, expect, it } from 'vitest';
import { DriverRig, ENDPOINT, refusal } from '../../support/fakes/driver-rig.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import { MemoryIpv6 } from '../../support/lan/memory-ipv6.ts';

const SECOND = 'f'.repeat(64);

let rig: DriverRig;
let ipv6: MemoryIpv6;
afterEach(() => rig.stop());

/** A network whose first container, `id=two`, has come and gone. Its lease is held. */
async function held(options: Record<string, string>): Promise<void> {
  const clock = new FakeClock();
  ipv6 = new MemoryIpv6(clock);
  rig = new DriverRig({ clock, ipv6 });
  const site = { parent: 'eth1', vlan: '500', acd: 'off', ipv6: 'dhcp', release: 'hold=600s' };
  await rig.createNetwork({ options: { ...site, ...options } });
  await rig.createEndpoint({ options: { id: 'two' } });
  await rig.driver.removeEndpoint(ENDPOINT);
  expect(rig.store.held).toHaveLength(1);
  ipv6.sent.length = 0;
}

async function starts(options: Record<string, string>): Promise<string | undefined> {
  const made = rig.createEndpoint({ endpointId: SECOND, options });
  const answer = made.then(({ addressIpv6 }) => addressIpv6);
  answer.catch(() => undefined);
  await rig.clock.pass(30_000);
  return answer;
}
const types = () => ipv6.sent.map(({ type }) => type);

describe.each(['on', 'off'])('ip6= with ipv4=%s', (ipv4) => {
  it('another container gets the address: the held lease goes back first', async () => {
    await held({ ipv4 });
    expect(await starts({ id: 'three', ip6: '2001:db8::50' })).toBe('2001:db8::50/128');
    expect(types()).toEqual(['RELEASE', 'SOLICIT', 'REQUEST']);
    // What it had of IPv4 is still its own.
    expect(rig.store.held.map(({ lease }) => lease?.address)).toEqual(
      ipv4 === 'on' ? ['192.0.2.50'] : [],
    );
  });

  it('the same container has the address: it is asked about, and nothing goes back', async () => {
    await held({ ipv4 });
    expect(await starts({ id: 'two', ip6: '2001:db8::50' })).toBe('2001:db8::50/128');
    expect(types()).not.toContain('RELEASE');
  });

  it('the same container wants another: its lease goes back before it asks', async () => {
    await held({ ipv4 });
    await starts({ id: 'two', ip6: '2001:db8::52' }).catch(() => undefined);
    expect(types().slice(0, 2)).toEqual(['RELEASE', 'SOLICIT']);
  });
});

it('an IPv6 lease that outlives the one of IPv4 goes back when that ends', async () => {
  await held({ release: 'hold=96h' });
  const [record] = rig.store.held;
  const { lease } = record!.ipv6!;
  const addresses = lease!.addresses.map((one) => ({ ...one, validUntil: Infinity }));
  await rig.registry.hold({
    ...record!,
    ipv6: { ...record!.ipv6!, lease: { ...lease!, addresses } },
  });
  await rig.restart();
  await rig.clock.pass(48 * 3_600_000);
  expect(types()).toContain('RELEASE');
  expect(rig.store.held).toEqual([]);
});

it('a start with ip6= that is refused holds nothing that went back', async () => {
  await held({ ipv4: 'off' });
  const refused = refusal(starts({ id: 'two', ip6: '2001:db8::99' }));
  await rig.clock.pass(30_000);
  expect((await refused).code).toBe('ADDRESS_NOT_OFFERED');
  expect(rig.store.held).toEqual([]);
});
