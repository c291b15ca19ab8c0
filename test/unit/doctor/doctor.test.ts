/** How the doctor of the plugin gathers its facts, and what it asks whom. */
import { beforeEach, expect, it } from 'vitest';
import { Doctor, type DoctorDeps } from '../../../plugin/doctor/doctor.ts';
import type { VlanAnswer } from '../../../plugin/leasing/segment/trunk-probe.ts';
import type { NetworkRecord } from '../../../plugin/state/records.ts';
import { PluginError } from '../../../plugin/vocabulary/errors.ts';
import { NO_SIGHTS } from '../../support/fakes/no-sights.ts';
import { FakeClock } from '../../support/time/fake-clock.ts';
import type { Mac } from '../../../plugin/wire/address.ts';
import { ip, lease, mac } from '../../support/frames/messages.ts';

type Options = Partial<NetworkRecord['options']>;

const network = (id: string, options: Options = {}): NetworkRecord =>
  ({
    ...{ id, internal: false, vlanLink: 'eth1.500', uplinkPort: true, mtu: 1500 },
    options: {
      ...{ parent: 'eth1', vlan: 500, mode: 'bridge', bridge: 'br500', ipv4: true },
      ...{ dhcpServers: [], dhcpDeny: [], ...options },
    },
  }) as unknown as NetworkRecord;

let asked: { parent: string; vlans: readonly number[] }[];
let probing: () => Promise<readonly VlanAnswer[]>;
let networks: NetworkRecord[];
let leased: string[];
let surveyed: string[];
let unanswered: Mac | undefined;
let wearers: string[];
let forwarding = NO_SIGHTS.forwarding;

beforeEach(() => {
  [asked, wearers, leased, surveyed] = [[], [], [], []];
  probing = () => Promise.resolve([]);
  networks = [network('a')];
  ({ forwarding } = NO_SIGHTS);
  unanswered = undefined;
});

function doctor(clock = new FakeClock()): Doctor {
  const terms = lease();
  const deps = {
    ...{ clock, isComplete: true, sights: { ...NO_SIGHTS, forwarding } },
    registry: {
      networks: () => networks,
      endpoints: () => [],
      leases: () =>
        leased.map((scopeId) => ({ scopeId, lease: { ...terms, requestedAt: clock.wall() } })),
      findScope: () => ({ segment: 'VLAN 500 of eth1' }),
    },
    unanswered: () => unanswered,
    survey: (from: { link: string }) => {
      surveyed.push(from.link);
      return Promise.resolve({ routers: [], servers: [] });
    },
    host: { readLinks: () => Promise.resolve([]), linkMac: () => mac('02:00:00:00:00:01') },
    probe: ({ parent, vlans }: { parent: string; vlans: readonly number[] }) => {
      asked.push({ parent, vlans });
      return probing();
    },
    inquiry: {
      wearer: (link: string, _mac: string, address: string) => {
        wearers.push(`${address} on ${link}`);
        return Promise.resolve(mac('02:00:00:00:00:02'));
      },
    },
  };
  return new Doctor(deps as unknown as DoctorDeps);
}
const ofDhcp = async (id?: string) =>
  (await doctor().look(id)).filter(({ check }) => check === 'dhcp').map(({ text }) => text);

it('a segment is asked once for all its networks, with its neighbours and the untagged VLAN', async () => {
  networks = [network('a'), network('b'), network('c', { vlan: 3 })];
  expect(await ofDhcp()).toHaveLength(2);
  expect(asked).toHaveLength(1);
  expect(asked[0]?.vlans.slice(0, 3)).toEqual([500, 3, 0]);
  expect(asked[0]?.vlans).toContain(508);
  expect(Math.min(...(asked[0]?.vlans ?? []))).toBe(0);
});

it('many networks are all asked, without so many neighbours', async () => {
  networks = Array.from({ length: 200 }, (_, n) => network(`n${n}`, { vlan: 100 + 20 * n }));
  networks = networks.filter(({ options }) => Number(options.vlan) <= 4094);
  await ofDhcp();
  expect(asked[0]?.vlans).toHaveLength(networks.length);
});

it('one network can be chosen; another one waits for its end', async () => {
  networks = [network('a'), network('b', { vlan: 600 })];
  const one = doctor();
  const looking = one.look('b');
  await expect(one.look('a')).rejects.toThrow('another doctor runs');
  expect((await looking).map(({ subject }) => subject)).toContain('VLAN 600 of eth1');
  expect((await one.look('a')).map(({ subject }) => subject)).toContain('VLAN 500 of eth1');
});

it('two tags are asked on the link of the outer one, and a bridge with VLANs on its port', async () => {
  networks = [
    { ...network('a', { vlan: '10.500' }), outerLink: 'eth1.10' },
    network('b', { ipv4: false, vlan: 7 }),
    network('c', { mode: 'vlan-bridge', parent: 'br0', uplink: 'eth2', vlan: 600 }),
  ];
  expect(await ofDhcp()).toHaveLength(2);
  expect(asked.map(({ parent, vlans }) => [parent, vlans[0]])).toEqual([
    ['eth1.10', 500],
    ['eth2', 600],
  ]);
});

it('the server of a lease is looked for by ARP if nobody offers', async () => {
  leased = ['a', 'a'];
  expect(await ofDhcp()).toEqual([expect.stringContaining('its pool is exhausted')]);
  expect(wearers).toEqual([`${lease().serverId} on br500`]);
});

it('a trunk that cannot be asked is told, and all else is judged', async () => {
  probing = () => Promise.reject(new PluginError('SOCKET_FAILED', 'eth1 is down'));
  const findings = await doctor().look(undefined);
  expect(findings.map(({ check }) => check)).toEqual([
    'nftables',
    'dhcp',
    'clock',
    'disk',
    'state',
  ]);
  expect(findings[1]?.text).toBe('no VLAN of eth1 could be asked: eth1 is down');
});

it('a firewall that cannot be read is told', async () => {
  forwarding = () => Promise.reject(new Error('reading nf_tables: EPERM'));
  expect((await doctor().look(undefined))[0]).toMatchObject({
    ...{ level: 'warn', check: 'nftables', mend: 'nft list ruleset' },
    text: 'it is not known whether a table of nftables drops bridged frames: reading nf_tables: EPERM',
  });
});

it('a segment is asked for IPv6 once for all its networks that have it', async () => {
  networks = [network('a', { ipv6: 'auto' }), network('b', { ipv6: 'dhcp' }), network('c')];
  const findings = await doctor().look(undefined);
  expect(findings.filter(({ check }) => check === 'ipv6').map(({ text }) => text)).toEqual([
    'VLAN 500 of eth1: no router advertises, so containers get no default route for IPv6',
    'VLAN 500 of eth1: no DHCPv6 server answers, and ipv6=dhcp needs one',
  ]);
  expect(surveyed).toEqual(['br500']);
});

it('a neighbour that answers the card is asked with the MAC whose start found no server', async () => {
  unanswered = mac('02:00:00:00:00:09');
  const terms = lease({ gateway: ip('10.50.0.1') });
  const answer = { ...{ vlan: 500, server: ip('10.60.0.1'), serverMac: mac('02:00:00:00:00:02') } };
  probing = () => Promise.resolve([{ ...answer, terms, roundTripMs: 1, askedVlan: undefined }]);
  const findings = (await doctor().look(undefined)).filter(({ check }) => check === 'macs');
  expect(findings.map(({ level, text }) => `${level} ${text}`)).toEqual([
    'warn VLAN 500 of eth1: 10.50.0.1 answers the MAC of eth1, and not 02:00:00:00:00:09 of a container: other MACs do not pass',
  ]);
  expect(wearers).toEqual(['10.50.0.1 on eth1.500']);
});
