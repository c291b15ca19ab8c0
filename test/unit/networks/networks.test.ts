import { beforeEach, describe, expect, it, vi } from 'vitest';
import {
  DriverRig,
  NETWORK,
  networkRequest,
  refusal,
  rigWithNetwork,
} from '../../support/fakes/driver-rig.ts';
import { soon } from '../../support/time/soon.ts';
import { PluginError } from '../../../plugin/vocabulary/errors.ts';

const OTHER = 'o'.repeat(25); // an id of a swarm network

let rig: DriverRig;
beforeEach(() => {
  rig = new DriverRig();
});

const segment = (vlan: string, options: Record<string, string> = {}) => ({
  options: { parent: 'eth1', vlan, ...options },
});

describe('creating a network', () => {
  it('makes VLAN link, bridge and firewall rule, and writes it down before it answers (D7)', async () => {
    await rig.createNetwork();
    expect([...rig.host.links]).toEqual(['eth1', 'br500', 'eth1.500']);
    expect([...rig.host.rules]).toEqual(['br500']);
    expect(rig.store.networks).toMatchObject([
      { id: NETWORK, vlanLink: 'eth1.500', uplinkPort: true, mtu: 1500, internal: false },
    ]);
  });

  it('with two tags makes a link for each, and shares the outer one', async () => {
    await rig.createNetwork(segment('10.500'));
    expect([...rig.host.links].sort()).toEqual(['br10.500', 'eth1', 'eth1.10.500', 'eth1.10ad']);
    expect(rig.store.networks).toMatchObject([
      { vlanLink: 'eth1.10.500', outerLink: 'eth1.10ad', mtu: 1496, options: { vlan: '10.500' } },
    ]);
    await rig.createNetwork({ ...segment('10.600'), networkId: OTHER });
    await rig.driver.removeNetwork(NETWORK);
    expect([...rig.host.links].sort()).toEqual(['br10.600', 'eth1', 'eth1.10.600', 'eth1.10ad']);
    await rig.driver.removeNetwork(OTHER);
    expect([...rig.host.links]).toEqual(['eth1']);
  });

  it.each([
    ['10', '10.500'],
    ['10.500', '10'],
  ])('vlan=%s and vlan=%s of 802.1Q alone are not side by side', async (first, second) => {
    const typed = (vlan: string) => segment(vlan, vlan.includes('.') ? { outer: '802.1q' } : {});
    await rig.createNetwork(typed(first));
    const refused = refusal(rig.createNetwork({ ...typed(second), networkId: OTHER }));
    expect((await refused).message).toContain(
      'cannot be side by side, because the first tag of one is the only tag of the other; choose another VLAN',
    );
    await rig.createNetwork({ ...segment('10.600'), networkId: OTHER }); // 802.1ad is another
  });

  it('the same call again changes nothing and succeeds (libnetwork.md §1: calls repeat)', async () => {
    await rig.createNetwork();
    await rig.createNetwork();
    expect(rig.host.count('ensureNetworkLinks')).toBe(1);
    expect(rig.store.networks).toHaveLength(1);
  });

  it('the same call twice at a time makes the links once', async () => {
    await Promise.all([rig.createNetwork(), rig.createNetwork()]);
    expect(rig.host.count('ensureNetworkLinks')).toBe(1);
  });

  it('is taken back when dockerd waits no longer: it would never be deleted (libnetwork.md, trap 12)', async () => {
    const before = [...rig.host.links];
    const created = rig.createNetwork({}, AbortSignal.abort());
    expect((await refusal(created)).code).toBe('CANCELLED');
    expect([...rig.host.links]).toEqual(before);
    expect([...rig.host.rules]).toEqual([]);
    expect(rig.store.networks).toEqual([]);
  });

  it('the same id with other options is refused', async () => {
    await rig.createNetwork();
    expect((await refusal(rig.createNetwork(segment('600')))).message).toBe(
      'network nnnnnnnnnnnn exists with other options (VLAN 500 of eth1, mode=bridge, bridge br500)',
    );
  });

  it('the same id with and without --internal is refused: the containers would get a gateway', async () => {
    await rig.createNetwork();
    expect((await refusal(rig.createNetwork({ internal: true }))).message).toContain(
      'exists with other options',
    );
  });

  it('mistakes in options are refused before anything is touched', async () => {
    await rig.started();
    expect((await refusal(rig.createNetwork(segment('0')))).code).toBe('INVALID_OPTION');
    expect(rig.host.calls).toEqual([]);
  });

  it("Docker's default IPAM is refused with the command to type, every option of it included (D8)", async () => {
    await rig.started();
    const request = {
      options: { parent: 'eth1', vlan: '500', bridge: 'lan', mtu: '1400', lease_timeout: '10' },
      ipv4Data: [{ addressSpace: 'LocalDefault', pool: '172.18.0.0/16', gateway: '172.18.0.1/16' }],
    };
    expect(await refusal(rig.createNetwork(request))).toEqual({
      code: 'UNSUPPORTED',
      message:
        'addresses come from the VLAN\'s DHCP server, not from Docker\'s pool 172.18.0.0/16; type: docker network create -d vlandhcp --ipam-driver null -o parent=eth1 -o vlan=500 -o bridge=lan -o mtu=1400 -o lease_timeout=10 NAME (in a Compose file: driver: vlandhcp, driver_opts: { parent: "eth1", vlan: "500", bridge: "lan", mtu: "1400", lease_timeout: "10" }, ipam: { driver: "null" })',
    });
    expect(rig.host.calls).toEqual([]);
  });

  it('the command to type keeps --internal, and has no vlan where none was given', async () => {
    const request = {
      options: { parent: 'eth1' },
      internal: true,
      ipv4Data: [{ addressSpace: 'LocalDefault', pool: '172.18.0.0/16', gateway: '172.18.0.1/16' }],
    };
    expect((await refusal(rig.createNetwork(request))).message).toMatch(
      /type: docker network create -d vlandhcp --ipam-driver null --internal -o parent=eth1 NAME \(in a Compose file: driver: vlandhcp, internal: true, driver_opts: \{ parent: "eth1" \}, /,
    );
  });

  it('an IPv6 pool is refused with the command to type', async () => {
    const request = { ipv6Data: [{ addressSpace: 'x', pool: 'fd00::/64', gateway: '' }] };
    expect(await refusal(rig.createNetwork(request))).toMatchObject({
      code: 'UNSUPPORTED',
      message: expect.stringMatching(
        /type: docker network create .* -o ipv6=auto NAME \(in a Compose file: .*ipv6: "auto".*\)$/,
      ) as string,
    });
  });

  it.each([
    [{}, 'auto'],
    [{ ipv6: 'dhcp' }, 'dhcp'],
    [{ ipv6: 'off' }, undefined],
  ])('--ipv6 with %j', async (typed, mode) => {
    const ipv6Data = [{ addressSpace: 'null', pool: '::/0', gateway: '' }];
    await rig.createNetwork({ ipv6Data, options: { parent: 'eth1', vlan: '500', ...typed } });
    expect(rig.registry.networks()[0]?.options.ipv6).toBe(mode);
  });

  it('no pool at all is fine, as with --config-from in swarm', async () => {
    await rig.createNetwork({ ipv4Data: [] });
    expect(rig.store.networks).toHaveLength(1);
  });

  it('warnings of the host go to the log', async () => {
    rig.host.warnings = ['parent link eth1 is down'];
    await rig.createNetwork();
    expect(rig.log.messages('warn')).toContain('parent link eth1 is down');
  });
});

describe('a failure while creating leaves nothing behind', () => {
  const nothing = () => {
    expect([...rig.host.links]).toEqual(['eth1']);
    expect([...rig.host.rules]).toEqual([]);
    expect(rig.registry.networks()).toEqual([]);
    expect(rig.store.networks).toEqual([]);
  };

  it('the links cannot be made', async () => {
    rig.host.failing.set(
      'ensureNetworkLinks',
      new PluginError('PARENT_LINK_MISSING', 'parent link eth9 does not exist'),
    );
    expect((await refusal(rig.createNetwork())).code).toBe('PARENT_LINK_MISSING');
    nothing();
  });

  it('the state cannot be written', async () => {
    rig.store.failing.add('save networks');
    expect((await refusal(rig.createNetwork())).code).toBe('STATE_UNWRITABLE');
    nothing();
  });

  it('it fails and the links cannot be removed: both are told, the first one first', async () => {
    rig.host.failing.set('removeNetworkLinks', new Error('ip failed'));
    const error = await rig
      .createNetwork({}, AbortSignal.abort())
      .catch((e: unknown) => e as AggregateError);
    expect(error).toBeInstanceOf(AggregateError);
    expect((error as AggregateError).message).toContain('dockerd waits no longer');
    expect((error as AggregateError).errors.map((e) => (e as Error).message)).toEqual([
      'dockerd waits no longer',
      'ip failed',
    ]);
  });

  it('it is written down before a link is made: whenever it is killed, the next start takes it back', async () => {
    let killed: (() => void) | undefined;
    rig.host.failing.set('ensureBridgeAccept', new Error('killed here'));
    const made = vi.spyOn(rig.host, 'ensureNetworkLinks').mockImplementationOnce(() => {
      rig.host.links.add('br500').add('eth1.500');
      return new Promise((_, reject) => (killed = () => reject(new Error('killed'))));
    });
    const creating = refusal(rig.createNetwork());
    await soon(() => expect(made).toHaveBeenCalled());
    expect(rig.store.networks).toMatchObject([{ isUnfinished: true, uplinkPort: true }]);
    await rig.restart();
    expect([...rig.host.links]).toEqual(['eth1']);
    expect(rig.registry.networks()).toEqual([]);
    killed?.();
    await creating;
  });

  it('a firewall that cannot be looked at is a warning, not a failure (D6), and is looked at again', async () => {
    rig.host.failing.set('ensureBridgeAccept', new Error('iptables is locked'));
    await rig.createNetwork();
    expect(rig.log.messages('warn')).toContain('firewall rule for the bridge not ensured');
    await rig.clock.pass(200_000);
    rig.host.failing.clear();
    await rig.clock.pass(30_000);
    expect([...rig.host.rules]).toEqual(['br500']);
  });
});

describe('sharing', () => {
  it('two networks on one VLAN share its links; the last one takes them along (D5)', async () => {
    await rig.createNetwork();
    await rig.createNetwork({ networkId: OTHER });
    await rig.driver.removeNetwork(NETWORK);
    expect([...rig.host.links]).toEqual(['eth1', 'br500', 'eth1.500']);
    expect([...rig.host.rules]).toEqual(['br500']);
    await rig.driver.removeNetwork(OTHER);
    expect([...rig.host.links]).toEqual(['eth1']);
    expect([...rig.host.rules]).toEqual([]);
  });

  it('the second one knows that the uplink was put into the bridge, and so takes it out', async () => {
    await rig.createNetwork();
    await rig.createNetwork({ networkId: OTHER });
    expect(rig.store.networks.map(({ uplinkPort }) => uplinkPort)).toEqual([true, true]);
  });

  it('a bridge that was there before us stays', async () => {
    rig.host.links.add('lan');
    rig.host.foreign.add('lan');
    await rig.createNetwork(segment('500', { bridge: 'lan' }));
    await rig.driver.removeNetwork(NETWORK);
    expect([...rig.host.links]).toEqual(['eth1', 'lan']);
  });

  it('the same bridge for another VLAN is refused: it would join the two', async () => {
    await rig.createNetwork();
    expect(
      await refusal(
        rig.createNetwork({ networkId: OTHER, ...segment('600', { bridge: 'br500' }) }),
      ),
    ).toEqual({
      code: 'LINK_CONFLICT',
      message:
        'bridge br500 already serves VLAN 500 of eth1 for network nnnnnnnnnnnn; choose another -o bridge= for VLAN 600 of eth1',
    });
  });

  it('the same VLAN on another bridge is refused: the kernel has one link per VLAN', async () => {
    await rig.createNetwork();
    expect(
      await refusal(rig.createNetwork({ networkId: OTHER, ...segment('500', { bridge: 'lan' }) })),
    ).toEqual({
      code: 'LINK_CONFLICT',
      message:
        'VLAN 500 of eth1 is already on bridge br500 for network nnnnnnnnnnnn; use -o bridge=br500',
    });
  });

  it('the same VLAN id on another parent needs another bridge', async () => {
    await rig.createNetwork();
    rig.host.links.add('eth2');
    const options = { parent: 'eth2', vlan: '500' };
    expect((await refusal(rig.createNetwork({ networkId: OTHER, options }))).code).toBe(
      'LINK_CONFLICT',
    );
    await rig.createNetwork({ networkId: OTHER, options: { ...options, bridge: 'br500b' } });
    expect(rig.store.networks).toHaveLength(2);
  });

  it('a failure of the second one leaves the links of the first one alone', async () => {
    await rig.createNetwork();
    rig.store.failing.add('save networks');
    await refusal(rig.createNetwork({ networkId: OTHER }));
    expect([...rig.host.links]).toEqual(['eth1', 'br500', 'eth1.500']);
    expect([...rig.host.rules]).toEqual(['br500']);
  });
});

describe('removing a network', () => {
  beforeEach(async () => {
    rig = await rigWithNetwork();
  });

  it('twice, or one that nobody knows, succeeds (trap 13)', async () => {
    await rig.driver.removeNetwork(NETWORK);
    await rig.driver.removeNetwork(NETWORK);
    await rig.driver.removeNetwork('unknown');
    expect(rig.host.count('removeNetworkLinks')).toBe(1);
  });

  it('links that cannot be removed are an error; the next start removes them (dockerd never asks again)', async () => {
    rig.host.failing.set('removeNetworkLinks', new Error('ip failed'));
    expect((await refusal(rig.driver.removeNetwork(NETWORK))).message).toContain('ip failed');
    expect(rig.store.networks).toMatchObject([{ id: NETWORK, isUnfinished: true }]);
    rig.host.failing.clear();
    await rig.restart();
    expect(rig.store.networks).toEqual([]);
    expect([...rig.host.links]).toEqual(['eth1']);
  });

  it('one whose links are still to be removed is in nobody’s way: the VLAN can be used again', async () => {
    rig.host.failing.set('removeNetworkLinks', new Error('ip failed'));
    await refusal(rig.driver.removeNetwork(NETWORK));
    rig.host.failing.clear();
    await rig.createNetwork({ networkId: 'again', ...segment('500', { bridge: 'brx' }) });
    expect(rig.host.links.has('brx')).toBe(true);
  });

  it.each(['removeBridgeAccept', 'removeNetworkLinks'] as const)(
    'a failing %s does not keep the other steps from being done',
    async (call) => {
      rig.host.failing.set(call, new Error('no'));
      await refusal(rig.driver.removeNetwork(NETWORK));
      expect(rig.host.count('removeNetworkLinks')).toBe(1);
      expect(rig.host.count('removeBridgeAccept')).toBe(1);
      expect(rig.registry.networks()).toMatchObject([{ isUnfinished: true }]);
    },
  );

  it('a record that cannot be deleted does not keep the links from being removed', async () => {
    rig.store.failing.add('delete networks');
    await refusal(rig.driver.removeNetwork(NETWORK));
    expect([...rig.host.links]).toEqual(['eth1']);
  });

  it('takes along the endpoints that dockerd forgot to delete', async () => {
    await rig.createEndpoint();
    await rig.driver.removeNetwork(NETWORK);
    expect(rig.host.endpoints.size).toBe(0);
    expect(rig.server.leases.size).toBe(0);
    expect(rig.store.endpoints).toEqual([]);
    expect([...rig.host.links]).toEqual(['eth1']);
  });

  it('an endpoint that cannot be removed does not keep the network (dockerd never asks again)', async () => {
    await rig.createEndpoint();
    rig.host.failing.set('removeEndpointLink', new Error('ip failed'));
    await refusal(rig.driver.removeNetwork(NETWORK));
    expect(rig.store.networks).toEqual([]);
    expect(rig.host.count('removeNetworkLinks')).toBe(1);
  });
});

describe('links that are gone', () => {
  it('are made again before the next container (a reboot, or someone removed them)', async () => {
    rig = await rigWithNetwork();
    rig.host.links.delete('br500');
    await rig.createEndpoint();
    expect(rig.host.links.has('br500')).toBe(true);
    expect(rig.host.count('ensureNetworkLinks')).toBe(2);
    expect(rig.log.messages('info')).toContain('network links made again');
  });

  it('cost a container its start if they cannot be made, and the sentence is the reason', async () => {
    rig = await rigWithNetwork();
    rig.host.links.delete('eth1.500');
    rig.host.failing.set('ensureNetworkLinks', new PluginError('LINK_CONFLICT', 'it is a dummy'));
    expect((await refusal(rig.createEndpoint())).message).toBe('it is a dummy');
  });

  it('a parent that is late is as tolerable as a server that is: the bridge is there, and the client asks', async () => {
    rig = await rigWithNetwork();
    for (const link of ['eth1', 'eth1.500', 'br500']) rig.host.links.delete(link);
    const missing = new PluginError('PARENT_LINK_MISSING', 'parent link eth1 does not exist');
    rig.host.failing.set('ensureNetworkLinks', missing);
    rig.wire.server = () => [];
    const creating = rig.createEndpoint();
    await rig.clock.pass(5_000);
    expect(rig.host.links.has('br500')).toBe(true);
    rig.wire.server = rig.server.answer;
    await rig.clock.pass(15_000);
    expect((await creating).address).toMatch(/^192\.0\.2\./);
  });

  it('nobody answers and the parent is missing: that is the reason told, not the switch', async () => {
    rig = await rigWithNetwork();
    for (const link of ['eth1', 'eth1.500']) rig.host.links.delete(link);
    const missing = new PluginError('PARENT_LINK_MISSING', 'parent link eth1 does not exist');
    rig.host.failing.set('ensureNetworkLinks', missing);
    rig.wire.server = () => [];
    const creating = refusal(rig.createEndpoint());
    await rig.clock.pass(25_000);
    expect((await creating).message).toBe(
      'no lease on VLAN 500 of eth1: parent link eth1 is not there; plug it in, or bring back its driver or bond',
    );
  });

  it('are not made again for a network that is removed meanwhile', async () => {
    rig = await rigWithNetwork();
    rig.host.links.delete('br500');
    const removing = rig.driver.removeNetwork(NETWORK);
    const creating = refusal(rig.createEndpoint());
    await removing;
    expect((await creating).code).toBe('NETWORK_UNKNOWN');
    expect([...rig.host.links]).toEqual(['eth1']);
    expect(rig.store.networks).toEqual([]);
  });

  it('nothing is asked of the kernel but their existence while they are there', async () => {
    rig = await rigWithNetwork();
    const before = rig.host.count('ensureNetworkLinks');
    await rig.createEndpoint();
    expect(rig.host.count('ensureNetworkLinks')).toBe(before);
  });
});

describe('calls during recovery', () => {
  it('wait for it: create, join, leave and the removals; only EndpointOperInfo does not (trap 25)', async () => {
    const { networkId } = networkRequest();
    let done = () => {};
    const recovered = new Promise<void>((resolve) => (done = resolve));
    const { registry, networks, endpoints, held, hostAccess } = rig;
    const { NetworkDriver } = await import('../../../plugin/driver/network-driver.ts');
    rig.driver = new NetworkDriver({
      hasDockerApi: false,
      registry,
      networks,
      endpoints,
      held,
      hostAccess,
      clock: rig.clock,
      recovered,
      claims: rig.leases,
    });
    let finished = 0;
    const calls = [
      rig.createNetwork(),
      rig.driver.removeEndpoint('x'),
      rig.driver.leave('x'),
      rig.driver.removeNetwork('x'),
    ].map((call) => call.then(() => (finished += 1)));
    expect(rig.driver.endpointInfo('x')).toEqual({});
    await rig.clock.pass(1);
    expect([finished, rig.registry.findNetwork(networkId)]).toEqual([0, undefined]);
    done();
    await Promise.all(calls);
    expect(rig.store.networks).toHaveLength(1);
  });
});

describe('links that are made again', () => {
  it('an MTU that the parent has no more is lowered, not refused', async () => {
    const rig = await rigWithNetwork({ options: { mtu: '1500' } });
    rig.host.oddities.set('eth1', { mtu: 1400 });
    const record = rig.registry.requireNetwork(NETWORK);
    expect((await rig.networks.mend(NETWORK)).mtu).toBe(1400);
    expect(record.options.mtu).toBe(1500);
    rig.stop();
  });

  it('an operator’s bridge that is gone is not made by us', async () => {
    const rig = new DriverRig();
    rig.host.links.add('br0');
    rig.host.foreign.add('br0');
    await rig.createNetwork({ options: { parent: 'eth1', vlan: '500', bridge: 'br0' } });
    rig.host.links.delete('br0');
    await rig.clock.pass(1_000);
    expect(await refusal(rig.networks.restore(rig.registry.requireNetwork(NETWORK)))).toEqual({
      code: 'LINK_MISSING',
      message:
        'link br0 for VLAN 500 of eth1 is not there; it is not one of ours: make it again the way it was made',
    });
    expect(rig.host.links.has('br0')).toBe(false);
    rig.stop();
  });
});
