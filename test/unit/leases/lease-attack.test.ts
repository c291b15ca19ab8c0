/** What dockerd, the disk and the server can do to a lease at an inconvenient moment. */
import { afterEach, describe, expect, it } from 'vitest';
import { BOX, DriverRig, ENDPOINT, NETWORK, rigWithNetwork } from '../../support/fakes/driver-rig.ts'; // prettier-ignore
import { settled } from '../../support/time/fake-clock.ts';
import { problemsOf } from '../../support/fakes/state-invariants.ts';

const SECOND = 'f'.repeat(64);
const OTHER = '02:42:00:00:00:02';
let rig: DriverRig;
let poolId: string;

const releases = () => rig.wire.sentTypes.filter((type) => type === 'RELEASE').length;
const given = (address: string, macAddress: string = BOX) => ({
  userMac: macAddress,
  interface: { address: `${address}/24`, macAddress },
});

afterEach(() => rig.stop());

async function withOurIpam(): Promise<void> {
  rig = new DriverRig();
  poolId = await rig.createIpamNetwork({ pool: { pool: '192.0.2.0/24' } });
}

async function startAndDelete(endpointId: string, address: string): Promise<void> {
  const leased = rig.requestAddress(poolId);
  await rig.clock.pass(2000);
  await leased;
  await rig.createEndpoint({ endpointId, ...given(address) });
  await rig.driver.removeEndpoint(endpointId);
}

describe('releases that are awaited', () => {
  it('two of one lease: both came for the first container', async () => {
    await withOurIpam();
    await startAndDelete(ENDPOINT, '192.0.2.50');
    await startAndDelete(SECOND, '192.0.2.50');
    rig.server.reserve(OTHER, '192.0.2.50');
    await rig.requestAddress(poolId, { macAddress: OTHER, address: '192.0.2.50' });
    await rig.ipam.releaseAddress(poolId, '192.0.2.50');
    await rig.ipam.releaseAddress(poolId, '192.0.2.50');
    expect(rig.registry.addresses().map(({ mac }) => mac)).toEqual([OTHER]);
  });

  it('of the address before and of the present one', async () => {
    await withOurIpam();
    await startAndDelete(ENDPOINT, '192.0.2.50');
    rig.server.reserve(BOX, '192.0.2.77');
    await startAndDelete(SECOND, '192.0.2.77');
    rig.server.reserve(OTHER, '192.0.2.50');
    await rig.requestAddress(poolId, { macAddress: OTHER });
    await rig.restart();
    await rig.ipam.releaseAddress(poolId, '192.0.2.50');
    expect(rig.registry.addresses().map(({ mac }) => mac)).toEqual([OTHER]);
  });

  it('it comes while the container that is back gets its lease: the container has it', async () => {
    await withOurIpam();
    await startAndDelete(ENDPOINT, '192.0.2.50');
    const save = rig.store.save.bind(rig.store);
    let release: Promise<void> | undefined;
    rig.store.save = (...words) => {
      const saved = save(...words);
      rig.store.save = save;
      release = rig.ipam.releaseAddress(poolId, '192.0.2.50');
      return Promise.all([saved, settled()]).then(() => undefined);
    };
    await rig.requestAddress(poolId);
    await release;
    expect(rig.registry.addresses()).toHaveLength(1);
    expect(rig.store.addresses).toHaveLength(1);
    await rig.ipam.releaseAddress(poolId, '192.0.2.50');
    expect(rig.registry.addresses()).toEqual([]);
    expect(problemsOf(rig)).toEqual([]);
  });

  it('it came before the container that was back failed: it is not awaited again', async () => {
    await withOurIpam();
    await startAndDelete(ENDPOINT, '192.0.2.50');
    const abort = new AbortController();
    const save = rig.store.save.bind(rig.store);
    rig.store.save = async (...words) => {
      await save(...words);
      rig.store.save = save;
      abort.abort();
    };
    const add = rig.registry.putBack.bind(rig.registry);
    rig.registry.putBack = async (...words) => {
      await rig.ipam.releaseAddress(poolId, '192.0.2.50');
      return add(...words);
    };
    await expect(rig.requestAddress(poolId, {}, abort.signal)).rejects.toThrow();
    rig.registry.putBack = add;
    await rig.requestAddress(poolId);
    await rig.ipam.releaseAddress(poolId, '192.0.2.50');
    expect(rig.registry.addresses()).toEqual([]);
  });

  it('of a network that is removed: nothing of it is left', async () => {
    await withOurIpam();
    await startAndDelete(ENDPOINT, '192.0.2.50');
    await rig.driver.removeNetwork(NETWORK);
    await rig.ipam.releasePool(poolId);
    await rig.restart();
    expect(problemsOf(rig)).toEqual([]);
  });
});

describe('the disk is full', () => {
  it('at DeleteEndpoint: one RELEASE, also when Docker asks again', async () => {
    rig = await rigWithNetwork({ options: { release: 'now' } });
    await rig.createEndpoint();
    rig.store.failing.add('delete leases').add('save leases');
    await expect(rig.driver.removeEndpoint(ENDPOINT)).rejects.toThrow();
    await rig.driver.removeEndpoint(ENDPOINT).catch(() => undefined);
    rig.store.failing.clear();
    await rig.driver.removeEndpoint(ENDPOINT);
    await rig.createEndpoint({ endpointId: SECOND });
    expect(releases()).toBe(1);
    await rig.restart();
    await rig.clock.pass(1000);
    expect(releases()).toBe(1);
    expect(problemsOf(rig)).toEqual([]);
  });

  it('at DeleteEndpoint: ReleaseAddress is awaited all the same', async () => {
    await withOurIpam();
    await rig.requestAddress(poolId);
    const { interface: box } = given('192.0.2.50');
    await rig.createEndpoint({ interface: box });
    rig.store.failing.add('delete leases').add('save leases');
    await expect(rig.driver.removeEndpoint(ENDPOINT)).rejects.toThrow();
    await rig.driver.removeEndpoint(ENDPOINT).catch(() => undefined);
    rig.store.failing.clear();
    rig.server.reserve(OTHER, '192.0.2.50');
    await rig.requestAddress(poolId, { macAddress: OTHER });
    await rig.ipam.releaseAddress(poolId, '192.0.2.50');
    expect(rig.registry.addresses().map(({ mac }) => mac)).toEqual([OTHER]);
    expect(releases()).toBe(1);
  });

  it('at DeleteEndpoint, and killed before it has room: no RELEASE for who has the address by then', async () => {
    rig = await rigWithNetwork({ options: { release: 'now' } });
    await rig.createEndpoint({ interface: { macAddress: BOX } });
    rig.store.failing.add('delete leases');
    await expect(rig.driver.removeEndpoint(ENDPOINT)).rejects.toThrow();
    rig.server.reserve(OTHER, '192.0.2.50');
    await rig.createEndpoint({ endpointId: SECOND, interface: { macAddress: OTHER } });
    await rig.restart();
    await rig.clock.pass(1000);
    expect(releases()).toBe(1);
    expect(rig.registry.endpoints().map(({ id }) => id)).toContain(SECOND);
    rig.store.failing.clear();
    await rig.registry.addPool({ ...rig.record(SECOND), id: 'p' } as never);
    await rig.registry.removePool('p');
    expect(problemsOf(rig)).toEqual([]);
  });

  it('at DeleteEndpoint, killed, and the same container is back by then: it keeps its lease', async () => {
    await withOurIpam();
    await rig.requestAddress(poolId);
    const { interface: box } = given('192.0.2.50');
    await rig.createEndpoint({ interface: box });
    const { leaseId } = rig.record();
    const save = rig.store.save.bind(rig.store);
    const remove = rig.store.delete.bind(rig.store);
    const failed = () => Promise.reject(new Error('failed'));
    rig.store.save = (kind, record) => (record.id === leaseId ? failed() : save(kind, record));
    rig.store.delete = (kind, id) => (id === leaseId ? failed() : remove(kind, id));
    await expect(rig.driver.removeEndpoint(ENDPOINT)).rejects.toThrow();
    await rig.requestAddress(poolId);
    Object.assign(rig.store, { save, delete: remove });
    await rig.restart();
    await rig.clock.pass(1000);
    expect(releases()).toBe(1);
    expect(rig.registry.addresses()).toHaveLength(1);
    expect(rig.server.leases.size).toBe(1);
  });

  it("when a start is taken back: its lease is nobody's", async () => {
    rig = await rigWithNetwork({ options: { release: 'now' } });
    const abort = new AbortController();
    const save = rig.store.save.bind(rig.store);
    rig.store.save = async (...words) => {
      await save(...words);
      rig.store.failing.add('delete leases').add('save leases');
      abort.abort();
    };
    await expect(rig.createEndpoint({}, abort.signal)).rejects.toThrow();
    rig.store.save = save;
    rig.store.failing.clear();
    await rig.createEndpoint({ endpointId: SECOND });
    await rig.restart();
    await rig.clock.pass(1000);
    expect(rig.registry.endpoints().map(({ id }) => id)).toEqual([SECOND]);
    expect(releases()).toBe(1);
    expect(problemsOf(rig)).toEqual([]);
  });
});

it('a start under the MAC of a first whose sandbox ends just now, before that one is taken up', async () => {
  rig = await rigWithNetwork();
  await rig.createEndpoint({ interface: { macAddress: BOX } });
  await rig.join();
  const { hostEnd } = rig.record();
  let goOn = () => {};
  const read = rig.host.readLinks.bind(rig.host);
  const gate = new Promise<void>((resolve) => (goOn = resolve));
  rig.host.readLinks = () => gate.then(read);
  const restarted = rig.restart();
  await rig.driver.leave('unknown');
  rig.sandbox = 'not-yet'; // dockerd removed it; the kernel needs a moment for the link
  const second = rig.createEndpoint({ endpointId: SECOND, interface: { macAddress: BOX } });
  await rig.clock.pass(500);
  rig.host.loseEndpoint(hostEnd);
  await rig.clock.pass(1500);
  expect(await second.catch((error: Error) => error.message)).toMatchObject({
    address: '192.0.2.50/24',
  });
  goOn();
  await restarted;
});
