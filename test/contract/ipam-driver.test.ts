/**
 * Every IpamDriver call: the request of dockerd, and the exact JSON of the answer (libnetwork.md
 * §3).
 */
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { networkDriverHandlers } from '../../plugin/api/network-driver.ts';
import { serve } from '../../plugin/api/server.ts';
import { PluginError } from '../../plugin/vocabulary/errors.ts';
import { post } from '../support/lab/unix-http.ts';
import { POOL_ID } from './recorded-ipam-driver.ts';
import { ServerRig } from './server-rig.ts';

const GATEWAY = 'com.docker.network.gateway';
const ENDPOINT_MAC = 'com.docker.network.endpoint.macaddress';
const ENDPOINT_NAME = 'com.docker.network.endpoint.name';
const MAC = '02:00:00:00:00:aa';

let rig: ServerRig;
beforeEach(async () => {
  rig = await ServerRig.start();
});
afterEach(() => rig.stop());

const lastCall = () => rig.ipam.calls.at(-1);

describe('calls without argument', () => {
  it.each([true, false])(
    'GetCapabilities: MAC addresses as the driver says (%j), and no replay',
    async (requiresMacAddress) => {
      rig.ipam.requiresMacAddress = requiresMacAddress;
      const { status, json } = await post(rig.path, '/IpamDriver.GetCapabilities');
      expect([status, json]).toEqual([
        200,
        { RequiresMACAddress: requiresMacAddress, RequiresRequestReplay: false },
      ]);
    },
  );

  it('GetDefaultAddressSpaces: one and the same, against the overlap loop (trap 6)', async () => {
    const { status, json } = await post(rig.path, '/IpamDriver.GetDefaultAddressSpaces');
    expect([status, json]).toEqual([
      200,
      { LocalDefaultAddressSpace: 'vlandhcp', GlobalDefaultAddressSpace: 'vlandhcp' },
    ]);
  });

  it('Plugin.Activate names the halves that are served, and no other', async () => {
    const path = join(rig.dir, 'half.sock');
    const half = await serve([path], networkDriverHandlers(rig.driver), rig.log, rig.clock);
    const { json } = await post(path, '/Plugin.Activate');
    await half.close();
    expect(json).toEqual({ Implements: ['NetworkDriver'] });
    const whole = await post(rig.path, '/Plugin.Activate');
    expect(whole.json).toEqual({ Implements: ['NetworkDriver', 'IpamDriver'] });
  });
});

describe('RequestPool', () => {
  const request = {
    AddressSpace: 'vlandhcp',
    Pool: '10.50.0.0/24',
    SubPool: '10.50.0.96/27',
    Options: { parent: 'eth1', vlan: '500' },
    V6: false,
  };
  const decoded = {
    addressSpace: 'vlandhcp',
    pool: '10.50.0.0/24',
    subPool: '10.50.0.96/27',
    options: { parent: 'eth1', vlan: '500' },
    v6: false,
  };

  it('answers PoolID, subnet and gateway', async () => {
    const { status, json } = await rig.call('IpamDriver.RequestPool', request);
    expect([status, json]).toEqual([
      200,
      { PoolID: POOL_ID, Pool: '10.50.0.0/24', Data: { [GATEWAY]: '10.50.0.1/24' } },
    ]);
    expect(lastCall()).toEqual({ method: 'requestPool', args: [decoded] });
  });

  it('without a gateway there is no Data: then libnetwork asks for one by RequestAddress', async () => {
    rig.ipam.poolAnswer = { poolId: POOL_ID, pool: '10.50.0.0/24', gateway: undefined };
    const { json } = await rig.call('IpamDriver.RequestPool', request);
    expect(json).toEqual({ PoolID: POOL_ID, Pool: '10.50.0.0/24' });
  });

  it('neither --subnet nor --ip-range nor --ipam-opt: empty, null or absent', async () => {
    const nothing = { ...decoded, pool: '', subPool: '', options: {} };
    for (const body of [
      { ...request, Pool: '', SubPool: '', Options: {} },
      { ...request, Pool: null, SubPool: null, Options: null },
      { AddressSpace: 'vlandhcp' },
    ]) {
      await rig.call('IpamDriver.RequestPool', body);
      expect(lastCall()?.args).toEqual([nothing]);
    }
  });

  it('--ipv6 is a second pool', async () => {
    await rig.call('IpamDriver.RequestPool', { ...request, Pool: 'fd00:500::/64', V6: true });
    expect(lastCall()?.args).toEqual([{ ...decoded, pool: 'fd00:500::/64', v6: true }]);
  });

  it('fields nobody has heard of are left alone', async () => {
    await rig.call('IpamDriver.RequestPool', { ...request, Tomorrow: { deep: [1] } });
    expect(lastCall()?.args).toEqual([decoded]);
  });
});

describe('RequestAddress', () => {
  const endpoint = (macAddress?: string, name?: string) => ({ kind: 'endpoint', macAddress, name });

  it.each<[string, string, unknown, unknown]>([
    ['a gateway without --gateway', '', { RequestAddressType: GATEWAY }, { kind: 'gateway' }],
    ['--gateway', '10.50.0.1', { RequestAddressType: GATEWAY }, { kind: 'gateway' }],
    ['--aux-address, or a replay (trap 16)', '10.50.0.2', null, undefined],
    ['the same, the key absent', '10.50.0.2', undefined, undefined],
    ['an endpoint', '', { [ENDPOINT_MAC]: MAC }, endpoint(MAC)],
    ['an endpoint with --ip', '10.50.0.77', { [ENDPOINT_MAC]: MAC }, endpoint(MAC)],
    [
      'an endpoint of engine 29',
      '',
      { [ENDPOINT_MAC]: MAC, [ENDPOINT_NAME]: 'asterisk' },
      endpoint(MAC, 'asterisk'),
    ],
    [
      'an endpoint of engine 29, no MAC required',
      '',
      { [ENDPOINT_NAME]: 'asterisk' },
      endpoint(undefined, 'asterisk'),
    ],
    ['an endpoint of engine 28, no MAC required', '', null, endpoint()],
    ['an endpoint of which nothing is said', '', {}, endpoint()],
    ['the same with --ip', '10.50.0.77', {}, endpoint()],
    ['options nobody has heard of', '', { tomorrow: 1 }, endpoint()],
  ])('%s', async (_title, Address, Options, purpose) => {
    const body = { PoolID: POOL_ID, Address, Options };
    const { status, json } = await rig.call('IpamDriver.RequestAddress', body);
    expect([status, json]).toEqual([200, { Address: '10.50.0.101/24', Data: {} }]);
    expect(lastCall()).toEqual({
      method: 'requestAddress',
      args: [{ poolId: POOL_ID, address: Address, purpose }],
    });
  });

  it('an Address of null is none', async () => {
    const body = { PoolID: POOL_ID, Address: null, Options: { [ENDPOINT_MAC]: MAC } };
    await rig.call('IpamDriver.RequestAddress', body);
    expect(lastCall()?.args).toMatchObject([{ address: '' }]);
  });
});

describe('releases', () => {
  it.each([
    ['ReleasePool', { PoolID: POOL_ID }, { method: 'releasePool', args: [POOL_ID] }],
    [
      'ReleaseAddress',
      { PoolID: POOL_ID, Address: '10.50.0.101' },
      { method: 'releaseAddress', args: [POOL_ID, '10.50.0.101'] },
    ],
  ])('%s', async (name, body, asked) => {
    const { status, json } = await rig.call(`IpamDriver.${name}`, body);
    expect([status, json]).toEqual([200, {}]);
    expect(lastCall()).toEqual(asked);
  });

  it.each([
    '!',
    'v1:6:eth1:500:fd00:500::/64:1f2e3d4c',
    'x'.repeat(200),
    '../../etc/passwd', // no file gets this name
  ])('PoolID %j is handed to the driver, which knows its own', async (PoolID) => {
    await rig.call('IpamDriver.ReleasePool', { PoolID });
    expect(lastCall()?.args).toEqual([PoolID]);
  });
});

describe('failures', () => {
  const CALLS = ['RequestPool', 'ReleasePool', 'RequestAddress', 'ReleaseAddress'];
  const asked = { PoolID: POOL_ID, Address: '10.50.0.101' };

  it.each(CALLS)(
    '%s refused: status 200 and both keys, IPAM reads `Error` (trap 7)',
    async (name) => {
      const text = 'no DHCP server answered on VLAN 500 of eth1';
      rig.ipam.behaviour = () => Promise.reject(new PluginError('NO_OFFER', text));
      const { status, json } = await rig.call(`IpamDriver.${name}`, asked);
      expect([status, json]).toEqual([200, { Err: text, Error: text }]);
    },
  );

  it.each(CALLS)('%s failed by a fault of ours: status 500 and both keys', async (name) => {
    const text = 'x is not a function';
    rig.ipam.behaviour = () => Promise.reject(new TypeError(text));
    const { status, json } = await rig.call(`IpamDriver.${name}`, asked);
    expect([status, json]).toEqual([500, { Err: text, Error: text }]);
  });

  it.each(CALLS)('%s with an empty body is a retry, and does nothing (trap 1)', async (name) => {
    const { status, json } = await post(rig.path, `/IpamDriver.${name}`);
    const text = expect.stringContaining('no body') as string;
    expect([status, json]).toEqual([200, { Err: text, Error: text }]);
    expect(rig.ipam.calls).toEqual([]);
  });

  it.each(['RequestPool', 'RequestAddress'])('%s is told when dockerd hangs up', async (name) => {
    const told = new Promise<unknown>((resolve) => {
      rig.ipam.behaviour = (_method, signal) =>
        new Promise((_done, reject) => {
          signal?.addEventListener('abort', () => {
            resolve(signal.reason);
            reject(signal.reason as Error);
          });
          hangUp.abort();
        });
    });
    const hangUp = new AbortController();
    const call = rig.call(`IpamDriver.${name}`, asked, { signal: hangUp.signal });
    await expect(call).rejects.toThrow();
    expect(await told).toMatchObject({ code: 'CANCELLED' });
  });

  it.each([
    ['RequestPool', { Pool: 7 }, 'Pool is not text'],
    ['RequestPool', { AddressSpace: {} }, 'AddressSpace is not text'],
    ['RequestPool', { Options: [] }, 'Options is not an object'],
    ['ReleasePool', {}, 'PoolID is missing'],
    ['ReleasePool', { PoolID: '' }, "PoolID is not a pool's id"],
    ['ReleasePool', { PoolID: 'x'.repeat(201) }, "PoolID is not a pool's id"],
    ['ReleasePool', { PoolID: 'a b' }, "PoolID is not a pool's id"],
    ['ReleasePool', { PoolID: 'a\n' }, "PoolID is not a pool's id"],
    ['ReleasePool', { PoolID: 'é' }, "PoolID is not a pool's id"],
    ['ReleasePool', { PoolID: null }, "PoolID is not a pool's id"],
    ['RequestAddress', { Address: '' }, 'PoolID is missing'],
    ['RequestAddress', { PoolID: POOL_ID, Address: 7 }, 'Address is not text'],
    ['RequestAddress', { PoolID: POOL_ID, Options: 'x' }, 'Options is not an object'],
    [
      'RequestAddress',
      { PoolID: POOL_ID, Options: { RequestAddressType: 'com.docker.network.tomorrow' } },
      'RequestAddressType "com.docker.network.tomorrow" is not known',
    ],
    [
      'RequestAddress',
      { PoolID: POOL_ID, Options: { RequestAddressType: 7 } },
      'RequestAddressType is not text',
    ],
    [
      'RequestAddress',
      { PoolID: POOL_ID, Options: { [ENDPOINT_MAC]: 7 } },
      `${ENDPOINT_MAC} is not text`,
    ],
    ['ReleaseAddress', { Address: '10.50.0.101' }, 'PoolID is missing'],
    ['ReleaseAddress', { PoolID: POOL_ID, Address: [] }, 'Address is not text'],
  ])('%s of %j: %s, and the driver is not asked', async (name, body, text) => {
    const { status, json } = await rig.call(`IpamDriver.${name}`, body);
    expect([status, json]).toEqual([200, { Err: text, Error: text }]);
    expect(rig.ipam.calls).toEqual([]);
  });
});
