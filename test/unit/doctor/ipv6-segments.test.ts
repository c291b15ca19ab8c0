/** What the doctor says of the routers and DHCPv6 servers of a segment. */
import { expect, it } from 'vitest';
import { judgeIpv6, type Ipv6SegmentFacts } from '../../../plugin/doctor/ipv6-segments.ts';
import type { RouterFact, Server6Fact } from '../../../plugin/leasing/survey/ipv6-survey.ts';
import { parseIpv6 } from '../../../plugin/wire/address6.ts';
import { mac } from '../../support/frames/messages.ts';

const address = (text: string) => parseIpv6(text)!;
const router = (parts: Partial<RouterFact> = {}): RouterFact => ({
  ...{ address: address('fe80::1'), mac: mac('02:00:00:00:00:01') },
  ...{ isDefault: true, isManaged: false, prefixes: ['2001:db8::/64'] },
  ...parts,
});
const server = (parts: Partial<Server6Fact> = {}): Server6Fact => ({
  ...{ address: address('fe80::1'), mac: mac('02:00:00:00:00:01'), hasAddress: true },
  ...parts,
});
const OTHER = { address: address('fe80::2'), mac: mac('02:00:00:00:00:02') };

function said(
  modes: Ipv6SegmentFacts['modes'],
  routers: readonly RouterFact[],
  servers: readonly Server6Fact[] = [],
): readonly string[] {
  const options = { parent: 'eth1', vlan: 500 };
  const findings = judgeIpv6([{ options, modes, link: 'br500', survey: { routers, servers } }]);
  expect(findings.filter(({ level, mend }) => (level === 'ok') !== (mend === undefined))).toEqual([]); // prettier-ignore
  return findings.map(({ level, text }) => `${level} ${text.replace('VLAN 500 of eth1: ', '')}`);
}

it.each<[string, readonly string[], readonly string[]]>([
  ['a router with a prefix', said(['auto'], [router()]), ['ok router fe80::1 tells 2001:db8::/64']],
  [
    'a router and a DHCPv6 server',
    said(['dhcp'], [router({ isManaged: true, prefixes: [] })], [server()]),
    ['ok router fe80::1 tells no prefix; DHCPv6 server fe80::1 offers an address'],
  ],
  [
    'two routers that tell the same',
    said(['slaac'], [router(), router(OTHER)]),
    ['ok router fe80::1 tells 2001:db8::/64; router fe80::2 tells 2001:db8::/64'],
  ],
  [
    'two routers with different prefixes',
    said(['slaac'], [router(), router({ ...OTHER, prefixes: ['2001:db8:6::/64'] })]),
    [
      'warn 2 routers tell different things: fe80::1 (02:00:00:00:00:01) 2001:db8::/64, and fe80::2 (02:00:00:00:00:02) 2001:db8:6::/64',
    ],
  ],
  [
    'a second router that leads nowhere counts for nothing',
    said(['slaac'], [router(), router({ ...OTHER, isDefault: false, prefixes: [] })]),
    ['ok router fe80::1 tells 2001:db8::/64; router fe80::2 tells no prefix'],
  ],
  [
    'two routers, of which one wants DHCPv6',
    said(['slaac'], [router(), router({ ...OTHER, isManaged: true })]),
    [
      'warn 2 routers tell different things: fe80::1 (02:00:00:00:00:01) 2001:db8::/64, and fe80::2 (02:00:00:00:00:02) 2001:db8::/64 with flag M',
    ],
  ],
  [
    'no router, and addresses are to come from one',
    said(['slaac'], []),
    ['fail no router advertises, so containers get no default route for IPv6'],
  ],
  [
    'no router, and a DHCPv6 server',
    said(['dhcp'], [], [server()]),
    ['warn no router advertises, so containers get no default route for IPv6'],
  ],
  [
    'a router that is no default router',
    said(['auto'], [router({ isDefault: false })]),
    ['warn router fe80::1 says that it is no default router'],
  ],
  [
    'a router without a prefix',
    said(['slaac'], [router({ prefixes: [] })]),
    ['fail router fe80::1 tells no prefix of which containers may make an address (flag A)'],
  ],
  [
    'no DHCPv6 server, and the network needs one',
    said(['dhcp'], [router()]),
    ['fail no DHCPv6 server answers, and ipv6=dhcp needs one'],
  ],
  [
    'no DHCPv6 server, and the router tells of one',
    said(['auto'], [router({ isManaged: true })]),
    ['fail no DHCPv6 server answers, and router fe80::1 tells hosts to ask one (flag M)'],
  ],
  [
    'no DHCPv6 server, and nobody wants one',
    said(['slaac'], [router({ isManaged: true })]),
    ['ok router fe80::1 tells 2001:db8::/64'],
  ],
  [
    'a DHCPv6 server without a free address',
    said(['dhcp'], [router()], [server({ hasAddress: false })]),
    [
      'warn DHCPv6 server fe80::1 (02:00:00:00:00:01) offers no address, and ipv6=dhcp needs one: its pool is exhausted, or it serves known clients only',
    ],
  ],
  [
    'two DHCPv6 servers',
    said(['dhcp'], [router()], [server(), server(OTHER)]),
    [
      'warn 2 DHCPv6 servers offer addresses: fe80::1 (02:00:00:00:00:01) and fe80::2 (02:00:00:00:00:02)',
    ],
  ],
  [
    'a second DHCPv6 server that only tells DNS servers',
    said(['dhcp'], [router()], [server(), server({ ...OTHER, hasAddress: false })]),
    ['ok router fe80::1 tells 2001:db8::/64; DHCPv6 server fe80::1 offers an address'],
  ],
])('%s', (_, seen, expected) => expect(seen).toEqual(expected));

it('a segment that could not be asked', () => {
  const options = { parent: 'eth1', vlan: 500 };
  const survey = 'there is no link br500';
  expect(judgeIpv6([{ options, modes: ['auto'], link: 'br500', survey }])).toEqual([
    {
      ...{ check: 'ipv6', subject: 'VLAN 500 of eth1', level: 'warn' },
      text: 'VLAN 500 of eth1: routers and DHCPv6 servers could not be asked: there is no link br500',
      mend: 'ip -d link show br500',
    },
  ]);
});
