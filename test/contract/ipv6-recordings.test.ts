/**
 * Sends again what engines send to an IPAM driver for networks with an IPv6 subnet. All recordings
 * have the same story. Their `how` tells it.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { CreateEndpointRequest } from '../../plugin/endpoints/endpoint-setup.ts';
import type { RequestAddressRequest } from '../../plugin/options/ipam-requests.ts';
import { parsePool6Id } from '../../plugin/pools/pool-id.ts';
import { readRecordings } from './recordings.ts';
import { ServerRig } from './server-rig.ts';

const SUBNET = '10.50.0.0/24';
const SUBNET6 = '2001:db8:500::/64';

describe.each(readRecordings('ours with IPv6'))(
  'what dockerd $engine sends ($recorded)',
  ({ requests }) => {
    let replay: ServerRig;
    beforeAll(async () => {
      replay = await ServerRig.start();
    });
    afterAll(() => replay.stop());

    const argsOf = (method: string, calls = replay.ipam.calls) =>
      calls.filter((call) => call.method === method).map(({ args }) => args);

    it('every request is understood', async () => {
      expect(await replay.refused(requests, 'Error')).toEqual([]);
    });

    it('two pools for each network, the one of IPv6 last, and both with all options', () => {
      const pool = (subnet: string, v6: boolean, options: object = {}) => ({
        ...{ addressSpace: 'vlandhcp', pool: subnet, subPool: '', options, v6 },
      });
      const segment = { parent: 'eth1', vlan: '500' };
      expect(argsOf('requestPool').map(([request]) => request)).toEqual([
        pool(SUBNET, false),
        pool(SUBNET6, true),
        pool(SUBNET, false),
        pool(SUBNET6, true),
        pool(SUBNET, false, segment),
        pool(SUBNET6, true, segment),
        pool(SUBNET, false),
        pool('', true), // --ipv6 and no subnet of it
      ]);
    });

    it('a start asks for IPv4 first, then for IPv6 with the same MAC; a gateway is always asked for', () => {
      const asked = argsOf('requestAddress').map(([request]) => request as RequestAddressRequest);
      const told = asked.map(({ poolId, address, purpose }) => [
        parsePool6Id(poolId) === undefined ? 4 : 6,
        address,
        purpose?.kind,
      ]);
      expect(told).toEqual([
        [4, '10.50.0.1', 'gateway'],
        [6, '', 'gateway'],
        [4, '', 'endpoint'],
        [6, '', 'endpoint'],
        [4, '10.50.0.77', 'endpoint'],
        [6, '2001:db8:500::77', 'endpoint'],
        [4, '10.50.0.1', 'gateway'],
        [6, '2001:db8:500::1', 'gateway'],
        [6, '2001:db8:500::9', undefined], // --aux-address
        [4, '', 'endpoint'],
        [6, '', 'endpoint'], // refused
        [4, '10.50.0.1', 'gateway'],
        [6, '', 'gateway'], // Docker's macvlan
        [4, '', 'endpoint'],
        [6, '', 'endpoint'],
        // In the last network RequestPool of IPv6 failed, or the answer to it was no subnet.
        ...told.slice(15),
      ]);
      const macs = asked.flatMap(({ purpose }) =>
        purpose?.kind === 'endpoint' ? [purpose.macAddress] : [],
      );
      expect(macs.filter((_mac, at) => at % 2 === 0)).toEqual(macs.filter((_mac, at) => at % 2));
    });

    it('CreateEndpoint repeats both addresses and the MAC', () => {
      const made = argsOf('createEndpoint', replay.driver.calls).map(
        ([request]) => (request as CreateEndpointRequest).interface,
      );
      expect(made).toMatchObject(
        [
          { address: /^10\.50\.0\.\d+\/24$/, addressIpv6: /^2001:db8:500::[0-9a-f]+\/64$/ },
          {
            ...{ address: '10.50.0.77/24', addressIpv6: '2001:db8:500::77/64' },
            macAddress: '02:00:00:00:00:aa',
          },
        ].map(asMatchers),
      );
    });

    it('each address is released alone, after the endpoint; after a refusal the IPv4 one is not', () => {
      const released = argsOf('releaseAddress').map(([poolId, address]) => [
        parsePool6Id(String(poolId)) === undefined ? 4 : 6,
        address,
      ]);
      const kinds = released.filter(
        ([, address]) => !/(^fe80::|::1$|\.1$|::9$)/.test(String(address)),
      );
      expect(kinds.map(([family]) => family)).toEqual([4, 6, 4, 6, 4, 6]);
    });

    it('CreateNetwork names both subnets', () => {
      const made = argsOf('createNetwork', replay.driver.calls).map(([request]) => request);
      const told = (pool: string) => [{ addressSpace: 'vlandhcp', pool }];
      expect(made).toMatchObject(
        [1, 2].map(() => ({ ipv4: true, ipv4Data: told(SUBNET), ipv6Data: told(SUBNET6) })),
      );
    });
  },
);

/** A pattern in place of a text that differs in each recording. */
function asMatchers(fields: Readonly<Record<string, string | RegExp>>): object {
  return Object.fromEntries(
    Object.entries(fields).map(([key, value]) => [
      key,
      typeof value === 'string' ? value : (expect.stringMatching(value) as string),
    ]),
  );
}
