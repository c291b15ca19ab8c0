/**
 * Every NetworkDriver call: the request of dockerd, and the exact JSON of the answer (libnetwork.md
 * §2).
 */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { PluginError } from '../../plugin/vocabulary/errors.ts';
import { post } from '../support/lab/unix-http.ts';
import { RecordedDriver } from './recorded-driver.ts';
import { methodsOf, readRecordings } from './recordings.ts';
import { ServerRig } from './server-rig.ts';

const NETWORK = 'a1'.repeat(32);
const ENDPOINT = 'b2'.repeat(32);
const SWARM_NETWORK = 'tq0v6n5s3m2k1j8h7g4f5d6c9'; // 25 digits of base 36
const SANDBOX = '/var/run/docker/netns/0123456789ab';

let rig: ServerRig;
beforeEach(async () => {
  rig = await ServerRig.start();
});
afterEach(() => rig.stop());

const lastCall = () => rig.driver.calls.at(-1);

describe('calls without argument', () => {
  it.each([
    ['Plugin.Activate', { Implements: ['NetworkDriver', 'IpamDriver'] }],
    ['NetworkDriver.GetCapabilities', { Scope: 'local', ConnectivityScope: 'global' }],
  ])('%s comes with an empty body and is answered', async (call, answer) => {
    const { status, json, headers } = await post(rig.path, `/${call}`);
    expect([status, json]).toEqual([200, answer]);
    expect(headers['content-type']).toContain('application/vnd.docker.plugins.v1.2+json');
  });

  it('a body that a later engine may send with them is not looked at', async () => {
    expect((await post(rig.path, '/Plugin.Activate', 'what?')).status).toBe(200);
  });
});

describe('CreateNetwork', () => {
  const request = (generic: unknown, more: object = {}) => ({
    NetworkID: NETWORK,
    Options: { 'com.docker.network.enable_ipv6': false, 'com.docker.network.generic': generic },
    IPv4Data: [{ AddressSpace: 'null', Pool: '0.0.0.0/0' }],
    IPv6Data: [],
    ...more,
  });
  const decoded = {
    networkId: NETWORK,
    options: { parent: 'eth1', vlan: '500' },
    internal: false,
    ipv4: true,
    ipv4Data: [{ addressSpace: 'null', pool: '0.0.0.0/0', gateway: '' }],
    ipv6Data: [],
  };

  it.each(['%2Frun%2Fdocker%2Fplugins%2Fvlandhcp.sock', '', 'plugin.moby.localhost'])(
    'of 20.10: no enable_ipv4; Host is %j, depending on the Go it was built with (libnetwork.md §1)',
    async (Host) => {
      const { status, json } = await rig.call(
        'NetworkDriver.CreateNetwork',
        request({ parent: 'eth1', vlan: '500' }),
        { headers: { Host } },
      );
      expect([status, json]).toEqual([200, {}]);
      expect(lastCall()).toEqual({ method: 'createNetwork', args: [decoded] });
    },
  );

  it('of 28 and 29: enable_ipv4, AuxAddresses null or {}, fields nobody has heard of', async () => {
    await rig.call('NetworkDriver.CreateNetwork', {
      ...request({ parent: 'eth1', vlan: '500' }),
      Options: {
        'com.docker.network.enable_ipv4': true,
        'com.docker.network.enable_ipv6': false,
        'com.docker.network.generic': { parent: 'eth1', vlan: '500' },
        'com.docker.network.of_tomorrow': { deep: [1] },
      },
      IPv4Data: [
        { AddressSpace: 'null', Pool: '0.0.0.0/0', AuxAddresses: {}, Gateway: '', Tomorrow: 1 },
      ],
      Tomorrow: [1, 2],
    });
    expect(lastCall()?.args).toEqual([decoded]);
  });

  it('--internal is a flag of libnetwork, not of -o', async () => {
    const body = request({ parent: 'eth1', vlan: '500' });
    const Options = { ...body.Options, 'com.docker.network.internal': true };
    await rig.call('NetworkDriver.CreateNetwork', { ...body, Options });
    expect(lastCall()?.args).toEqual([{ ...decoded, internal: true }]);
  });

  it('of 28 with --ipv4=false: no pool, and a flag of libnetwork', async () => {
    const Options = {
      'com.docker.network.enable_ipv4': false,
      'com.docker.network.enable_ipv6': false,
      'com.docker.network.generic': { parent: 'eth1', vlan: '500' },
    };
    const body = { NetworkID: NETWORK, Options, IPv4Data: [], IPv6Data: [] };
    await rig.call('NetworkDriver.CreateNetwork', body);
    expect(lastCall()?.args).toEqual([{ ...decoded, ipv4: false, ipv4Data: [] }]);
  });

  it('of swarm: a NetworkID of 25 characters (trap 23)', async () => {
    const body = { ...request({ parent: 'eth1', vlan: '500' }), NetworkID: SWARM_NETWORK };
    expect((await rig.call('NetworkDriver.CreateNetwork', body)).json).toEqual({});
    expect(lastCall()?.args).toEqual([{ ...decoded, networkId: SWARM_NETWORK }]);
  });

  it('null for every map and list, as Go writes nil: taken as empty', async () => {
    const body = { NetworkID: NETWORK, Options: null, IPv4Data: null, IPv6Data: null };
    expect((await rig.call('NetworkDriver.CreateNetwork', body)).json).toEqual({});
    expect(lastCall()?.args).toEqual([{ ...decoded, options: {}, ipv4Data: [] }]);
  });

  it('generic null: no -o at all', async () => {
    await rig.call('NetworkDriver.CreateNetwork', request(null));
    expect(lastCall()?.args).toEqual([{ ...decoded, options: {} }]);
  });

  it("Go's escapes in values arrive as the characters", async () => {
    await rig.call('NetworkDriver.CreateNetwork', request({ parent: '<a&b>' }));
    expect(lastCall()?.args).toEqual([{ ...decoded, options: { parent: '<a&b>' } }]);
  });

  it("the default IPAM's pool is passed on, for the driver to refuse", async () => {
    const IPv4Data = [
      { AddressSpace: 'LocalDefault', Pool: '172.18.0.0/16', Gateway: '172.18.0.1/16' },
    ];
    await rig.call(
      'NetworkDriver.CreateNetwork',
      request({ parent: 'eth1', vlan: '500' }, { IPv4Data }),
    );
    expect(lastCall()?.args).toEqual([
      {
        ...decoded,
        ipv4Data: [
          { addressSpace: 'LocalDefault', pool: '172.18.0.0/16', gateway: '172.18.0.1/16' },
        ],
      },
    ]);
  });
});

describe('CreateEndpoint', () => {
  const request = {
    NetworkID: NETWORK,
    EndpointID: ENDPOINT,
    Interface: { Address: '', AddressIPv6: '', MacAddress: '' },
    Options: {
      'com.docker.network.endpoint.exposedports': [{ Proto: 6, Port: 80 }],
      'com.docker.network.portmap': [],
      id: 'asterisk',
    },
  };
  const decoded = {
    networkId: NETWORK,
    endpointId: ENDPOINT,
    interface: { address: '', addressIpv6: '', macAddress: '' },
    userMac: undefined,
    options: request.Options,
  };

  it('answers the address with prefix length and the MAC, since the request had neither', async () => {
    const { json } = await rig.call('NetworkDriver.CreateEndpoint', request);
    expect(json).toEqual({
      Interface: { Address: '10.50.0.101/24', MacAddress: '02:74:52:1f:fe:e0' },
    });
    expect(lastCall()?.args).toEqual([decoded]);
  });

  it('never repeats a MAC of the request: "driver modified interface" even if equal (trap 8)', async () => {
    rig.driver.macAnswer = undefined;
    const Interface = { Address: '', AddressIPv6: '', MacAddress: '02:00:00:00:00:aa' };
    const { json } = await rig.call('NetworkDriver.CreateEndpoint', { ...request, Interface });
    expect(json).toEqual({ Interface: { Address: '10.50.0.101/24', MacAddress: '' } });
    expect(lastCall()?.args).toMatchObject([{ interface: { macAddress: '02:00:00:00:00:aa' } }]);
  });

  it("a person's MAC is told apart from one that libnetwork made up, in Go's base64 (libnetwork.md §4)", async () => {
    const Options = { 'com.docker.network.endpoint.macaddress': 'AgAAAACq' };
    await rig.call('NetworkDriver.CreateEndpoint', { ...request, Options });
    expect(lastCall()?.args).toMatchObject([{ userMac: '02:00:00:00:00:aa' }]);
  });

  it.each([
    '',
    'AgAAAAC',
    'AgAAAACqAA==',
    'AgAAAA==',
    'AgAAAAC?',
    '02:00:00:00:00:aa',
    7,
    null,
    {},
  ])("the MAC option %j is nobody's MAC", async (value) => {
    const Options = { 'com.docker.network.endpoint.macaddress': value };
    await rig.call('NetworkDriver.CreateEndpoint', { ...request, Options });
    expect(lastCall()?.args).toMatchObject([{ userMac: undefined }]);
  });

  it('Interface and Options may be null or absent', async () => {
    const empty = { ...decoded, options: {} };
    const ids = { NetworkID: NETWORK, EndpointID: ENDPOINT };
    await rig.call('NetworkDriver.CreateEndpoint', { ...ids, Interface: null, Options: null });
    expect(lastCall()?.args).toEqual([empty]);
    await rig.call('NetworkDriver.CreateEndpoint', ids);
    expect(lastCall()?.args).toEqual([empty]);
  });
});

describe('Join', () => {
  const request = {
    NetworkID: NETWORK,
    EndpointID: ENDPOINT,
    SandboxKey: SANDBOX,
    Options: { 'com.docker.network.endpoint.exposedports': null, 'com.docker.network.portmap': [] },
  };

  it('names the link, gateway and routes, and keeps docker_gwbridge away', async () => {
    const { json } = await rig.call('NetworkDriver.Join', request);
    expect(json).toEqual({
      InterfaceName: { SrcName: 'vdc0123456789ab', DstPrefix: 'eth' },
      Gateway: '10.50.0.1',
      StaticRoutes: [
        { Destination: '198.51.100.1/32', RouteType: 1 },
        { Destination: '10.0.0.0/8', RouteType: 0, NextHop: '10.50.0.9' },
      ],
      DisableGatewayService: true,
    });
    expect(lastCall()?.args).toEqual([ENDPOINT, SANDBOX]);
  });

  it('a name for the interface is DstName, which engines from 29.8 on apply', async () => {
    rig.driver.joinAnswer = { ...rig.driver.joinAnswer, dstName: 'lan0' };
    expect((await rig.call('NetworkDriver.Join', request)).json).toMatchObject({
      InterfaceName: { SrcName: 'vdc0123456789ab', DstPrefix: 'eth', DstName: 'lan0' },
    });
  });

  it('no gateway is an empty string and an empty list, never a missing key', async () => {
    rig.driver.joinAnswer = {
      srcName: 'vdc0',
      dstName: undefined,
      gateway: undefined,
      staticRoutes: [],
    };
    expect((await rig.call('NetworkDriver.Join', request)).json).toEqual({
      InterfaceName: { SrcName: 'vdc0', DstPrefix: 'eth' },
      Gateway: '',
      StaticRoutes: [],
      DisableGatewayService: true,
    });
  });

  it.each(['', 'netns/1', '/a/../b', '/a b', '/a\nb', '/', 7, null])(
    'SandboxKey %j is refused: it is a path that will be opened',
    async (SandboxKey) => {
      const { json } = await rig.call('NetworkDriver.Join', { ...request, SandboxKey });
      expect(json).toMatchObject({ Err: expect.stringContaining('SandboxKey') as string });
      expect(rig.driver.calls).toEqual([]);
    },
  );

  it.each(['/var/run/docker/netns/default', '/run/docker/netns/lb_tq0v6n5s3', '/mnt/x/netns/1'])(
    'SandboxKey %s is a path like any other (trap 23)',
    async (SandboxKey) => {
      await rig.call('NetworkDriver.Join', { ...request, SandboxKey });
      expect(lastCall()?.args).toEqual([ENDPOINT, SandboxKey]);
    },
  );
});

describe('the other calls', () => {
  const ids = { NetworkID: NETWORK, EndpointID: ENDPOINT };

  it.each([
    ['DeleteNetwork', { NetworkID: NETWORK }, { method: 'removeNetwork', args: [NETWORK] }, {}],
    ['DeleteEndpoint', ids, { method: 'removeEndpoint', args: [ENDPOINT] }, {}],
    ['Leave', ids, { method: 'leave', args: [ENDPOINT] }, {}],
    [
      'EndpointOperInfo',
      ids,
      { method: 'endpointInfo', args: [ENDPOINT] },
      { Value: { 'vlandhcp.address': '10.50.0.101/24' } },
    ],
    ['ProgramExternalConnectivity', { ...ids, Options: null }, undefined, {}],
    ['RevokeExternalConnectivity', ids, undefined, {}],
    [
      'DiscoverNew',
      { DiscoveryType: 1, DiscoveryData: { Address: '192.0.2.1', BindAddress: '', Self: true } },
      undefined,
      {},
    ],
    ['DiscoverDelete', { DiscoveryType: 1, DiscoveryData: {} }, undefined, {}],
    ['GwAllocCheck', { Options: {} }, undefined, { SkipIPv4: true, SkipIPv6: true }],
    ['AllocateNetwork', { NetworkID: NETWORK, Options: {} }, undefined, { Options: {} }],
    ['FreeNetwork', { NetworkID: NETWORK }, undefined, {}],
  ])('%s', async (name, body, asked, answer) => {
    const { status, json } = await rig.call(`NetworkDriver.${name}`, body);
    expect([status, json]).toEqual([200, answer]);
    expect(lastCall()).toEqual(asked);
  });
});

describe('failures', () => {
  const ids = { NetworkID: NETWORK, EndpointID: ENDPOINT };

  it("a driver's refusal has status 200 and both keys: dockerd prints `remote: <sentence>` (trap 7)", async () => {
    rig.driver.behaviour = () =>
      Promise.reject(new PluginError('NO_OFFER', 'no DHCP server answered on VLAN 500 of eth1'));
    const { status, json } = await rig.call('NetworkDriver.CreateEndpoint', ids);
    const text = 'no DHCP server answered on VLAN 500 of eth1';
    expect([status, json]).toEqual([200, { Err: text, Error: text }]);
    expect(rig.log.messages('warn')).toEqual(['request failed']);
  });

  it('a fault of ours has status 500 and both keys, is an error in the log, and the next call works', async () => {
    rig.driver.behaviour = () => Promise.reject(new TypeError('x is not a function'));
    const { status, json } = await rig.call('NetworkDriver.Leave', ids);
    expect([status, json]).toEqual([
      500,
      { Err: 'x is not a function', Error: 'x is not a function' },
    ]);
    expect(rig.log.messages('error')).toEqual(['request failed unexpectedly']);
    rig.driver.behaviour = () => Promise.resolve();
    expect((await rig.call('NetworkDriver.Leave', ids)).status).toBe(200);
  });

  it('a refusal whose clean-up failed, too, tells its sentence', async () => {
    const refused = new PluginError('NO_OFFER', 'no DHCP server answered');
    rig.driver.behaviour = () =>
      Promise.reject(new AggregateError([refused, new Error('x')], 'no DHCP server answered; x'));
    const { json } = await rig.call('NetworkDriver.CreateEndpoint', ids);
    expect(json).toEqual({
      Err: 'no DHCP server answered; x',
      Error: 'no DHCP server answered; x',
    });
  });

  it.each([
    ['CreateNetwork', {}, 'NetworkID is missing'],
    ['CreateNetwork', { NetworkID: '../../etc/passwd' }, 'NetworkID is not an id'],
    ['CreateNetwork', { NetworkID: '' }, 'NetworkID is not an id'],
    ['CreateNetwork', { NetworkID: 'a'.repeat(129) }, 'NetworkID is not an id'],
    ['CreateNetwork', { NetworkID: 'a\n' }, 'NetworkID is not an id'],
    ['CreateNetwork', { NetworkID: 5 }, 'NetworkID is not an id'],
    ['CreateNetwork', { NetworkID: NETWORK, Options: [] }, 'Options is not an object'],
    ['CreateNetwork', { NetworkID: NETWORK, Options: 'x' }, 'Options is not an object'],
    ['CreateNetwork', { NetworkID: NETWORK, IPv4Data: {} }, 'IPv4Data is not a list of objects'],
    ['CreateNetwork', { NetworkID: NETWORK, IPv4Data: [1] }, 'IPv4Data is not a list of objects'],
    ['CreateNetwork', { NetworkID: NETWORK, IPv4Data: [{ Pool: 1 }] }, 'Pool is not text'],
    ['DeleteNetwork', {}, 'NetworkID is missing'],
    ['CreateEndpoint', { NetworkID: NETWORK }, 'EndpointID is missing'],
    ['CreateEndpoint', { ...ids, Interface: 'x' }, 'Interface is not an object'],
    ['CreateEndpoint', { ...ids, Interface: { MacAddress: 1 } }, 'MacAddress is not text'],
    ['DeleteEndpoint', { EndpointID: '.' }, 'EndpointID is not an id'],
    ['EndpointOperInfo', {}, 'EndpointID is missing'],
    ['Leave', { EndpointID: null }, 'EndpointID is not an id'],
    ['Join', { SandboxKey: SANDBOX }, 'EndpointID is missing'],
  ])('%s of %j: %s, and the driver is not asked', async (name, body, text) => {
    const { status, json } = await rig.call(`NetworkDriver.${name}`, body);
    expect([status, json]).toEqual([200, { Err: text, Error: text }]);
    expect(rig.driver.calls).toEqual([]);
  });
});

describe.each(readRecordings('null'))(
  'what dockerd $engine really sent ($recorded)',
  ({ requests }) => {
    let replay: ServerRig;
    beforeAll(async () => {
      replay = await ServerRig.start();
    });
    afterAll(() => replay.stop());

    it('every request is understood', async () => {
      expect(await replay.refused(requests, 'Err')).toEqual([]);
    });

    it('every call of the life of a container reaches the driver', () => {
      const asked = new Set(replay.driver.calls.map(({ method }) => method));
      const ofDockers = methodsOf(RecordedDriver).filter((name) => name !== 'status');
      expect([...asked].sort()).toEqual(ofDockers);
    });
  },
);
