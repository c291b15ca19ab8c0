import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { scopeOfNetwork, subjectOf } from '../../../plugin/state/lease-scope.ts';
import { restoreLease } from '../../../plugin/state/records.ts';
import {
  ENDPOINT,
  NETWORK,
  rigWithNetwork,
  type DriverRig,
} from '../../support/fakes/driver-rig.ts';
import { settled } from '../../support/time/fake-clock.ts';
import { FROM_BRIDGE } from './leasing-rig.ts';

const SECOND = 'f'.repeat(64);

let rig: DriverRig;
beforeEach(async () => {
  rig = await rigWithNetwork();
  for (const endpointId of [ENDPOINT, SECOND]) {
    await rig.createEndpoint({ endpointId });
    await rig.join(endpointId);
  }
});
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
});

const failures = () => rig.log.lines.filter(({ message }) => message.includes('client failed'));
/** A host name that no message can carry. Every REQUEST of that endpoint throws. */
async function poison(hostName: string | undefined): Promise<void> {
  const record = { ...rig.record(), hostName };
  await rig.registry.keepEndpoint(record);
  rig.leases.resume(
    subjectOf(record, scopeOfNetwork(rig.registry.requireNetwork(NETWORK))),
    lease(),
    { place: { link: 'br500', promiscuous: true } },
  );
}

const lease = () => restoreLease(rig.record().lease!, rig.clock);

describe('what one client throws ends that client only (D17)', () => {
  it('in its timer: told under its endpoint, counted, tried again later each time', async () => {
    await poison('é');
    await rig.clock.pass(1_900_000);
    const told = failures();
    expect(
      told.map(({ fields }) => [fields['endpoint'], fields['failures'], fields['againMs']]),
    ).toEqual(
      Array.from({ length: told.length }, (_, i) => [
        ENDPOINT.slice(0, 12),
        i + 1,
        Math.min(1000 * 2 ** i, 300_000),
      ]),
    );
    expect(told.length).toBeGreaterThan(3);
    expect(told.length).toBeLessThan(20);
    expect(told[0]!.fields['err']).toBeInstanceOf(RangeError);
    // The other client was renewed at its T1.
    const renewed = rig.log.lines.filter(({ message }) => message === 'lease renewed');
    expect(renewed.map(({ fields }) => fields['endpoint'])).toEqual([SECOND.slice(0, 12)]);
    expect(rig.host.endpoints.size).toBe(2);
  });

  it('once the cause is gone the next try renews the lease', async () => {
    await poison('é');
    await rig.clock.pass(1_900_000);
    await poison(undefined);
    await rig.clock.pass(1_000_000);
    const renewed = rig.log.lines.filter(({ message }) => message === 'lease renewed');
    expect(renewed.map(({ fields }) => fields['endpoint'])).toContain(ENDPOINT.slice(0, 12));
  });

  it('in what its socket calls back', async () => {
    const entered = () => rig.wire.sockets.filter(({ place }) => place.netnsPath === '/x').length;
    rig.leases.resume(
      {
        ...subjectOf(rig.record(), scopeOfNetwork(rig.registry.requireNetwork(NETWORK))),
        // A server list that cannot be searched. It throws when a frame arrives.
        allowedServers: undefined as never,
      },
      { ...lease(), t1At: rig.clock.now() + 1000 },
      { follow: { netnsPath: '/x', hostEnd: 'a', containerEnd: 'b', ...FROM_BRIDGE } },
    );
    let [wentOn, before] = [false, 0];
    for (let second = 0; second < 20; second += 1) {
      await rig.clock.pass(1_000);
      if (failures().length === 0) before = entered();
      wentOn ||= failures().length > 0 && entered() > before;
    }
    expect(failures().length).toBeGreaterThan(0);
    expect(failures()[0]!.fields['err']).toBeInstanceOf(TypeError);
    // Between two failures the client was told its next place, and used it.
    expect(wentOn).toBe(true);
  });

  it('in what is done about its lease', async () => {
    rig.endpoints.leaseChanged = () => {
      throw new Error('boom');
    };
    await rig.clock.pass(2_000_000);
    expect(failures().length).toBeGreaterThan(0);
    expect(rig.leases.size).toBe(2);
  });

  it('while a call waits for it: that call fails, and nothing is tried again', async () => {
    const waiting = rig.leases.acquire(
      {
        ...subjectOf(rig.record(), scopeOfNetwork(rig.registry.requireNetwork(NETWORK))),
        key: 'third',
        allowedServers: undefined as never,
      },
      { link: 'br500' },
      { by: rig.clock.now() + 5000, signal: new AbortController().signal },
    );
    await expect(
      Promise.all([waiting, settled().then(() => rig.clock.pass(5000))]),
    ).rejects.toThrow(TypeError);
    expect(rig.leases.size).toBe(2);
  });

  it('a client that is forgotten meanwhile stays forgotten', async () => {
    await poison('é');
    await rig.clock.pass(1_900_000);
    await rig.driver.removeEndpoint(ENDPOINT);
    const { length } = failures();
    await rig.clock.pass(600_000);
    expect([failures().length, rig.leases.size]).toEqual([length, 1]);
  });
});

describe('a socket that cannot be opened when a lease is taken up', () => {
  it('is tried again until it can, without a Join', async () => {
    rig.wire.openProblem = () => new Error('EMFILE');
    await rig.registry.keepEndpoint({ ...rig.record(), sandboxKey: undefined });
    await rig.restart();
    expect(rig.wire.openSockets).toEqual([]);
    rig.wire.openProblem = () => undefined;
    await rig.clock.pass(60_000);
    expect(rig.wire.openSockets.map(({ place }) => place.link)).toEqual(['br500']);
    expect(rig.wire.sockets.map(({ place }) => place.link)).toContain('eth0'); // the other client
  });
});
