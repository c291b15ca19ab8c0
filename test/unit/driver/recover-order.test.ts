/** Calls of Docker are answered before every lease has its client again. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import { BOX, ENDPOINT, NETWORK, rigWithNetwork, SANDBOX } from '../../support/fakes/driver-rig.ts';
import type { DriverRig } from '../../support/fakes/driver-rig.ts';
import { settled } from '../../support/time/fake-clock.ts';

const SECOND = 'f'.repeat(64);
const THIRD = 'd'.repeat(64);

let rig: DriverRig;
let goOn: () => void;
let restarted: Promise<void>;

beforeEach(async () => {
  rig = await rigWithNetwork();
  await rig.createEndpoint({ interface: { macAddress: BOX } });
  await rig.join();
});
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
});

/** The second half of the start waits before its first endpoint. Others may take that one up. */
async function restartHalfway(): Promise<void> {
  const gate = new Promise<void>((resolve) => (goOn = resolve));
  restarted = rig.restart();
  const takeUp = rig.endpoints.takeUp.bind(rig.endpoints);
  let isFirst = true;
  rig.endpoints.takeUp = async (id) => {
    const mustWait = isFirst;
    isFirst = false;
    if (mustWait) await gate;
    return takeUp(id);
  };
  await rig.driver.leave('unknown'); // calls are answered
  await settled();
  expect(rig.leases.size).toBe(0);
}

async function finish(): Promise<void> {
  goOn();
  await restarted;
}

it('leases come in the order in which they are due; one that has to be asked for anew is first', async () => {
  await rig.clock.pass(1_000_000);
  await rig.createEndpoint({ endpointId: SECOND });
  await rig.createEndpoint({ endpointId: THIRD });
  const lost = { at: 0 as never, cause: 'nak', isAddressKept: false } as const;
  await rig.registry.keepEndpoint({ ...rig.record(THIRD), lease: undefined, lost });
  await restartHalfway();
  const order: string[] = [];
  const resume = rig.leases.resume.bind(rig.leases);
  rig.leases.resume = (subject, ...rest) => {
    order.push(subject.key);
    resume(subject, ...rest);
  };
  await finish();
  expect(order).toEqual([THIRD, ENDPOINT, SECOND]);
});

it('DeleteEndpoint before its lease is taken up: one RELEASE, and nothing is left', async () => {
  await restartHalfway();
  await rig.driver.leave(ENDPOINT);
  await rig.driver.removeEndpoint(ENDPOINT);
  expect(rig.registry.held()).toHaveLength(1); // its MAC was given
  await finish();
  expect([rig.leases.size, rig.registry.endpoints()]).toEqual([0, []]);
});

it('Leave and Join before its lease is taken up: the client goes to the new sandbox', async () => {
  await restartHalfway();
  await rig.driver.leave(ENDPOINT);
  await rig.driver.join(ENDPOINT, SANDBOX);
  await finish();
  expect(rig.leases.size).toBe(1);
  expect(rig.wire.places).toEqual([
    { netnsPath: SANDBOX, link: 'eth0', speaksVia: 'br500', defendsFrom: 'br500' },
  ]);
});

it('a second container under the MAC of a first that is not taken up yet: refused while that one lives', async () => {
  await restartHalfway();
  const second = { endpointId: SECOND, interface: { macAddress: BOX } };
  await expect(rig.createEndpoint(second)).rejects.toThrow('is worn by another container');
  expect(rig.leases.size).toBe(1); // it was resumed to find out
  rig.host.loseEndpoint(rig.record().hostEnd);
  expect(await rig.createEndpoint(second)).toMatchObject({ address: '192.0.2.50/24' });
  await finish();
  expect(rig.registry.endpoints().map(({ id }) => id)).toEqual([SECOND]);
});

it('the plugin is stopped before its leases are taken up: nothing of it goes on', async () => {
  await restartHalfway();
  rig.stop();
  await finish();
  expect(rig.leases.size).toBe(0);
  expect(rig.store.endpoints.map(({ networkId }) => networkId)).toEqual([NETWORK]);
});
