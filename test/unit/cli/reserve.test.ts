/** `--reserve`: the lines to paste into a DHCP server. */
import { describe, expect, it } from 'vitest';
import type { RunDocker } from '../../../cli/docker.ts';
import type { LeaseEntry } from '../../../plugin/state/status/lease-list.ts';
import { cliSite, BOX, GONE, knowing, text } from '../../support/pages/cli-site.ts';
import { leaseEntry, NETWORK_ID } from '../../support/fakes/lease-entries.ts';

const site = cliSite();

describe('--reserve', () => {
  const identity = {
    ...{ clientId: `01:${BOX.mac}`, isByClientId: false, isStable: true },
    ...{ hostName: 'box', duid: undefined },
  };
  const leased6 = {
    ...{ address: 'fd00:50::12/128', from: 'dhcp' as const },
    lease: { server: '00:01', renewsAt: '', expiresAt: '', dnsServers: [], domainSearch: [] },
  };
  const reserve = async (kind: string, parts: Partial<LeaseEntry> = {}, around = {}) => {
    site.leases = [leaseEntry({ identity, ...parts }), GONE];
    return site.type(`lease box --reserve ${kind}`, around);
  };

  it.each([
    ['dnsmasq', 'dhcp-host=02:74:52:1f:fe:e0,10.50.0.23,box'],
    [
      'isc',
      'host box-10-50-0-23 { hardware ethernet 02:74:52:1f:fe:e0; fixed-address 10.50.0.23; option host-name "box"; }',
    ],
    ['kea', '{"hw-address":"02:74:52:1f:fe:e0","ip-address":"10.50.0.23","hostname":"box"}'],
    [
      'csv',
      'network,container,mac,client-id,name,address,duid,ipv6\nfw500,box,02:74:52:1f:fe:e0,01:02:74:52:1f:fe:e0,box,10.50.0.23,,',
    ],
  ])('%s: the line to paste', async (kind, line) => {
    expect(await reserve(kind)).toEqual({ exit: 0, printed: text(line) });
  });

  it.each([
    ['dnsmasq', 'dhcp-host=id:00:62,10.50.0.23,box\ndhcp-host=id:00:03,[fd00:50::12],box'],
    [
      'isc',
      'host box-10-50-0-23 { option dhcp-client-identifier 00:62; fixed-address 10.50.0.23; option host-name "box"; }\nhost box-fd00-50-12 { host-identifier option dhcp6.client-id 00:03; fixed-address6 fd00:50::12; }',
    ],
    [
      'kea',
      '{"client-id":"00:62","ip-address":"10.50.0.23","hostname":"box"},\n{"duid":"00:03","ip-addresses":["fd00:50::12"],"hostname":"box"}',
    ],
  ])(
    '%s: by the client identifier where the MAC will not do, and the lease of DHCPv6',
    async (kind, lines) => {
      const own = { ...identity, clientId: '00:62', isByClientId: true, duid: '00:03' };
      expect(await reserve(kind, { identity: own, ipv6: leased6 })).toMatchObject({
        printed: text(lines),
      });
    },
  );

  it.each(['a"b', 'a\nfixed-address 10.0.0.1', 'a,set:tag', 'a b', '-a', '{name}', 'ü', ''])(
    'a host name %j gets into no line',
    async (hostName) => {
      const odd = { identity: { ...identity, hostName } };
      for (const kind of ['dnsmasq', 'isc', 'kea']) {
        const { printed = '' } = await reserve(kind, odd);
        expect(printed.trim().split('\n').length).toBe(1);
        expect(printed).toContain('box');
        if (hostName.length > 2) expect(printed).not.toContain(hostName);
      }
    },
  );

  it.each([
    ['=HYPERLINK("x","y")', /^"'=HYPERLINK\(""x"",""y""\)",box,/],
    ['x;=1+1', /^"x;=1\+1",box,/],
    ['x\t=1+1', /^"x\t=1\+1",box,/],
    ['＝1+1', /^'＝1\+1,box,/],
  ])('what a spreadsheet would compute is text in the CSV: %j', async (name, line) => {
    const docker: RunDocker = (...words) =>
      words[1] === 'inspect'
        ? Promise.resolve(
            JSON.stringify([
              {
                ...{ Id: NETWORK_ID, Name: name },
                Containers: { x: { Name: 'box', EndpointID: BOX.endpoint, MacAddress: BOX.mac } },
              },
            ]),
          )
        : knowing(...words);
    const { printed } = await reserve('csv', {}, { docker });
    expect(printed?.split('\n')[1]).toMatch(line);
  });

  it('all leases of a network, those of gone containers too, and none of the host', async () => {
    const host = leaseEntry({
      identity,
      holder: 'host',
      endpoint: 'host',
      address: '10.50.0.9/24',
    });
    site.leases = [leaseEntry({ identity }), leaseEntry({ ...GONE, identity }), host];
    const { printed } = await site.type('leases --network fw500 --reserve dnsmasq');
    expect(printed).toBe(
      text(
        'dhcp-host=02:74:52:1f:fe:e0,10.50.0.23,box',
        'dhcp-host=02:00:00:00:00:0b,10.50.0.24,box',
      ),
    );
  });

  it('a container that gets another MAC each time is told', async () => {
    let warned = '';
    const warn = (line: string) => void (warned += line);
    await reserve('dnsmasq', { identity: { ...identity, isStable: false } }, { warn });
    expect(warned).toBe(
      'box gets another MAC when it is made again; start it with driver-opt id=NAME, and reserve then',
    );
  });

  it.each([
    ['lease box --reserve pihole', /--reserve is for dnsmasq, isc, kea, csv, not for pihole/],
    ['lease box --reserve dnsmasq --json', /cannot be used with/],
    ['leases --reserve dnsmasq --watch', /cannot be used with/],
    [
      'lease box --reserve dnsmasq',
      /nothing can be reserved for box: no container of it has an address that a DHCP server leased/,
    ],
  ])('%s: one sentence', async (line, sentence) => {
    site.leases = [leaseEntry({ identity, address: undefined, server: undefined })];
    expect(await site.type(line)).toMatchObject({
      exit: 1,
      error: expect.stringMatching(sentence) as string,
    });
  });
});
