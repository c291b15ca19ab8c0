import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { macFromId } from '../../../plugin/options/endpoint-options.ts';
import {
  BOX,
  DriverRig,
  ENDPOINT,
  NETWORK,
  NOTHING_LEFT,
  refusal,
  SANDBOX,
} from '../../support/fakes/driver-rig.ts';
import { settled } from '../../support/time/fake-clock.ts';
import { ip, mac } from '../../support/frames/messages.ts';

const SUBNET = '192.0.2.0/24';
const CIDR = '192.0.2.50/24';
const ADDRESS = '192.0.2.50';
const OTHER = '02:42:00:00:00:02';
const SECOND = 'f'.repeat(64);
const STRANGER = mac('02:00:00:00:00:99');
const T1 = 1_900_000;

let rig: DriverRig;
let poolId: string;
beforeEach(async () => {
  rig = new DriverRig();
  poolId = await rig.createIpamNetwork({ pool: { pool: SUBNET } });
  await rig.requestAddress(poolId);
});
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
});

const given = (address = CIDR, macAddress = BOX) => ({ interface: { address, macAddress } });
const openPlaces = () => rig.wire.openSockets.map(({ place }) => place);

/** Nothing of an endpoint is left, and the address is as it was before. */
function expectAsBefore(): void {
  expect([rig.registry.endpoints(), rig.store.endpoints, rig.host.endpoints.size]).toEqual([
    [],
    [],
    0,
  ]);
  expect([rig.registry.addresses().length, rig.leases.size, rig.server.leases.size]).toEqual([
    1, 1, 1,
  ]);
}

describe('CreateEndpoint takes over what RequestAddress leased', () => {
  it('answers neither address nor MAC, since both were given (trap 8), and asks nobody', async () => {
    const sent = rig.wire.sent.length;
    expect(await rig.createEndpoint(given())).toEqual({
      address: undefined,
      macAddress: undefined,
    });
    expect(rig.wire.sent).toHaveLength(sent);
    expect([rig.store.contents.leases.length, rig.store.endpoints]).toMatchObject([
      1,
      [{ id: ENDPOINT, mac: BOX, clientId: '01024200000001', addressGiven: true }],
    ]);
    expect(openPlaces()).toEqual([{ link: rig.record().containerEnd }]);
  });

  it('the same again gets the same answer', async () => {
    await rig.createEndpoint(given());
    expect(await rig.createEndpoint(given())).toEqual({
      address: undefined,
      macAddress: undefined,
    });
    expect(rig.leases.size).toBe(1);
  });

  it('Join tells the router; the lease is renewed from inside, and the record follows', async () => {
    await rig.createEndpoint(given());
    expect(await rig.driver.join(ENDPOINT, SANDBOX)).toMatchObject({ gateway: '192.0.2.1' });
    rig.host.moveIntoSandbox(rig.record().hostEnd);
    rig.sandbox = { link: 'eth0' };
    await rig.clock.pass(T1);
    expect(rig.wire.sent.at(-1)).toMatchObject({
      type: 'REQUEST',
      place: { netnsPath: SANDBOX, link: 'eth0' },
    });
    expect(rig.log.messages('info')).toContain('lease renewed');
  });

  it('its ReleaseAddress after DeleteEndpoint finds nothing to do', async () => {
    await rig.createEndpoint(given());
    await rig.join();
    await rig.driver.leave(ENDPOINT);
    await rig.driver.removeEndpoint(ENDPOINT);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
    await rig.ipam.releaseAddress(poolId, ADDRESS);
    expect(rig.wire.sentTypes.filter((type) => type === 'RELEASE')).toHaveLength(1);
  });

  describe.each([
    ['', false],
    [', also when the plugin was started again meanwhile', true],
  ])('its ReleaseAddress comes late%s', (_, isRestarted) => {
    beforeEach(async () => {
      await rig.createEndpoint(given());
      await rig.driver.removeEndpoint(ENDPOINT);
      rig.server.forgetClients(0); // the next client gets the first address
      if (isRestarted) await rig.restart();
      expect(await rig.requestAddress(poolId, { macAddress: OTHER })).toBe(CIDR);
    });

    it('the container that has the address by then keeps it', async () => {
      await rig.ipam.releaseAddress(poolId, ADDRESS);
      expect(rig.registry.addresses()).toMatchObject([{ mac: OTHER, address: ADDRESS }]);
      await rig.ipam.releaseAddress(poolId, ADDRESS); // its own address
      expect([rig.registry.leases(), rig.store.contents.leases]).toEqual([[], []]);
    });

    it('it never comes: after half a minute it is awaited no longer', async () => {
      await rig.clock.pass(30_000);
      await rig.ipam.releaseAddress(poolId, ADDRESS);
      expect(rig.registry.addresses()).toEqual([]);
      await rig.clock.pass(60_000); // the sweep
      expect([rig.registry.leases(), rig.store.contents.leases]).toEqual([[], []]);
    });
  });

  it('its ReleaseAddress comes while the container takes its held lease again: it keeps it', async () => {
    await rig.createEndpoint({ userMac: BOX, ...given() });
    await rig.driver.removeEndpoint(ENDPOINT);
    expect(rig.registry.held()).toHaveLength(1);
    const save = rig.store.save.bind(rig.store);
    let goOn = () => {};
    const written = new Promise<void>((resolve) => (goOn = resolve));
    rig.store.save = async (kind, record) => {
      rig.store.save = save;
      await written;
      return save(kind, record);
    };
    const requested = rig.requestAddress(poolId);
    await settled();
    const released = rig.ipam.releaseAddress(poolId, ADDRESS);
    await settled();
    goOn();
    expect(await requested).toBe(CIDR);
    await released;
    await rig.createEndpoint({ endpointId: SECOND, userMac: BOX, ...given() });
    expect(rig.registry.leases()).toMatchObject([{ holder: { id: SECOND } }]);
    expect(rig.registry.leases()[0]!.awaited).toBeUndefined();
    expect(rig.store.contents.leases).toEqual(rig.registry.leases());
  });

  it('comes back with another --ip, which is in use: the held lease stays held and is not given back', async () => {
    await rig.createEndpoint({ userMac: BOX, ...given() });
    await rig.driver.removeEndpoint(ENDPOINT);
    await rig.ipam.releaseAddress(poolId, ADDRESS);
    rig.server.reserve(BOX, '192.0.2.77');
    rig.leases.leaseOf = () => undefined; // a conflict has just ended it
    const { code } = await refusal(rig.requestAddress(poolId, { address: '192.0.2.77' }));
    expect(code).toBe('ADDRESS_IN_USE');
    await rig.clock.pass(10_000);
    const released = rig.wire.sent.filter(({ type }) => type === 'RELEASE');
    expect(released.map(({ message }) => message.ciaddr)).not.toContain(ADDRESS);
    expect(rig.registry.held()).toMatchObject([{ lease: { address: ADDRESS } }]);
  });

  it('is removed on a full disk: one RELEASE, and nothing is left', async () => {
    await rig.createEndpoint(given());
    rig.store.failing.add('save leases');
    await rig.driver.removeEndpoint(ENDPOINT);
    expect(rig.wire.sentTypes.filter((type) => type === 'RELEASE')).toHaveLength(1);
    expect([rig.registry.endpoints(), rig.store.contents.leases]).toEqual([[], []]);
    expect([rig.leases.size, rig.host.endpoints.size]).toEqual([0, 0]);
    await rig.ipam.releaseAddress(poolId, ADDRESS);
    expect(rig.registry.leases()).toEqual([]);
  });

  it('bounds apply on, also after a restart: an address out of them never reaches the container', async () => {
    await rig.createEndpoint(given());
    await rig.join();
    await rig.restart();
    rig.server.reserve(BOX, '10.9.0.5');
    await rig.clock.pass(T1 * 2);
    expect(rig.record().lease?.address ?? 'none').toBe('none');
    expect(JSON.stringify(rig.host.sandboxChanges)).not.toContain('10.9.0.5');
    rig.server.reserve(BOX, '192.0.2.60');
    await rig.clock.pass(120_000);
    expect(rig.record().lease?.address).toBe('192.0.2.60');
  });
});

describe('CreateEndpoint is refused', () => {
  it.each([
    [
      'an address that was not leased',
      given('192.0.2.51/24'),
      /^address 192\.0\.2\.51\/24 was not leased/,
    ],
    ['no address', given(''), /was not leased for this network/],
    ['nonsense', given('x'), /was not leased for this network/],
    ['another MAC', given(CIDR, OTHER), /^--mac-address 02:42:00:00:00:02 came after/],
  ])('with %s; the lease stays for the right one', async (_what, request, message) => {
    expect(await refusal(rig.createEndpoint(request))).toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringMatching(message) as string,
    });
    expectAsBefore();
    expect(await rig.createEndpoint(given())).toBeDefined();
  });

  it('with an address that an endpoint has already', async () => {
    await rig.createEndpoint(given());
    const again = rig.createEndpoint({ ...given(), endpointId: SECOND });
    expect((await refusal(again)).message).toContain('was not leased for this network');
    expect([rig.registry.endpoints().length, rig.leases.size]).toEqual([1, 1]);
  });

  it('on another network than it was leased for', async () => {
    const networkId = 'o'.repeat(64);
    await rig.createNetwork({ networkId, options: { parent: 'eth1', vlan: '600' } });
    expect((await refusal(rig.createEndpoint({ ...given(), networkId }))).code).toBe('UNSUPPORTED');
    expectAsBefore();
  });

  it.each([
    [
      { id: 'asterisk' },
      `driver-opt id=asterisk means MAC ${macFromId('asterisk')}: type --mac-address`,
    ],
    [
      { ip: '192.0.2.77' },
      'driver-opt ip=192.0.2.77: type --ip 192.0.2.77 instead, with --subnet on the network',
    ],
    [{ hostname: 'web' }, 'driver-opt hostname=web: leave it out'],
  ])('with driver options that come too late: %j', async (options, text) => {
    const { code, message } = await refusal(rig.createEndpoint({ ...given(), options }));
    expect([code, message]).toEqual(['INVALID_OPTION', expect.stringContaining(text)]);
    expectAsBefore();
  });

  it('not with those that say the same', async () => {
    const macAddress = macFromId('asterisk');
    const address = await rig.requestAddress(poolId, { macAddress });
    const options = { id: 'asterisk', ip: address.split('/')[0] };
    expect(await rig.createEndpoint({ ...given(address, macAddress), options })).toBeDefined();
  });

  it('when the lease was lost before: start again', async () => {
    rig.wire.claim(ip(ADDRESS), STRANGER);
    await settled();
    expect(await refusal(rig.createEndpoint(given()))).toEqual({
      code: 'ADDRESS_IN_USE',
      message:
        'the lease of 192.0.2.50 was lost (declined) before the container started; start it again',
    });
    await rig.ipam.releaseAddress(poolId, ADDRESS);
    expect({ ...rig.leftovers, leases: [] }).toEqual(NOTHING_LEFT);
  });

  it('when it is lost while the link is made', async () => {
    const make = rig.host.ensureEndpointLink.bind(rig.host);
    rig.host.ensureEndpointLink = async (spec) => {
      const warnings = await make(spec);
      rig.wire.claim(ip(ADDRESS), STRANGER);
      await settled();
      return warnings;
    };
    expect((await refusal(rig.createEndpoint(given()))).code).toBe('ADDRESS_IN_USE');
    await settled();
    expect([rig.registry.endpoints(), rig.host.endpoints.size, rig.leases.size]).toEqual([
      [],
      0,
      0,
    ]);
  });
});

describe('a CreateEndpoint that fails leaves the address as it was', () => {
  it.each(['ensureEndpointLink', 'setEndpointMtu'] as const)('%s', async (call) => {
    if (call === 'setEndpointMtu') {
      rig.stop();
      rig = new DriverRig({ server: { options: [[26, Uint8Array.of(5, 0)]] } });
      poolId = await rig.createIpamNetwork({ pool: { pool: SUBNET } });
      await rig.requestAddress(poolId);
    }
    rig.host.failing.set(call, new Error('no memory'));
    expect((await refusal(rig.createEndpoint(given()))).message).toBe('no memory');
    expectAsBefore();
    rig.host.failing.clear();
    await rig.createEndpoint(given());
    expect([rig.registry.addresses(), rig.leases.size]).toEqual([[], 1]);
  });

  it('the record cannot be written', async () => {
    rig.store.failing.add('save leases');
    expect((await refusal(rig.createEndpoint(given()))).code).toBe('STATE_UNWRITABLE');
    expectAsBefore();
  });

  it('dockerd hung up', async () => {
    const gone = AbortSignal.abort();
    expect((await refusal(rig.createEndpoint(given(), gone))).code).toBe('CANCELLED');
    expectAsBefore();
    await rig.ipam.releaseAddress(poolId, ADDRESS);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });
});

/** `docker run` and `docker rm -f` step by step. The plugin is killed after each of them. */
describe('the plugin is killed between two calls', () => {
  const steps: readonly (readonly [string, () => Promise<unknown>])[] = [
    ['RequestPool', async () => (poolId = (await rig.requestPool({ pool: SUBNET })).poolId)],
    [
      'CreateNetwork',
      () =>
        rig.createNetwork({
          options: {},
          ipv4Data: [{ addressSpace: 'vlandhcp', pool: SUBNET, gateway: '' }],
        }),
    ],
    ['RequestAddress', () => rig.requestAddress(poolId)],
    ['CreateEndpoint', () => rig.createEndpoint(given())],
    ['Join', () => rig.join()],
    ['Leave', () => rig.driver.leave(ENDPOINT)],
    ['DeleteEndpoint', () => rig.driver.removeEndpoint(ENDPOINT)],
    ['ReleaseAddress', () => rig.ipam.releaseAddress(poolId, ADDRESS)],
    ['ReleasePool', () => rig.ipam.releasePool(poolId)],
    ['DeleteNetwork', () => rig.driver.removeNetwork(NETWORK)],
  ];
  const foreign = steps
    .filter(([name]) => /Pool|Address/.test(name))
    .map(([name, step]) =>
      name === 'RequestPool'
        ? ([name, async () => (poolId = await rig.createForeignNetwork({ pool: SUBNET }))] as const)
        : ([name, step] as const),
    );

  beforeEach(() => {
    rig.stop();
    rig = new DriverRig();
  });

  it.each([
    ...steps.map(([name]) => ['ours', name, steps] as const),
    ...foreign.map(([name]) => ['another driver', name, foreign] as const),
  ])('a network of %s, after %s: all goes on as if nothing had been', async (_of, killed, list) => {
    for (const [name, step] of list) {
      await step();
      if (name === killed) await rig.restart();
      if (name === 'CreateEndpoint' || (list === foreign && name === 'RequestAddress')) {
        expect([rig.leases.size, rig.server.leases.size]).toEqual([1, 1]);
      }
    }
    await rig.clock.pass(10_000);
    expect([rig.leftovers, rig.poolsLeft, rig.store.networks]).toEqual([NOTHING_LEFT, [], []]);
    expect(rig.log.messages('error')).toEqual([]);
  });

  it('killed after every step', async () => {
    for (const [, step] of steps) {
      await step();
      await rig.restart();
    }
    expect([rig.leftovers, rig.poolsLeft]).toEqual([NOTHING_LEFT, []]);
  });
});
