import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PluginError } from '../../../plugin/vocabulary/errors.ts';
import { ipv4Value, OPTION } from '../../../plugin/dhcp4/options.ts';
import type { DriverRig } from '../../support/fakes/driver-rig.ts';
import {
  ENDPOINT,
  JOIN_TIMEOUT_MS,
  NETWORK,
  NOTHING_LEFT,
  refusal,
  rigWithNetwork,
  SANDBOX,
} from '../../support/fakes/driver-rig.ts';
import { settled } from '../../support/time/fake-clock.ts';
import { ip } from '../../support/frames/messages.ts';

const SECOND = 'f'.repeat(64);
const ASTERISK = '02:74:52:1f:fe:e0';
const mtuOption = (mtu: number) => ({
  options: [[OPTION.INTERFACE_MTU, Uint8Array.of(mtu >> 8, mtu & 255)] as const],
});

let rig: DriverRig;
beforeEach(async () => {
  rig = await rigWithNetwork();
});
afterEach(() => {
  rig.stop();
  expect([rig.clock.pending, rig.wire.openSockets.length]).toEqual([0, 0]);
});

describe('CreateEndpoint', () => {
  it('leases an address, makes the veth, writes the record, and answers address and MAC', async () => {
    const answer = await rig.createEndpoint({ options: { id: 'asterisk' } });
    expect(answer).toEqual({ address: '192.0.2.50/24', macAddress: ASTERISK });
    expect([...rig.server.leases]).toEqual([[ASTERISK, '192.0.2.50']]);
    expect(rig.host.endpoints.size).toBe(1);
    expect(rig.store.endpoints).toMatchObject([
      { id: ENDPOINT, networkId: NETWORK, mac: ASTERISK, clientId: '01027452' + '1ffee0' },
    ]);
  });

  it('never repeats a MAC that Docker gave (trap 8)', async () => {
    const answer = await rig.createEndpoint({ interface: { macAddress: '02:00:00:00:00:aa' } });
    expect(answer).toEqual({ address: '192.0.2.50/24', macAddress: undefined });
    expect([...rig.server.leases.keys()]).toEqual(['02:00:00:00:00:aa']);
  });

  it('speaks over the container end of the veth, before Join (D3)', async () => {
    await rig.createEndpoint();
    const { containerEnd } = rig.record();
    expect(rig.wire.sent.map(({ place }) => place)).toEqual([
      { link: containerEnd },
      { link: containerEnd },
    ]);
  });

  it('the same id again gets the same answer and no second lease (libnetwork.md §1: calls repeat)', async () => {
    const first = await rig.createEndpoint();
    expect(await rig.createEndpoint()).toEqual(first);
    expect(rig.wire.sentTypes).toEqual(['DISCOVER', 'REQUEST']);
  });

  it('the same id twice at a time is one endpoint', async () => {
    const [one, two] = await Promise.all([rig.createEndpoint(), rig.createEndpoint()]);
    expect(one).toEqual(two);
    expect(rig.wire.sentTypes).toEqual(['DISCOVER', 'REQUEST']);
  });

  it('an unknown network is refused with what to do', async () => {
    expect(await refusal(rig.createEndpoint({ networkId: 'x'.repeat(64) }))).toEqual({
      code: 'NETWORK_UNKNOWN',
      message: "network xxxxxxxxxxxx is not in this plugin's state; remove it and create it again",
    });
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it.each([
    { address: '172.18.0.2/16', addressIpv6: '' },
    { address: '', addressIpv6: 'fd00::2/64' },
  ])('an address chosen by Docker is refused: $address$addressIpv6', async (given) => {
    const { code, message } = await refusal(rig.createEndpoint({ interface: given }));
    expect(code).toBe('UNSUPPORTED');
    expect(message).toContain('driver-opt ip=ADDRESS');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('bad driver-opts are refused before anything is made', async () => {
    const { message } = await refusal(rig.createEndpoint({ options: { ip: 'x', what: 'y' } }));
    expect(message).toMatch(/driver-opt ip=x.*driver-opt what is unknown/);
    expect(rig.host.count('ensureEndpointLink')).toBe(0);
  });

  it('driver-opt ip is asked for, and taken if it is offered', async () => {
    await rig.createEndpoint({ options: { ip: '192.0.2.50' } });
    expect(rig.wire.sent[0]!.message.options.get(OPTION.REQUESTED_ADDRESS)).toEqual(
      ipv4Value(ip('192.0.2.50')),
    );
  });

  it('another offer than the one asked for fails the start and leaves nothing', async () => {
    const failed = refusal(rig.createEndpoint({ options: { ip: '192.0.2.77' } }));
    await rig.clock.pass(20_000);
    expect((await failed).code).toBe('ADDRESS_NOT_OFFERED');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it.each([
    [1400, 1400],
    [576, 576],
    [575, 1500],
    [1500, 1500],
    [9000, 1500],
  ])(
    'option 26 of %i gives a link of %i (RFC 2132 §5.1: not below 576; not above the parent)',
    async (mtu, used) => {
      rig.stop();
      rig = await rigWithNetwork({ server: mtuOption(mtu) });
      await rig.createEndpoint();
      expect([...rig.host.endpoints.values()][0]!.mtu).toBe(used);
      expect(rig.record().mtu).toBe(used);
    },
  );
});

describe('a failure while creating leaves no link, lease, socket, timer or record behind', () => {
  it('the network links cannot be made again', async () => {
    rig.host.links.delete('br500');
    rig.host.failing.set('ensureNetworkLinks', new Error('no'));
    await refusal(rig.createEndpoint());
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('the veth cannot be made', async () => {
    rig.host.failing.set('ensureEndpointLink', new PluginError('LINK_CONFLICT', 'taken'));
    expect((await refusal(rig.createEndpoint())).code).toBe('LINK_CONFLICT');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('the socket cannot be opened', async () => {
    rig.wire.openProblem = () => new PluginError('SOCKET_FAILED', 'no socket');
    expect((await refusal(rig.createEndpoint())).code).toBe('SOCKET_FAILED');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('no server answers within lease_timeout', async () => {
    rig.stop();
    rig = await rigWithNetwork({ options: { lease_timeout: '20s' } });
    rig.wire.server = () => [];
    const failed = refusal(rig.createEndpoint());
    await rig.clock.pass(19_990);
    expect(rig.host.endpoints.size).toBe(1);
    await rig.clock.pass(10);
    expect(await failed).toEqual({
      code: 'NO_OFFER',
      message: expect.stringMatching(
        /^no DHCP server answered on VLAN 500 of eth1 in 20 s: sent 5 DISCOVER from 02:/,
      ) as string,
    });
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('no server answers, but a VLAN close by does: the error names it, at the same time', async () => {
    rig.stop();
    rig = await rigWithNetwork({ options: { lease_timeout: '20s' } });
    rig.wire.server = () => [];
    rig.trunk.answer = (vlan) => (vlan === 501 ? [{ vlan }] : []);
    const failed = refusal(rig.createEndpoint());
    await rig.clock.pass(20_000);
    expect((await failed).message).toMatch(
      /^no DHCP server answered on VLAN 500 of eth1 in 20 s: .*; if VLAN 500 is the wrong number, these DHCP servers answer: 192\.0\.2\.1 on VLAN 501 of eth1$/,
    );
    expect([rig.leftovers, rig.trunk.isOpen]).toEqual([NOTHING_LEFT, false]);
  });

  it('the same with on_no_server=late, where nothing fails: the log names it', async () => {
    rig.stop();
    rig = await rigWithNetwork({ options: { lease_timeout: '20s', on_no_server: 'late' } });
    rig.wire.server = () => [];
    rig.trunk.answer = (vlan) => (vlan === 501 ? [{ vlan }] : []);
    const created = rig.createEndpoint();
    await rig.clock.pass(20_000);
    await created;
    expect(rig.log.messages('warn')).toContain(
      'no DHCP server answers yet; if VLAN 500 is the wrong number, these DHCP servers answer: 192.0.2.1 on VLAN 501 of eth1',
    );
  });

  it('the uplink is down with on_no_server=late: the log says so, and since when', async () => {
    rig.stop();
    rig = await rigWithNetwork({ options: { lease_timeout: '2s', on_no_server: 'late' } });
    rig.wire.server = () => [];
    rig.host.silentUplinks.set('eth1', { site: 'hq', downSince: '2026-11-28T14:02:00Z' });
    const created = rig.createEndpoint();
    await rig.clock.pass(2_000);
    await created;
    expect(rig.log.messages('info')).toContain(
      'endpoint created without an address: the uplink to hq has been down since 2026-11-28 14:02:00 UTC; vlandhcp uplink status says why',
    );
  });

  it('the uplink goes down while a server is asked: the error says so, and names no cable', async () => {
    rig.stop();
    rig = await rigWithNetwork({ options: { lease_timeout: '20s' } });
    rig.wire.server = () => [];
    const failed = refusal(rig.createEndpoint());
    await rig.clock.pass(10_000);
    rig.host.silentUplinks.set('eth1', { site: 'hq', downSince: '2026-11-28T14:02:00Z' });
    await rig.clock.pass(10_000);
    expect((await failed).message).toBe(
      'no lease on VLAN 500 of eth1: the uplink to hq has been down since 2026-11-28 14:02:00 UTC; vlandhcp uplink status says why',
    );
  });

  it('the MTU of the lease cannot be set: the lease is given back, too', async () => {
    rig.stop();
    rig = await rigWithNetwork({ server: mtuOption(1400) });
    rig.host.failing.set('setEndpointMtu', new PluginError('IP_COMMAND_FAILED', 'no'));
    expect((await refusal(rig.createEndpoint())).code).toBe('IP_COMMAND_FAILED');
    expect(rig.wire.sentTypes).toContain('RELEASE');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('the record cannot be written: the lease is given back, too', async () => {
    rig.store.failing.add('save leases');
    expect((await refusal(rig.createEndpoint())).code).toBe('STATE_UNWRITABLE');
    expect(rig.wire.sent.at(-1)).toMatchObject({ type: 'RELEASE', place: { link: 'br500' } });
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('dockerd hangs up while the lease is asked for (trap 12: no DeleteEndpoint follows)', async () => {
    rig.wire.server = () => [];
    const hangUp = new AbortController();
    const failed = refusal(rig.createEndpoint({}, hangUp.signal));
    await rig.clock.pass(3000);
    hangUp.abort();
    expect((await failed).code).toBe('CANCELLED');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('dockerd hangs up while the record is written', async () => {
    const hangUp = new AbortController();
    const save = rig.store.save.bind(rig.store);
    rig.store.save = (kind, record) => (hangUp.abort(), save(kind, record));
    expect((await refusal(rig.createEndpoint({}, hangUp.signal))).code).toBe('CANCELLED');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('dockerd had hung up before', async () => {
    expect((await refusal(rig.createEndpoint({}, AbortSignal.abort()))).code).toBe('CANCELLED');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('clean-up that fails is told together with the reason, which comes first', async () => {
    rig.store.failing.add('save leases');
    rig.host.failing.set('removeEndpointLink', new Error('ip failed'));
    const { message } = await refusal(rig.createEndpoint());
    expect(message).toBe('save leases failed; clean-up failed too');
    expect(rig.server.leases.size).toBe(0);
  });

  it('the plugin stops: the wait for a lease ends, so that the process can', async () => {
    rig.wire.server = () => [];
    const failed = refusal(rig.createEndpoint());
    await settled();
    rig.stop();
    expect((await failed).code).toBe('CANCELLED');
    expect(rig.host.endpoints.size).toBe(0);
  });

  it('the network is removed while the lease is asked for', async () => {
    rig.wire.server = () => [];
    const failed = refusal(rig.createEndpoint());
    await rig.clock.pass(500);
    await rig.driver.removeNetwork(NETWORK);
    rig.wire.server = rig.server.answer;
    await rig.clock.pass(5000);
    expect((await failed).code).toBe('NETWORK_UNKNOWN');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });
});

describe('one MAC, one container', () => {
  const withId = { options: { id: 'asterisk' } };

  it('a second endpoint with the MAC of a running container is refused', async () => {
    await rig.createEndpoint(withId);
    await rig.join();
    expect(await refusal(rig.createEndpoint({ endpointId: SECOND, ...withId }))).toEqual({
      code: 'INVALID_OPTION',
      message: `MAC ${ASTERISK} is worn by another container on this segment (endpoint eeeeeeeeeeee, 192.0.2.50); give each its own id or --mac-address`,
    });
    expect(rig.host.endpoints.size).toBe(1);
  });

  it('also on another network of the same VLAN: the server would give both one lease', async () => {
    const networkId = 'o'.repeat(64);
    await rig.createNetwork({ networkId });
    await rig.createEndpoint(withId);
    await rig.join();
    const second = rig.createEndpoint({ networkId, endpointId: SECOND, ...withId });
    expect((await refusal(second)).code).toBe('INVALID_OPTION');
  });

  it('on another VLAN the same MAC is no twin', async () => {
    const networkId = 'o'.repeat(64);
    await rig.createNetwork({ networkId, options: { parent: 'eth1', vlan: '600' } });
    await rig.createEndpoint(withId);
    await rig.createEndpoint({ networkId, endpointId: SECOND, ...withId });
    expect(rig.store.endpoints).toHaveLength(2);
  });

  it('a twin whose veth is gone is only a record: it is cleared, and the start goes on', async () => {
    await rig.createEndpoint(withId);
    await rig.join();
    rig.host.loseEndpoint(rig.record().hostEnd);
    await rig.createEndpoint({ endpointId: SECOND, ...withId });
    expect(rig.store.endpoints.map(({ id }) => id)).toEqual([SECOND]);
    expect(rig.leases.size).toBe(1);
  });

  it('a twin that dockerd abandoned before Join gives way: a restart of dockerd makes a new endpoint', async () => {
    await rig.createEndpoint(withId);
    await rig.clock.pass(10_000);
    await rig.createEndpoint({ endpointId: SECOND, ...withId });
    expect(rig.store.endpoints.map(({ id }) => id)).toEqual([SECOND]);
    expect([...rig.server.leases]).toEqual([[ASTERISK, '192.0.2.50']]);
  });

  it('a twin that was made just now may still be joined: it is waited for, and then refuses', async () => {
    await rig.createEndpoint(withId);
    await rig.clock.pass(1000);
    const refused = refusal(rig.createEndpoint({ endpointId: SECOND, ...withId }));
    await rig.clock.pass(1000);
    await rig.join();
    await rig.clock.pass(5000);
    expect((await refused).code).toBe('INVALID_OPTION');
  });

  it('a twin that nobody joins within 5 s gives way: its answer never arrived (libnetwork.md §1)', async () => {
    await rig.createEndpoint(withId);
    await rig.clock.pass(1000);
    const created = rig.createEndpoint({ endpointId: SECOND, ...withId });
    await rig.clock.pass(4000);
    await created;
    expect(rig.store.endpoints.map(({ id }) => id)).toEqual([SECOND]);
  });
});

describe('Join and Leave', () => {
  beforeEach(async () => {
    await rig.createEndpoint();
  });

  it('Join answers the link to move and the gateway, and follows the link into the sandbox', async () => {
    const { containerEnd, hostEnd } = rig.record();
    expect(await rig.driver.join(ENDPOINT, SANDBOX)).toEqual({
      srcName: containerEnd,
      gateway: '192.0.2.1',
      staticRoutes: [],
    });
    expect(rig.store.endpoints[0]!.sandboxKey).toBe(SANDBOX);
    rig.host.moveIntoSandbox(hostEnd);
    rig.sandbox = { link: 'eth0' };
    await rig.clock.pass(1000);
    expect(rig.wire.places).toEqual([
      { netnsPath: SANDBOX, link: 'eth0', speaksVia: 'br500', defendsFrom: 'br500' },
    ]);
  });

  it('Join of an unknown endpoint is refused with what to do', async () => {
    expect(await refusal(rig.driver.join('0'.repeat(64), SANDBOX))).toEqual({
      code: 'ENDPOINT_UNKNOWN',
      message: "endpoint 000000000000 is not in this plugin's state; start the container again",
    });
  });

  it('Join twice gives the same answer', async () => {
    const first = await rig.driver.join(ENDPOINT, SANDBOX);
    expect(await rig.driver.join(ENDPOINT, SANDBOX)).toEqual(first);
  });

  it('a disk that is full fails no Join: engines from 29 would drop the network (trap 5)', async () => {
    rig.store.failing.add('save leases');
    await rig.driver.join(ENDPOINT, SANDBOX);
    expect(rig.log.messages('error')).toEqual(['endpoint state not saved']);
  });

  it('Leave keeps link and lease (trap 14) and may come twice (trap 13)', async () => {
    await rig.join();
    await rig.driver.leave(ENDPOINT);
    await rig.driver.leave(ENDPOINT);
    expect(rig.host.endpoints.size).toBe(1);
    expect(rig.server.leases.size).toBe(1);
    expect(rig.store.endpoints[0]!.sandboxKey).toBeUndefined();
    expect(rig.wire.openSockets).toEqual([]);
  });

  it('Leave, then Join again, keeps the lease (trap 22)', async () => {
    await rig.join();
    await rig.driver.leave(ENDPOINT);
    await rig.driver.join(ENDPOINT, SANDBOX);
    await rig.clock.pass(JOIN_TIMEOUT_MS + 1000);
    expect(rig.wire.sentTypes).toEqual(['DISCOVER', 'REQUEST']);
    expect(rig.store.endpoints).toHaveLength(1);
  });

  it('Leave of an unknown endpoint succeeds', async () => {
    await rig.driver.leave('unknown');
  });

  it('--internal: no gateway (libnetwork.md §2)', async () => {
    const networkId = 'i'.repeat(64);
    const options = { parent: 'eth1', vlan: '600' };
    await rig.createNetwork({ networkId, options, internal: true });
    await rig.createEndpoint({ networkId, endpointId: SECOND });
    expect(await rig.driver.join(SECOND, SANDBOX)).toMatchObject({
      gateway: undefined,
      staticRoutes: [],
    });
  });
});

describe('DeleteEndpoint', () => {
  it('gives the lease back over the bridge and removes link, record, socket and timer', async () => {
    await rig.createEndpoint();
    await rig.join();
    await rig.driver.leave(ENDPOINT);
    await rig.driver.removeEndpoint(ENDPOINT);
    expect(rig.wire.sent.at(-1)).toMatchObject({ type: 'RELEASE', place: { link: 'br500' } });
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
    expect(rig.log.messages('error')).toEqual([]);
  });

  it('twice, or of an unknown endpoint, succeeds (trap 13)', async () => {
    await rig.createEndpoint();
    await rig.driver.removeEndpoint(ENDPOINT);
    await rig.driver.removeEndpoint(ENDPOINT);
    await rig.driver.removeEndpoint('unknown');
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('without Leave, and of a link that is gone, succeeds', async () => {
    await rig.createEndpoint();
    await rig.join();
    rig.host.loseEndpoint(rig.record().hostEnd);
    await rig.driver.removeEndpoint(ENDPOINT);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('a record that cannot be deleted does not keep the link', async () => {
    await rig.createEndpoint();
    rig.store.failing.add('delete leases');
    await refusal(rig.driver.removeEndpoint(ENDPOINT));
    expect(rig.host.endpoints.size).toBe(0);
    expect(rig.server.leases.size).toBe(0);
  });

  it('a link that cannot be removed does not keep record and lease, and is told', async () => {
    await rig.createEndpoint();
    rig.host.failing.set('removeEndpointLink', new Error('ip failed'));
    expect((await refusal(rig.driver.removeEndpoint(ENDPOINT))).message).toContain('ip failed');
    expect(rig.store.endpoints).toEqual([]);
    expect(rig.server.leases.size).toBe(0);
  });

  it.each(['EMFILE', 'EAGAIN', 'ENOMEM'])(
    '%s while its link is to be removed: told, and the link goes within a second of the end of it',
    async (code) => {
      await rig.createEndpoint();
      await rig.join();
      await rig.driver.leave(ENDPOINT);
      rig.host.failing.set('removeEndpointLink', new Error(code));
      expect((await refusal(rig.driver.removeEndpoint(ENDPOINT))).message).toContain(code);
      expect(rig.host.endpoints.size).toBe(1);
      rig.host.failing.clear();
      await rig.clock.pass(1_000);
      expect(rig.leftovers).toEqual(NOTHING_LEFT);
      expect(rig.log.messages('info')).toContain('link removed; an earlier try had failed');
    },
  );

  it('and at the next start, where the plugin ends before', async () => {
    await rig.createEndpoint();
    rig.host.failing.set('removeEndpointLink', new Error('EMFILE'));
    await refusal(rig.driver.removeEndpoint(ENDPOINT));
    rig.host.failing.clear();
    await rig.restart();
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('while CreateEndpoint is under way waits for it and then removes it', async () => {
    rig.wire.server = () => [];
    const creating = rig.createEndpoint();
    await rig.clock.pass(500);
    const removing = rig.driver.removeEndpoint(ENDPOINT);
    rig.wire.server = rig.server.answer;
    await rig.clock.pass(5000);
    await Promise.all([creating, removing]);
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });
});

describe('an endpoint nobody joins', () => {
  it('is removed after the join timeout (trap 12), and its lease given back', async () => {
    await rig.createEndpoint();
    await rig.clock.pass(JOIN_TIMEOUT_MS - 1);
    expect(rig.host.endpoints.size).toBe(1);
    await rig.clock.pass(1);
    await settled();
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
    expect(rig.log.messages('warn')).toContain('endpoint without a container removed');
  });

  it('is removed after Leave without DeleteEndpoint, too', async () => {
    await rig.createEndpoint();
    await rig.join();
    await rig.clock.pass(JOIN_TIMEOUT_MS * 2);
    expect(rig.host.endpoints.size).toBe(1);
    await rig.driver.leave(ENDPOINT);
    rig.host.loseEndpoint(rig.record().hostEnd);
    await rig.clock.pass(JOIN_TIMEOUT_MS);
    await settled();
    expect(rig.leftovers).toEqual(NOTHING_LEFT);
  });

  it('a link that a container uses is never taken from it, whatever calls were missed', async () => {
    await rig.createEndpoint();
    rig.host.moveIntoSandbox(rig.record().hostEnd); // joined, but the plugin does not know it
    await rig.clock.pass(JOIN_TIMEOUT_MS + 1000);
    expect(rig.host.endpoints.size).toBe(1);
    expect(rig.store.endpoints).toHaveLength(1);
    expect(rig.wire.places).toEqual([{ link: 'br500', promiscuous: true }]);
  });
});

describe('a lease that changes', () => {
  it('is written down with its new times on renewal', async () => {
    await rig.createEndpoint();
    await rig.join();
    const { expiresAt } = rig.store.endpoints[0]!.lease!;
    await rig.clock.pass(1_900_000);
    expect(rig.store.endpoints[0]!.lease!.expiresAt).toBeGreaterThan(expiresAt);
    expect(rig.log.messages('info')).toContain('lease renewed');
  });

  it('EndpointOperInfo shows the lease as it is now', async () => {
    await rig.createEndpoint();
    expect(rig.driver.endpointInfo(ENDPOINT)).toEqual({
      'vlandhcp.address': '192.0.2.50/24',
      'vlandhcp.server': '192.0.2.1',
      'vlandhcp.expires': '2026-01-01T01:00:00.000Z',
    });
    expect(rig.driver.endpointInfo('unknown')).toEqual({});
  });

  it('an infinite lease is shown as infinite', async () => {
    rig.stop();
    rig = await rigWithNetwork({ server: { leaseSec: 0xffffffff } });
    await rig.createEndpoint();
    expect(rig.driver.endpointInfo(ENDPOINT)['vlandhcp.expires']).toBe('infinite');
  });
});
