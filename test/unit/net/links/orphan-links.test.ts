import { describe, expect, it } from 'vitest';
import {
  bridgeMark,
  ENDPOINT_MARK,
  hostMark,
  VLAN_MARK,
} from '../../../../plugin/net/links/link-names.ts';
import type { MarkedTableLink } from '../../../../plugin/net/netlink/rtnetlink.ts';
import { kindOfMark } from '../../../../plugin/net/links/link-names.ts';
import {
  orphanBridges,
  orphanHostLinks,
  orphanVlanLinks,
} from '../../../../plugin/net/links/orphan-links.ts';

const link = (
  parts: Partial<MarkedTableLink> & Pick<MarkedTableLink, 'name' | 'index'>,
): MarkedTableLink => ({
  altNames: [],
  mac: undefined,
  mtu: 1500,
  isUp: true,
  hasCarrier: true,
  kind: undefined,
  master: undefined,
  lower: undefined,
  alias: undefined,
  vlan: undefined,
  mark: kindOfMark(parts.alias),
  ...parts,
});
const [ETH1, BRIDGE, VLAN, OTHER] = [1, 2, 3, 4] as const;
const bridge = link({
  name: 'br500',
  index: BRIDGE,
  kind: 'bridge',
  alias: bridgeMark('eth1.500'),
});
const vlan = link({ name: 'eth1.500', index: VLAN, kind: 'vlan', lower: ETH1, alias: VLAN_MARK });
const port = { ...vlan, master: BRIDGE };

describe('a bridge of ours that no network has', () => {
  it.each<[string, readonly MarkedTableLink[]]>([
    ['alone', [bridge]],
    ['with its VLAN link', [bridge, port]],
    [
      'with the untagged parent',
      [
        { ...bridge, alias: bridgeMark('eth2') },
        link({ name: 'eth2', index: OTHER, master: BRIDGE }),
      ],
    ],
  ])('%s: it goes', (_what, links) => {
    expect(orphanBridges(links, [])).toEqual(['br500']);
  });

  it.each<[string, readonly MarkedTableLink[]]>([
    [
      'with a port of somebody else',
      [bridge, port, link({ name: 'tap0', index: OTHER, master: BRIDGE })],
    ],
    [
      'with a container',
      [
        bridge,
        port,
        link({ name: 'vdh0', index: OTHER, kind: 'veth', master: BRIDGE, alias: ENDPOINT_MARK }),
      ],
    ],
    ['without our mark', [{ ...bridge, alias: undefined }, port]],
    ['that only has a similar alias', [{ ...bridge, alias: 'vlandhcp-old bridge' }]],
  ])('%s: it stays', (_what, links) => {
    expect(orphanBridges(links, [])).toEqual([]);
  });

  it('stays if a network has it', () => {
    expect(orphanBridges([bridge, port], ['br500', 'eth1.500'])).toEqual([]);
  });
});

describe('a VLAN link of ours that no network has', () => {
  it('goes when nothing uses it', () => {
    expect(orphanVlanLinks([vlan], [])).toEqual(['eth1.500']);
  });

  it.each<[string, readonly MarkedTableLink[], readonly string[]]>([
    ['in a bridge', [port], []],
    ['under another link', [vlan, link({ name: 'macvlan0', index: OTHER, lower: VLAN })], []],
    ['without our mark', [{ ...vlan, alias: undefined }], []],
    ['that a network has', [vlan], ['eth1.500']],
  ])('%s: it stays', (_what, links, known) => {
    expect(orphanVlanLinks(links, known)).toEqual([]);
  });
});

describe("the host's own link to containers", () => {
  const own = link({ name: 'vdhost0', index: OTHER, kind: 'macvlan', alias: hostMark('vdhost0') });

  it('goes when no network has it, whatever its name is by now', () => {
    expect(orphanHostLinks([own, { ...own, name: 'renamed' }], [])).toEqual(['vdhost0', 'renamed']);
  });

  it.each<[string, MarkedTableLink, readonly string[]]>([
    ['that a network has', own, ['vdhost0']],
    ['without our mark', { ...own, alias: undefined }, []],
    ['of a container', { ...own, alias: `${ENDPOINT_MARK} vdc0` }, []],
  ])('%s: it stays', (_what, one, known) => {
    expect(orphanHostLinks([one], known)).toEqual([]);
  });
});
