/**
 * Which kinds of links can be a parent, in each mode, with a tag and without. The others are
 * refused in one sentence, and nothing is left.
 */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ensureNetworkLinks } from '../../../plugin/net/links/links.ts';
import { removeNetworkLinks } from '../../../plugin/net/links/remove-links.ts';
import {
  addParent,
  enterSandbox,
  ip,
  linkSnapshot,
  type Sandbox,
} from '../../support/lab/netns.ts';
import { addTeam } from '../../support/lab/team-link.ts';

let sandbox: Sandbox;
beforeEach(() => {
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
});
afterEach(() => sandbox.dispose());

const MODES = ['bridge', 'macvlan', 'ipvlan'] as const;
const segmentsOf = (mode: (typeof MODES)[number]) =>
  [500, undefined].map((vlan) => ({
    ...{ parent: 'up0', vlan, mode, mtu: undefined },
    bridge: mode === 'bridge' ? 'br9' : undefined,
  }));

const up = (...commands: readonly string[]) => {
  for (const command of commands) ip(command);
  ip('link set dev up0 up');
};
const CARRYING: Readonly<Record<string, () => void>> = {
  bond: () =>
    up(
      'link add up0 type bond mode active-backup',
      'link set eth1 down',
      'link set eth1 master up0',
    ),
  team: () => addTeam('up0', ['eth1']),
  tap: () => up('tuntap add dev up0 mode tap'),
  vxlan: () => up('link add up0 type vxlan id 7 dstport 4789 local 127.0.0.1'),
  dummy: () => up('link add up0 type dummy'),
  'a VLAN link': () => up('link add link eth1 name up0 type vlan id 7'),
  'a macvlan link': () => up('link add link eth1 name up0 type macvlan mode bridge'),
};

describe.each(Object.entries(CARRYING))('%s', (_kind, add) => {
  test.each(MODES)('mode=%s', async (mode) => {
    add();
    const before = linkSnapshot();
    for (const segment of segmentsOf(mode)) {
      const { vlanLink } = await ensureNetworkLinks(segment);
      await removeNetworkLinks({ ...segment, vlanLink, uplinkPort: true });
      expect(linkSnapshot()).toEqual(before);
    }
  });
});

const WITHOUT_ETHERNET = {
  wireguard: 'link add up0 type wireguard',
  tun: 'tuntap add dev up0 mode tun',
};

describe.each(Object.entries(WITHOUT_ETHERNET))('%s', (kind, add) => {
  test.each(MODES)('mode=%s', async (mode) => {
    up(add);
    const before = linkSnapshot();
    for (const segment of segmentsOf(mode)) {
      await expect(ensureNetworkLinks(segment)).rejects.toMatchObject({
        code: 'PARENT_LINK_UNUSABLE',
        message: `parent link up0 is a ${kind} that carries no Ethernet frames, so it has neither VLANs nor DHCP; set -o parent= to a network card, bond, team, bridge or tap`,
      });
    }
    expect(linkSnapshot()).toEqual(before);
  });
});
