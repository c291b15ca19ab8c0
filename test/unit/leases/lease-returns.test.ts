// A lease whose address somebody uses now is not given back. The container may be on another host,
// with the same identity.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  BOX,
  ENDPOINT,
  NETWORK,
  networkRequest,
  rigWithNetwork,
  type DriverRig,
} from '../../support/fakes/driver-rig.ts';
import { mac } from '../../support/frames/messages.ts';

const ADDRESS = '192.0.2.50';
const SECOND = 'f'.repeat(64);
const byId = { options: { id: 'two' } };
const bridgeMac = mac('02:00:00:00:00:b0');

let rig: DriverRig;
beforeEach(() => start());
afterEach(() => rig.stop());

async function start(options: Record<string, string> = {}): Promise<void> {
  rig = await rigWithNetwork({ options: { release: 'hold=60s', ...options } });
  rig.host.macs.set('br500', bridgeMac);
}

async function runAndRemove(request: Parameters<DriverRig['createEndpoint']>[0] = byId) {
  await rig.createEndpoint(request);
  await rig.join();
  await rig.driver.leave(ENDPOINT);
  await rig.driver.removeEndpoint(ENDPOINT);
}

const wear = (address = ADDRESS) => rig.worn.set(address, mac('02:00:00:00:00:77'));
const released = () => rig.wire.sentTypes.filter((type) => type === 'RELEASE').length;
const left = () => [released(), rig.server.leases.size, rig.store.held.length, rig.leases.size];

describe.each([
  ['worn by somebody', true, [0, 1, 0, 0]],
  ['worn by nobody', false, [1, 0, 0, 0]],
])('%s', (_, isWorn, expected) => {
  it('a held lease whose time is over', async () => {
    await runAndRemove();
    if (isWorn) wear();
    await rig.clock.pass(61_000);
    expect(left()).toEqual(expected);
  });

  it('a held lease of a network that is removed', async () => {
    await runAndRemove();
    if (isWorn) wear();
    await rig.driver.removeNetwork(NETWORK);
    expect(left()).toEqual(expected);
  });

  it('an endpoint that dockerd forgot, of a network that is removed', async () => {
    rig.stop();
    await start({ release: 'now' });
    await rig.createEndpoint(byId);
    if (isWorn) wear();
    await rig.driver.removeNetwork(NETWORK);
    expect([left(), rig.host.endpoints.size]).toEqual([expected, 0]);
  });

  it('an endpoint that a boot left', async () => {
    await rig.createEndpoint();
    rig.host.loseEndpoint(rig.record().hostEnd);
    if (isWorn) wear();
    await rig.restart();
    expect(left()).toEqual(expected);
  });

  it('an address of a pool that goes', async () => {
    await rig.driver.removeNetwork(NETWORK);
    const poolId = await rig.createForeignNetwork();
    const [address] = (await rig.requestAddress(poolId)).split('/');
    if (isWorn) wear(address);
    await rig.ipam.releasePool(poolId);
    expect(left()).toEqual(expected);
  });
});

it('the container whose link just went gives its lease back at once, unasked', async () => {
  rig.stop();
  await start({ release: 'now' });
  wear();
  await runAndRemove();
  expect(left()).toEqual([1, 0, 0, 0]);
});

it('with acd=off nobody is asked: a router answers for every address there', async () => {
  rig.stop();
  await start({ acd: 'off' });
  await runAndRemove();
  wear();
  await rig.driver.removeNetwork(NETWORK);
  expect(left()).toEqual([1, 0, 0, 0]);
});

it('a container that returns while the segment is asked has its lease again, and nothing is given back', async () => {
  await runAndRemove();
  let answer: (by: undefined) => void = () => undefined;
  rig.askSegment = () => new Promise((resolve) => (answer = resolve));
  await rig.clock.pass(61_000);
  const sent = rig.wire.sent.length;
  await rig.createEndpoint({ ...byId, endpointId: SECOND });
  answer(undefined);
  await rig.clock.pass(1_000);
  expect(rig.wire.sent.slice(sent).map(({ type }) => type)).toEqual(['REQUEST']);
  expect([released(), rig.server.leases.size, rig.store.held]).toEqual([0, 1, []]);
});

it('a twin of a dead container waits for the answer before it leases anew', async () => {
  rig.stop();
  await start({ release: 'now' });
  const macAddress = BOX;
  await rig.createEndpoint({ interface: { macAddress } });
  rig.host.loseEndpoint(rig.record().hostEnd);
  await rig.createEndpoint({ interface: { macAddress }, endpointId: SECOND });
  expect(rig.wire.sentTypes).toEqual(['DISCOVER', 'REQUEST', 'RELEASE', 'DISCOVER', 'REQUEST']);
  expect(rig.server.leases.size).toBe(1);
});

describe('a container that starts while the lease of one like it is on its way back', () => {
  const inOrder = ['DISCOVER', 'REQUEST', 'RELEASE', 'DISCOVER', 'REQUEST'];
  const macAddress = BOX;
  let answer: () => void = () => undefined;

  beforeEach(async () => {
    rig.stop();
    await start({ release: 'now' });
    rig.askSegment = () => new Promise((resolve) => (answer = () => resolve(undefined)));
  });

  /** Endpoints whose containers have vanished, and whose records are removed. */
  async function abandon(): Promise<void> {
    await rig.createEndpoint({ interface: { macAddress } });
    await rig.join();
    rig.host.loseEndpoint(rig.record().hostEnd);
    await rig.endpoints.clearAbandoned();
    expect(rig.registry.endpoints()).toEqual([]);
  }

  it('leases after the RELEASE, which would end its own lease', async () => {
    await abandon();
    const made = rig.createEndpoint({ interface: { macAddress }, endpointId: SECOND });
    await rig.clock.pass(100);
    expect(rig.wire.sentTypes).toEqual(['DISCOVER', 'REQUEST']);
    answer();
    await made;
    expect(rig.wire.sentTypes).toEqual(inOrder);
    expect(rig.server.leases.size).toBe(1);
  });

  it('also where the removal of that one has only begun', async () => {
    await rig.createEndpoint(byId);
    rig.host.loseEndpoint(rig.record().hostEnd);
    const removal = rig.endpoints.clear(rig.record());
    const made = rig.createEndpoint({ ...byId, endpointId: SECOND });
    await rig.clock.pass(100);
    answer();
    await Promise.all([removal, made]);
    expect(rig.wire.sentTypes).toEqual(inOrder);
  });

  it('on another VLAN it waits for nothing', async () => {
    await abandon();
    const other = { parent: 'eth1', vlan: '600' };
    await rig.createNetwork({ networkId: 'o'.repeat(64), options: other });
    await rig.createEndpoint({
      networkId: 'o'.repeat(64),
      endpointId: SECOND,
      interface: { macAddress },
    });
    expect(released()).toBe(0);
    answer();
  });
});

it('all of a network are asked for at once', async () => {
  const ids = ['a', 'b', 'c'].map((letter) => letter.repeat(64));
  for (const [n, endpointId] of ids.entries()) {
    rig.server.reserve(mac(`02:00:00:00:01:0${n}`), `192.0.2.6${n}`);
    await rig.createEndpoint({ endpointId, interface: { macAddress: `02:00:00:00:01:0${n}` } });
    await rig.driver.removeEndpoint(endpointId);
  }
  const waiting: ((by: undefined) => void)[] = [];
  rig.askSegment = () => new Promise((resolve) => void waiting.push(resolve));
  const removal = rig.driver.removeNetwork(NETWORK);
  await rig.clock.pass(1);
  expect(waiting).toHaveLength(3);
  for (const answer of waiting) answer(undefined);
  await removal;
  expect(left()).toEqual([3, 0, 0, 0]);
  await rig.createNetwork(networkRequest());
});
