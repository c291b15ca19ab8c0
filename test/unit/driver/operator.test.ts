/** What operators are told and may do, over the whole plugin with stand-ins for the host. */
import { describe, expect, it } from 'vitest';
import type { LeaseEntry } from '../../../plugin/state/status/lease-list.ts';
import {
  ENDPOINT,
  NETWORK,
  refusal,
  rigWithNetwork,
  type DriverRig,
} from '../../support/fakes/driver-rig.ts';

const MAC = '02:74:52:1f:fe:e0';
/** The MAC of `id=asterisk` makes the lease one that is held. */
const ASTERISK = { options: { id: 'asterisk' } };

async function rigWithBox(): Promise<DriverRig> {
  const rig = await rigWithNetwork();
  await rig.createEndpoint(ASTERISK);
  await rig.join();
  return rig;
}

const onlyLease = (rig: DriverRig): LeaseEntry => {
  const [lease, ...others] = rig.operator.leases();
  if (lease === undefined || others.length > 0) throw new Error('not one lease');
  return lease;
};
const types = (rig: DriverRig) => rig.events.map(({ type }) => type);

describe('events', () => {
  it('a network and a container come and go', async () => {
    const rig = await rigWithBox();
    const { address } = onlyLease(rig);
    await rig.driver.leave(ENDPOINT);
    await rig.driver.removeEndpoint(ENDPOINT);
    await rig.driver.removeNetwork(NETWORK);
    expect(types(rig)).toEqual([
      ...['link.made', 'network.created', 'lease.acquired', 'lease.held', 'lease.given-back'],
      ...['link.removed', 'network.removed'],
    ]);
    const leases = rig.events.filter((event) => event.type.startsWith('lease.'));
    const aNumber = expect.any(Number) as number;
    expect(leases[0]).toMatchObject({ answerMs: aNumber, tookMs: aNumber });
    for (const event of leases) {
      expect(event).toMatchObject({
        ...{ endpoint: ENDPOINT, network: NETWORK, segment: 'VLAN 500 of eth1', mac: MAC },
        ...{ family: 4, address: address?.split('/')[0] },
      });
    }
  });

  it('a renewal, a change of address and a loss', async () => {
    const rig = await rigWithBox();
    rig.events.length = 0;
    const { renewsAt = '' } = onlyLease(rig);
    await rig.clock.pass(Date.parse(renewsAt) - rig.clock.wall());
    expect(types(rig)).toEqual(['lease.renewed']);
    expect(rig.events[0]).toMatchObject({ answerMs: expect.any(Number) as number });
    expect(rig.events[0]).not.toHaveProperty('tookMs');
    rig.wire.server = () => [];
    expect(rig.counted).toEqual([]);
    const { expiresAt = '' } = onlyLease(rig);
    await rig.clock.pass(Date.parse(expiresAt) - rig.clock.wall());
    expect(rig.events.at(-1)).toMatchObject({ type: 'lease.lost', cause: 'expired' });
    // The first REQUEST of RENEWING and of REBINDING is no repetition.
    const sent = { type: 'request.repeated', segment: 'VLAN 500 of eth1', message: 'REQUEST' };
    expect(rig.counted.length).toBeGreaterThan(2);
    expect(rig.counted[0]).toMatchObject(sent);
  });

  it('links that are gone, once, and that are back', async () => {
    const rig = await rigWithNetwork();
    rig.events.length = 0;
    rig.host.removeLink('br500');
    await rig.wiring.settled(true);
    expect(rig.events).toMatchObject([
      { type: 'link.gone', link: 'br500', network: NETWORK },
      { type: 'link.back', link: 'br500', network: NETWORK },
    ]);
  });
});

describe('leases', () => {
  it('of a container, and then held for it', async () => {
    const rig = await rigWithBox();
    expect(onlyLease(rig)).toMatchObject({
      ...{ holder: 'container', endpoint: ENDPOINT, network: NETWORK, mac: MAC, state: 'leased' },
    });
    await rig.driver.leave(ENDPOINT);
    await rig.driver.removeEndpoint(ENDPOINT);
    expect(onlyLease(rig)).toMatchObject({
      holder: 'nobody',
      network: NETWORK,
      mac: MAC,
      state: 'held',
    });
  });

  it('renew asks the server at once, and its answer is an event', async () => {
    const rig = await rigWithBox();
    rig.events.length = 0;
    const before = onlyLease(rig);
    await rig.clock.pass(60_000);
    rig.operator.renew(before);
    await rig.clock.pass(100);
    expect(types(rig)).toEqual(['lease.renewed']);
    expect(Date.parse(onlyLease(rig).expiresAt ?? '')).toBeGreaterThan(
      Date.parse(before.expiresAt ?? ''),
    );
  });

  it('release gives a held lease back, and refuses while a container has it', async () => {
    const rig = await rigWithBox();
    expect(await refusal(rig.operator.release(onlyLease(rig)))).toMatchObject({
      code: 'LEASE_BUSY',
      message: expect.stringMatching(/^the lease of \S+ was not given back: a container uses it; /) as string, // prettier-ignore
    });
    expect(rig.server.leases.size).toBe(1);
    await rig.driver.leave(ENDPOINT);
    await rig.driver.removeEndpoint(ENDPOINT);
    const held = onlyLease(rig);
    expect(await refusal(Promise.resolve().then(() => rig.operator.renew(held)))).toMatchObject({
      code: 'LEASE_BUSY',
    });
    await rig.operator.release(held);
    expect([rig.operator.leases(), rig.server.leases.size]).toEqual([[], 0]);
  });
});
