/** What Docker's own API is good for: names that the server is told, and `on_change=restart`. */
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { StreamHandlers } from '../../../plugin/dockerapi/docker-api.ts';
import { OPTION } from '../../../plugin/dhcp4/options.ts';
import { DriverRig, ENDPOINT } from '../../support/fakes/driver-rig.ts';
import { ack, ip, offer } from '../../support/frames/messages.ts';

const TIMES = { leaseSec: 100, t1Sec: 50, t2Sec: 80 };
const CONTAINER = 'c'.repeat(64);

let rig: DriverRig;
let posted: string[];
let stream: StreamHandlers | undefined;
let name: string;
let address: string;
/** What a network has. Undefined: our container. */
let containers: object | undefined;

beforeEach(async () => {
  rig = new DriverRig();
  [posted, name, address, containers] = [[], 'My PBX.1', '192.0.2.50', undefined];
  rig.dockerApi = {
    get: () => {
      const ours = { [CONTAINER]: { Name: name, EndpointID: ENDPOINT } };
      return Promise.resolve({ Name: 'fw500', Containers: containers ?? ours });
    },
    post: (path) => Promise.resolve(void posted.push(path)),
    follow: (_path, handlers) => {
      stream = handlers;
      handlers.onOpen();
      return { close: () => undefined };
    },
  };
  rig.wire.server = ({ type, message: { xid, chaddr } }) => {
    const all = { ...TIMES, address: ip(address), xid, header: { chaddr } };
    if (type === 'DISCOVER') return [offer(all)];
    return type === 'REQUEST' ? [ack(all)] : [];
  };
  await rig.restart();
});
afterEach(() => {
  rig.stop();
  expect(rig.clock.pending).toBe(0);
});

async function running(options: Record<string, string> = {}, driverOpts = {}): Promise<void> {
  await rig.createNetwork({ options: { parent: 'eth1', vlan: '500', acd: 'off', ...options } });
  await rig.createEndpoint({ options: driverOpts });
  await rig.join();
  await rig.clock.pass(5_000);
}
const event = (type: string, id: string, attributes = {}) =>
  stream?.onObject({ Type: type, Action: 'x', Actor: { ID: id, Attributes: attributes } });
const connected = async () => {
  event('network', rig.record().networkId);
  await rig.clock.pass(1_000);
};
const toldNames = () =>
  rig.wire.sent
    .filter(({ type }) => type === 'REQUEST')
    .map(({ message }) => message.options.get(OPTION.HOST_NAME))
    .map((bytes) => bytes && Buffer.from(bytes).toString());

it('the name of a container is told to the server by a renewal at once, and once', async () => {
  await running();
  expect(toldNames()).toEqual([undefined]);
  await connected();
  expect(toldNames()).toEqual([undefined, 'my-pbx-1']);
  await connected();
  expect(toldNames().length).toBe(2);
  expect(rig.record()).toMatchObject({ containerName: 'My PBX.1', hostName: 'my-pbx-1' });
});

it('docker rename is told, too', async () => {
  await running();
  await connected();
  name = 'phone';
  event('container', CONTAINER, { name });
  await rig.clock.pass(1_000);
  expect(toldNames().at(-1)).toBe('phone');
});

it('a host name that a person typed stays', async () => {
  await running({}, { hostname: 'typed' });
  await connected();
  expect(toldNames()).toEqual(['typed']);
  expect(rig.record()).toMatchObject({ containerName: 'My PBX.1', hostName: 'typed' });
});

it('a host name that a person typed stays, also if the container had that name', async () => {
  await running({}, { hostname: 'my-pbx-1' });
  await connected();
  name = 'phone';
  await connected();
  expect(rig.record()).toMatchObject({ containerName: 'phone', hostName: 'my-pbx-1' });
});

it('after a restart of the plugin the server is told nothing that it knows', async () => {
  await running();
  await connected();
  await rig.restart();
  await rig.clock.pass(1_000);
  const before = toldNames().length;
  await connected();
  expect(toldNames().length).toBe(before);
});

it.each([
  ['apply', 'the container gets it', '192.0.2.77', []],
  ['keep', 'the container keeps what it has, and an operator is told once', '192.0.2.50', []],
  [
    'restart',
    'the container is restarted once',
    '192.0.2.50',
    [`/containers/${CONTAINER}/restart`],
  ],
])('on_change=%s and another address: %s', async (onChange, _what, configured, restarts) => {
  await running({ on_change: onChange });
  await connected();
  address = '192.0.2.77';
  await rig.clock.pass(200_000);
  expect(rig.record().terms.configured?.address).toBe(configured);
  expect(rig.record().lease?.address).toBe('192.0.2.77');
  expect(posted).toEqual(restarts);
  const told = rig.log.messages('warn').filter((text) => text.includes('lease changed; the'));
  expect(told.length).toBe(onChange === 'apply' ? 0 : 1);
});

it('on_change=restart, and Docker tells late which container it is: it is restarted then, once', async () => {
  await running({ on_change: 'restart' });
  address = '192.0.2.77';
  await rig.clock.pass(60_000);
  expect(posted).toEqual([`/containers/${CONTAINER}/restart`]);
  await connected();
  expect(posted.length).toBe(1);
});

it('on_change=restart and a server that changes the address each time: two restarts in ten minutes', async () => {
  await running({ on_change: 'restart' });
  await connected();
  for (let count = 0; count < 8; count += 1) {
    address = `192.0.2.${60 + count}`;
    await rig.clock.pass(60_000);
  }
  expect(posted.length).toBe(1);
  expect(rig.log.messages('warn').join()).toMatch(/changed again within 10 min of a restart/);
  await rig.clock.pass(300_000);
  expect(posted.length).toBe(2);
});

it('on_change=restart, and the container is gone before Docker has told it: none is restarted', async () => {
  containers = {};
  await running({ on_change: 'restart' });
  address = '192.0.2.77';
  await rig.clock.pass(60_000);
  containers = undefined;
  await connected();
  expect(posted).toEqual([]);
});

it('on_change=restart without an API of Docker is refused at the creation of the network', async () => {
  rig.dockerApi = undefined;
  await rig.restart();
  const options = { parent: 'eth1', vlan: '500', on_change: 'restart' };
  await expect(rig.createNetwork({ options })).rejects.toThrow(
    /on_change=restart: the plugin cannot restart containers, because Docker's API was not given/,
  );
});

it('on_change=restart, and the API was taken away: an operator is told', async () => {
  await running({ on_change: 'restart' });
  rig.dockerApi = undefined;
  await rig.restart();
  address = '192.0.2.77';
  await rig.clock.pass(120_000);
  expect(rig.log.messages('error').join()).toMatch(/container not restarted: the plugin cannot/);
});

it.each(['keep', 'restart'])(
  'on_change=%s: an address whose lease is over goes (RFC 2131 §4.4.5), and nothing is restarted',
  async (onChange) => {
    await running({ on_change: onChange });
    await connected();
    rig.wire.server = () => [];
    await rig.clock.pass(200_000);
    expect(rig.record()).toMatchObject({ lease: undefined, terms: { configured: undefined } });
    expect(posted).toEqual([]);
  },
);

it.each(['keep', 'restart'])(
  'on_change=%s: a lease takes the place of a link-local address at once',
  async (onChange) => {
    await running({ on_change: onChange, on_no_server: 'link-local' });
    await connected();
    const { server } = rig.wire;
    rig.wire.server = () => [];
    await rig.clock.pass(200_000);
    expect(rig.record().terms.configured?.address).toMatch(/^169\.254\./);
    rig.wire.server = server;
    await rig.clock.pass(120_000);
    expect(rig.record().terms.configured?.address).toBe('192.0.2.50');
    expect(posted).toEqual([]);
  },
);

it('on_change=keep: an address that comes late is given all the same', async () => {
  rig.wire.server = () => [];
  const options = { parent: 'eth1', vlan: '500', on_no_server: 'late', lease_timeout: '1s' };
  await rig.createNetwork({ options: { ...options, acd: 'off', on_change: 'keep' } });
  const made = rig.createEndpoint();
  await rig.clock.pass(2_000);
  await made;
  await rig.join();
  rig.wire.server = ({ type, message: { xid, chaddr } }) => {
    const all = { ...TIMES, xid, header: { chaddr } };
    return type === 'DISCOVER' ? [offer(all)] : type === 'REQUEST' ? [ack(all)] : [];
  };
  await rig.clock.pass(120_000);
  expect(rig.record().terms.configured?.address).toBe('192.0.2.50');
});

it('operators see the name of Docker, else the host name, else the beginning of the id', async () => {
  const names = () => {
    const [{ name, nameFrom, networkName } = {}] = rig.operator.leases();
    return [name, nameFrom, networkName];
  };
  await running({}, { hostname: 'typed' });
  expect(names()).toEqual(['typed', 'hostname', undefined]);
  expect(rig.operator.networks()[0]?.name).toBe(undefined);
  await connected();
  expect(names()).toEqual(['My PBX.1', 'docker', 'fw500']);
  expect(rig.operator.networks()[0]?.name).toBe('fw500');
  // The name is on the record. That of the network is asked for again.
  await rig.restart();
  expect(names()).toEqual(['My PBX.1', 'docker', undefined]);
  await connected();
  expect(names()).toEqual(['My PBX.1', 'docker', 'fw500']);
});

it('without the API and a host name it is the beginning of the id', async () => {
  rig.dockerApi = undefined;
  await rig.restart();
  await running();
  expect(rig.operator.leases()[0]).toMatchObject({ name: ENDPOINT.slice(0, 12), nameFrom: 'id' });
});
