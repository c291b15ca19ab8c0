/**
 * Sends again what engines send to an IPAM driver in the life of networks and containers. All
 * recordings have the same story. Their `how` tells it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CreateEndpointRequest } from '../../plugin/endpoints/endpoint-setup.ts';
import type { RequestAddressRequest } from '../../plugin/options/ipam-requests.ts';
import { RecordedIpamDriver } from './recorded-ipam-driver.ts';
import { methodsOf, readRecordings } from './recordings.ts';
import { ServerRig } from './server-rig.ts';

const MAC = '02:00:00:00:00:aa';

describe.each(readRecordings('ours'))(
  'what dockerd $engine sends ($recorded)',
  ({ engine, requests }) => {
    let replay: ServerRig;
    beforeAll(async () => {
      replay = await ServerRig.start();
    });
    afterAll(() => replay.stop());

    const argsOf = (method: string, calls = replay.ipam.calls) =>
      calls.filter((call) => call.method === method).map(({ args }) => args[0]);

    it('every request is understood', async () => {
      expect(await replay.refused(requests, 'Error')).toEqual([]);
    });

    it('every call reaches the driver', () => {
      const asked = new Set(replay.ipam.calls.map(({ method }) => method));
      expect([...asked].sort()).toEqual(methodsOf(RecordedIpamDriver));
    });

    it('pools: all options, none, --subnet, a second VLAN, macvlan, --ipv6 twice', () => {
      const pool = (options: object, subnet = '', subPool = '', v6 = false) => ({
        addressSpace: 'vlandhcp',
        pool: subnet,
        subPool,
        options: { parent: 'eth1', vlan: '500', ...options },
        v6,
      });
      expect(argsOf('requestPool')).toEqual([
        pool({}, '10.50.0.0/24', '10.50.0.96/27'),
        pool({}),
        pool({}, '10.50.0.0/24'),
        pool({ vlan: '600' }, '10.60.0.0/24'),
        { ...pool({}, '10.60.0.0/24'), options: { parent: 'eth1.600' } },
        pool({}, '10.50.0.0/24'),
        pool({}, 'fd00:500::/64', '', true),
      ]);
    });

    it('addresses: gateways, the aux address, and each start of a container', () => {
      const asked = argsOf('requestAddress') as RequestAddressRequest[];
      const ofEngine29 = (name: string) => (engine === '29' ? name : undefined);
      const anyMac = expect.stringMatching(/^([0-9a-f]{2}:){5}[0-9a-f]{2}$/) as string;
      const start = (address: string, name: string, macAddress = anyMac) => [
        address,
        { kind: 'endpoint', macAddress, name: ofEngine29(name) },
      ];
      expect(asked.map(({ address, purpose }) => [address, purpose])).toEqual([
        ['10.50.0.1', { kind: 'gateway' }],
        ['10.50.0.2', undefined],
        ['', { kind: 'gateway' }],
        start('', 'plain'),
        start('10.50.0.77', 'ip'),
        start('', 'mac', MAC),
        start('', 'plain'), // restarted
        start('10.60.0.88', 'plain'), // connected to a second network
        start('', 'mplain'),
        start('10.60.0.77', 'mip', '02:00:00:00:00:ab'),
      ]);
    });

    it('CreateEndpoint follows with the MAC of RequestAddress, and tells which one a person chose', () => {
      const macs = (argsOf('requestAddress') as RequestAddressRequest[]).flatMap(({ purpose }) =>
        purpose?.kind === 'endpoint' ? [purpose.macAddress] : [],
      );
      const made = argsOf('createEndpoint', replay.driver.calls) as CreateEndpointRequest[];
      expect(made.map((request) => request.interface.macAddress)).toEqual(macs.slice(0, 5));
      expect(made.map(({ userMac }) => userMac)).toEqual([
        undefined,
        undefined,
        MAC,
        undefined,
        undefined,
      ]);
    });

    it('CreateNetwork tells pool and gateway, but not whose pool it is', () => {
      const made = argsOf('createNetwork', replay.driver.calls);
      const pool = (subnet: string, gateway: string) => ({
        addressSpace: 'vlandhcp',
        pool: subnet,
        gateway,
      });
      expect(made).toMatchObject([
        { ipv4Data: [pool('10.50.0.0/24', '10.50.0.1/24')], ipv6Data: [] },
        { ipv4Data: [pool('10.50.0.0/24', '10.50.0.1/24')], ipv6Data: [] },
        { ipv4Data: [pool('10.50.0.0/24', '10.50.0.1/24')], ipv6Data: [] },
        { ipv4Data: [pool('10.60.0.0/24', '10.60.0.1/24')], ipv6Data: [] },
        {
          ipv4Data: [pool('10.50.0.0/24', '10.50.0.1/24')],
          ipv6Data: [pool('fd00:500::/64', 'fd00:500::1/64')],
        },
      ]);
    });
  },
);
