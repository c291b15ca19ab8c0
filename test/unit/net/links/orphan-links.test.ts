import { describe, expect, it } from 'vitest';
import type { Link } from '../../../../plugin/net/links/link-info.ts';
import {
  bridgeMark,
  ENDPOINT_MARK,
  hostMark,
  VLAN_MARK,
} from '../../../../plugin/net/links/link-names.ts';
import {
  orphanBridges,
  orphanHostLinks,
  orphanVlanLinks,
} from '../../../../plugin/net/links/orphan-links.ts';

const link = (parts: Partial<Link> & Pick<Link, 'name'>): Link => ({
  index: 1,
  mac: undefined,
  mtu: 1500,
  isUp: true,
  hasNoCarrier: false,
  isLoopback: false,
  kind: undefined,
  master: undefined,
  lower: undefined,
  alias: undefined,
  vlan: undefined,
  bridge: undefined,
  ...parts,
});
const bridge = link({ name: 'br500', kind: 'bridge', alias: bridgeMark('eth1.500') });
const vlan = link({ name: 'eth1.500', kind: 'vlan', lower: 'eth1', alias: VLAN_MARK });
const port = { ...vlan, master: 'br500' };

describe('a bridge of ours that no network has', () => {
  it.each<[string, readonly Link[]]>([
    ['alone', [bridge]],
    ['with its VLAN link', [bridge, port]],
    [
      'with the untagged parent',
      [{ ...bridge, alias: bridgeMark('eth2') }, link({ name: 'eth2', master: 'br500' })],
    ],
  ])('%s: it goes', (_what, links) => {
    expect(orphanBridges(links, [])).toEqual(['br500']);
  });

  it.each<[string, readonly Link[]]>([
    ['with a port of somebody else', [bridge, port, link({ name: 'tap0', master: 'br500' })]],
    [
      'with a container',
      [bridge, port, link({ name: 'vdh0', kind: 'veth', master: 'br500', alias: ENDPOINT_MARK })],
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

  it.each<[string, readonly Link[], readonly string[]]>([
    ['in a bridge', [port], []],
    ['under another link', [vlan, link({ name: 'macvlan0', lower: 'eth1.500' })], []],
    ['without our mark', [{ ...vlan, alias: undefined }], []],
    ['that a network has', [vlan], ['eth1.500']],
  ])('%s: it stays', (_what, links, known) => {
    expect(orphanVlanLinks(links, known)).toEqual([]);
  });
});

describe("the host's own link to containers", () => {
  const own = link({ name: 'vdhost0', kind: 'macvlan', alias: hostMark('vdhost0') });

  it('goes when no network has it, whatever its name is by now', () => {
    expect(orphanHostLinks([own, { ...own, name: 'renamed' }], [])).toEqual(['vdhost0', 'renamed']);
  });

  it.each<[string, Link, readonly string[]]>([
    ['that a network has', own, ['vdhost0']],
    ['without our mark', { ...own, alias: undefined }, []],
    ['of a container', { ...own, alias: `${ENDPOINT_MARK} vdc0` }, []],
  ])('%s: it stays', (_what, one, known) => {
    expect(orphanHostLinks([one], known)).toEqual([]);
  });
});
