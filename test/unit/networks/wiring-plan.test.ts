/**
 * The faults in the links of a network, and their repairs. The links are a table like the kernel's.
 */
import { describe, expect, it } from 'vitest';
import type { HostLink } from '../../../plugin/host.ts';
import { parseNetworkOptions } from '../../../plugin/options/options.ts';
import type { NetworkRecord } from '../../../plugin/state/records.ts';
import { planWiring } from '../../../plugin/networks/wiring/wiring-plan.ts';
import { chainTroubles } from '../../../plugin/state/link-chain.ts';
import type { Mac } from '../../../plugin/wire/address.ts';

const link = (name: string, index: number, parts: Partial<HostLink> = {}): HostLink => ({
  ...{ name, index, altNames: [], kind: undefined, mac: undefined, mtu: 1500, isUp: true },
  ...{ hasCarrier: true, master: undefined, lower: undefined, vlan: undefined, mark: undefined },
  ...parts,
});
const ETH1 = link('eth1', 2);
const VLAN = link('eth1.500', 3, {
  ...{ kind: 'vlan', lower: 2, master: 4, mark: 'vlan', vlan: { id: 500, protocol: '802.1Q' } },
});
const BRIDGE = link('br500', 4, { kind: 'bridge', mark: 'bridge' });
const PORT_MAC = 'fe:00:00:00:00:01' as Mac;
const PORT = link('vdh1', 5, { kind: 'veth', master: 4, mark: 'endpoint', mac: PORT_MAC });
const RIGHT = [ETH1, VLAN, BRIDGE, PORT];

const network: NetworkRecord = {
  id: 'n1',
  options: parseNetworkOptions({ parent: 'eth1', vlan: '500' }),
  internal: false,
  vlanLink: 'eth1.500',
  uplinkPort: true,
  mtu: 1500,
};
const ports = [{ endpointId: 'e1', hostEnd: 'vdh1', mac: PORT_MAC }];

/** The right links with a change of one of them. Undefined if that link is missing. */
const but = (name: string, parts: Partial<HostLink> | undefined): HostLink[] =>
  RIGHT.flatMap((one) =>
    one.name !== name ? [one] : parts === undefined ? [] : [{ ...one, ...parts }],
  );

const plan = (links: readonly HostLink[], more: Partial<NetworkRecord> = {}) => {
  const { repairs, troubles } = planWiring(links, [{ network: { ...network, ...more }, ports }]);
  return {
    repairs: repairs.map(({ type, link: of, seen }) => `${type} ${of}: ${seen}`),
    troubles: troubles.get('n1') ?? [],
  };
};

it('links as they should be want nothing', () => {
  expect(plan(RIGHT)).toEqual({ repairs: [], troubles: [] });
});

describe('what is ours is mended', () => {
  it.each<[string, HostLink[], string[]]>([
    [
      'VLAN link out of the bridge',
      but('eth1.500', { master: undefined }),
      ['links eth1.500: no port of br500'],
    ],
    [
      'VLAN link in another bridge',
      but('eth1.500', { master: 9 }),
      ['links eth1.500: no port of br500'],
    ],
    ['VLAN link down', but('eth1.500', { isUp: false }), ['links eth1.500: down']],
    ['VLAN link gone', but('eth1.500', undefined), ['links eth1.500: gone']],
    ['bridge down', but('br500', { isUp: false }), ['links br500: down']],
    ['bridge gone', but('br500', undefined), ['links br500: gone']],
    ['port out of the bridge', but('vdh1', { master: undefined }), ['port vdh1: no port of br500']],
    ['port of a bridge that is gone', but('vdh1', { master: 44 }), ['port vdh1: no port of br500']],
    ['port down', but('vdh1', { isUp: false }), ['port vdh1: down']],
    [
      'bridge under another name',
      but('br500', { name: 'brx' }),
      ['rename br500: it was called brx'],
    ],
    [
      'VLAN link under another name',
      but('eth1.500', { name: 'vx' }),
      ['rename eth1.500: it was called vx'],
    ],
    ['port under another name', but('vdh1', { name: 'px' }), ['rename vdh1: it was called px']],
    [
      'the MTU of the parent is larger',
      but('eth1', { mtu: 9000 }),
      [
        'vlan-mtu eth1.500: MTU 1500, and that of eth1 is 9000',
        'network-mtu br500: MTU 1500 for containers, and that of eth1.500 is 9000',
      ],
    ],
    [
      'the kernel has lowered the VLAN link with its parent',
      but('eth1.500', { mtu: 1400 }).map((one) =>
        one.name === 'eth1' ? { ...one, mtu: 1400 } : one,
      ),
      ['network-mtu br500: MTU 1500 for containers, and that of eth1.500 is 1400'],
    ],
  ])('%s', (_what, links, repairs) => {
    expect(plan(links).repairs).toEqual(repairs);
  });

  it('a port of another name keeps the rest from nothing', () => {
    const links = [ETH1, { ...VLAN, isUp: false }, BRIDGE, { ...PORT, name: 'px' }];
    expect(plan(links).repairs).toEqual(['links eth1.500: down']);
    const raised = [{ ...ETH1, mtu: 9000 }, VLAN, BRIDGE, { ...PORT, name: 'px' }];
    expect(plan(raised).repairs).toEqual([
      expect.stringContaining('vlan-mtu'),
      expect.stringContaining('network-mtu'),
      'rename vdh1: it was called px',
    ]);
  });

  it('the bridge of another network is not taken for one under another name', () => {
    const other = {
      ...network,
      ...{
        id: 'n2',
        vlanLink: 'eth1.600',
        options: { ...network.options, vlan: 600, bridge: 'br600' },
      },
    };
    const br600 = link('br600', 9, { kind: 'bridge', mark: 'bridge' });
    const links = [...but('br500', undefined), br600].map((one) =>
      one.name === 'eth1.500' ? { ...one, master: 9 } : one,
    );
    const wired = [
      { network, ports },
      { network: other, ports: [] },
    ];
    const found = planWiring(links, wired).repairs.filter(({ networkId }) => networkId === 'n1');
    expect(found.map(({ type, link: of, seen }) => [type, of, seen])).toEqual([
      ['links', 'br500', 'gone'],
    ]);
  });

  it('a parent that was renamed is known by what lies on it', () => {
    expect(plan(but('eth1', { name: 'lan0' }))).toEqual({
      repairs: [],
      troubles: [expect.stringContaining('eth1 is not there')],
    });
  });

  it('a parent that is typed by an alternative name is the same link', () => {
    const options = { ...network.options, parent: 'enp3s0' };
    expect(plan(but('eth1', { altNames: ['enp3s0'] }), { options })).toEqual({
      repairs: [],
      troubles: [],
    });
  });

  it('the MTU that an operator asked for stays, unless the parent has less', () => {
    const options = { ...network.options, mtu: 1400 };
    expect(plan(RIGHT, { options, mtu: 1400 }).repairs).toEqual([]);
    const low = but('eth1', { mtu: 1300 }).map((one) =>
      one.name === 'eth1.500' ? { ...one, mtu: 1300 } : one,
    );
    expect(plan(low, { options, mtu: 1400 }).repairs).toEqual([
      expect.stringContaining('network-mtu'),
    ]);
  });
});

describe('what is not ours is named, and left alone', () => {
  it.each<[string, HostLink[], string]>([
    [
      'the parent is down',
      but('eth1', { isUp: false, hasCarrier: false }),
      'parent link eth1 is down; bring it up with: ip link set eth1 up',
    ],
    [
      'the parent has no carrier',
      but('eth1', { hasCarrier: false }),
      'parent link eth1 has no carrier; look at its cable and its switch port',
    ],
    [
      'the parent is an uplink without a carrier',
      but('eth1', { hasCarrier: false, kind: 'vxlan' }),
      'parent link eth1 has no carrier; type: vlandhcp uplink status',
    ],
    [
      'an operator’s bridge is down',
      but('br500', { isUp: false, mark: undefined }),
      'bridge br500 is down; bring it up with: ip link set br500 up',
    ],
    [
      'an operator’s VLAN link is down',
      but('eth1.500', { isUp: false, mark: undefined }),
      'VLAN link eth1.500 is down; bring it up with: ip link set eth1.500 up',
    ],
  ])('%s', (_what, links, sentence) => {
    expect(plan(links, { uplinkPort: false })).toEqual({ repairs: [], troubles: [sentence] });
  });

  it('an operator’s bridge or VLAN link that is gone is made again by the operator', () => {
    expect(plan(but('br500', undefined), { theirs: ['bridge'] })).toEqual({
      repairs: [],
      troubles: ['bridge br500 is not there'],
    });
    expect(plan(but('eth1.500', undefined), { theirs: ['bridge', 'vlan-link'] })).toEqual({
      repairs: [],
      troubles: ['there is no link for VLAN 500 of eth1'],
    });
  });

  it('an operator’s bridge that is back gets what was attached to it', () => {
    const back = link('br500', 9, { kind: 'bridge' });
    const links = [...but('br500', undefined), back].map((one) =>
      one.master === 4 ? { ...one, master: undefined } : one,
    );
    expect(plan(links, { theirs: ['bridge'] }).repairs).toEqual([
      'links eth1.500: no port of br500',
    ]);
  });

  it('an operator’s VLAN link that an operator put into the bridge and took out', () => {
    const links = but('eth1.500', { master: undefined, mark: undefined });
    expect(plan(links, { uplinkPort: false })).toEqual({
      repairs: [],
      troubles: [
        'eth1.500 is not a port of bridge br500; make it one with: ip link set eth1.500 master br500',
      ],
    });
  });

  it('an untagged parent that was renamed, and another link with its name', () => {
    const links = [
      link('eth1', 8),
      link('lan1', 2, { master: 3 }),
      link('br-eth1', 3, { kind: 'bridge', mark: 'bridge' }),
    ];
    const chain = { parent: 'eth1', vlan: undefined, bridge: 'br-eth1' };
    expect(chainTroubles(links, chain)).toEqual([
      'bridge br-eth1 has port lan1 and not eth1; if lan1 was called eth1 before, give both their names back; else take it out with: ip link set lan1 nomaster',
    ]);
    const inHost = [
      link('vdh1', 2, { master: 3, kind: 'veth', mark: 'endpoint' }),
      link('dummy1', 2, { master: 3, kind: 'dummy' }),
    ];
    for (const port of inHost) {
      expect(chainTroubles([links[0]!, port, links[2]!], chain)).toEqual([
        'eth1 is not a port of bridge br-eth1; make it one with: ip link set eth1 master br-eth1',
      ]);
    }
  });

  it('a VLAN link of the same name that is another VLAN', () => {
    const links = but('eth1.500', { vlan: { id: 600, protocol: '802.1Q' } });
    expect(plan(links).repairs).toEqual(['links eth1.500: gone']); // the attempt gives the reason
    expect(chainTroubles(links, network.options)).toEqual([
      'there is no link for VLAN 500 of eth1',
    ]);
  });

  it('802.1ad is not 802.1Q', () => {
    const links = but('eth1.500', { vlan: { id: 500, protocol: 'other' } });
    expect(chainTroubles(links, network.options)).toEqual([
      'there is no link for VLAN 500 of eth1',
    ]);
  });

  it('a parent that is gone took the VLAN link along; the ports wait in their bridge', () => {
    const links = [BRIDGE, PORT];
    expect(plan(links)).toEqual({
      repairs: [],
      troubles: [expect.stringContaining('parent link eth1 is not there')],
    });
    expect(plan([PORT]).repairs).toEqual(['links br500: gone']);
  });

  it('an untagged network whose parent is another’s', () => {
    const options = parseNetworkOptions({ parent: 'eth1', bridge: 'br500' });
    const links = but('eth1', { master: undefined }).filter(({ name }) => name !== 'eth1.500');
    expect(plan(links, { options, vlanLink: undefined, uplinkPort: false }).repairs).toEqual([]);
    expect(plan(links, { options, vlanLink: undefined, uplinkPort: true }).repairs).toEqual([
      'links eth1: no port of br500',
    ]);
  });

  it('of a network of another driver it ends at the VLAN link', () => {
    expect(chainTroubles(but('br500', undefined), { parent: 'eth1', vlan: 500 })).toEqual([]);
  });

  it('nothing is concluded from a kernel that said nothing', () => {
    expect(chainTroubles([], network.options)).toEqual([]);
  });
});

describe('a network with two tags', () => {
  const OUTER = link('eth1.10ad', 6, {
    ...{ kind: 'vlan', lower: 2, mark: 'vlan', vlan: { id: 10, protocol: '802.1ad' } },
  });
  const INNER = link('eth1.10.500', 7, {
    ...{ kind: 'vlan', lower: 6, master: 8, mark: 'vlan', mtu: 1496 },
    vlan: { id: 500, protocol: '802.1Q' },
  });
  const BR = link('br10.500', 8, { kind: 'bridge', mark: 'bridge', mtu: 1496 });
  const stacked: NetworkRecord = {
    ...network,
    options: parseNetworkOptions({ parent: 'eth1', vlan: '10.500' }),
    ...{ vlanLink: 'eth1.10.500', outerLink: 'eth1.10ad', mtu: 1496 },
  };
  const macvlan = parseNetworkOptions({ parent: 'eth1', vlan: '10.500', mode: 'macvlan' });
  const planned = (links: readonly HostLink[], more: Partial<NetworkRecord> = {}) =>
    planWiring(links, [{ network: { ...stacked, ...more }, ports: [] }]).repairs.map(
      ({ type, link: of, seen }) => `${type} ${of}: ${seen}`,
    );
  // the 802.1Q VLAN of the same ids must not be taken for it
  const OTHERS = [
    link('eth1.10', 20, { kind: 'vlan', lower: 2, vlan: { id: 10, protocol: '802.1Q' } }),
    link('a', 21, { kind: 'vlan', lower: 20, vlan: { id: 500, protocol: '802.1Q' } }),
    VLAN,
  ];

  it.each<[string, HostLink[], string[]]>([
    ['as it should be', [...OTHERS, ETH1, OUTER, INNER, BR], []],
    ['outer link down', [ETH1, { ...OUTER, isUp: false }, INNER, BR], ['links eth1.10ad: down']],
    ['both links gone', [...OTHERS, ETH1, BR], ['links eth1.10.500: gone']],
    ['inner link gone', [...OTHERS, ETH1, OUTER, BR], ['links eth1.10.500: gone']],
    [
      'inner link no port',
      [ETH1, OUTER, { ...INNER, master: undefined }, BR],
      ['links eth1.10.500: no port of br10.500'],
    ],
    [
      'outer link under another name',
      [ETH1, { ...OUTER, name: 'x' }, INNER, BR],
      ['rename eth1.10ad: it was called x'],
    ],
    ['the parent renamed', [{ ...ETH1, name: 'lan1' }, OUTER, INNER, BR], []],
    [
      'a larger parent: outer first',
      [{ ...ETH1, mtu: 1600 }, OUTER, INNER, BR],
      [
        'vlan-mtu eth1.10ad: MTU 1500, and that of eth1 is 1600',
        'vlan-mtu eth1.10.500: MTU 1496, and that of eth1.10ad is 1500',
        'network-mtu br10.500: MTU 1496 for containers, and that of eth1.10.500 is 1596',
      ],
    ],
    [
      'an inner link without room for its tag',
      [ETH1, OUTER, { ...INNER, mtu: 1500 }, BR],
      ['vlan-mtu eth1.10.500: MTU 1500, and that of eth1.10ad is 1500'],
    ],
  ])('%s', (_what, links, repairs) => {
    expect(planned(links)).toEqual(repairs);
  });

  it('without a bridge is mended, too', () => {
    const record = { options: macvlan };
    const free = { ...INNER, master: undefined };
    expect(planned([ETH1, OUTER, free], record)).toEqual([]);
    expect(planned([ETH1], record)).toEqual(['links eth1.10.500: gone']);
    expect(planned([ETH1, { ...OUTER, isUp: false }, free], record)).toEqual([
      'links eth1.10ad: down',
    ]);
  });

  it('waits for an operator’s link of the outer tag', () => {
    expect(planned([ETH1, BR], { theirs: ['outer-link'] })).toEqual([]);
    const down = { ...OUTER, mark: undefined, isUp: false };
    expect(planned([ETH1, down, INNER, BR], { theirs: ['outer-link'] })).toEqual([]);
  });

  it('names the link that is down', () => {
    const links = [ETH1, { ...OUTER, isUp: false }, INNER, BR];
    expect(chainTroubles(links, stacked.options)).toEqual([
      'VLAN link eth1.10ad is down; bring it up with: ip link set eth1.10ad up',
    ]);
  });
});
