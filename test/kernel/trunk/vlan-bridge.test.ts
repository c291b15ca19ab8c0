/** Networks on an operator's bridge that filters VLANs: its VLANs, its ports, and what passes. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { attachPort, ensureVethPort } from '../../../plugin/net/endpoints/veth-port.ts';
import { linuxHost } from '../../../plugin/net/host.ts';
import { readLink } from '../../../plugin/net/links/link-info.ts';
import { JOINED_MARK } from '../../../plugin/net/links/link-names.ts';
import { ensureNetworkLinks } from '../../../plugin/net/links/links.ts';
import { removeOrphanLinks } from '../../../plugin/net/links/orphan-links.ts';
import { removeNetworkLinks } from '../../../plugin/net/links/remove-links.ts';
import { readLinkTable } from '../../../plugin/net/netlink/rtnetlink.ts';
import { withSegmentLink } from '../../../plugin/net/segment-link.ts';
import { onVlanBridge } from '../../../plugin/networks/vlan-bridge.ts';
import { parseNetworkOptions } from '../../../plugin/options/options.ts';
import { macToBytes, parseMac } from '../../../plugin/wire/address.ts';
import { closeTaps, frame, q, tap } from '../../support/frames/marked-frames.ts';
import { addParent, enterSandbox, ip, linkSnapshot, run, until } from '../../support/lab/netns.ts';
import type { Sandbox } from '../../support/lab/netns.ts';

let sandbox: Sandbox;

const SPEC = {
  parent: 'br0',
  vlan: 500,
  mode: 'vlan-bridge',
  bridge: undefined,
  uplink: 'eth1',
  mtu: undefined,
} as const;
const MAC = parseMac('02:00:00:00:00:51')!;
const PORT = {
  ...{ hostEnd: 'vdhone', containerEnd: 'vdcone', mac: MAC, mtu: 1500, bridge: 'br0', vlan: 500 },
  rules: { mode: 'mac', mac: MAC, addresses: [], leases: false, noServer: false },
} as const;

beforeEach(() => {
  sandbox = enterSandbox();
  addParent('eth1', 'port1');
  ip('link add name br0 type bridge vlan_filtering 1');
  ip('link set dev br0 up');
  ip('link set dev eth1 master br0');
});

afterEach(() => {
  closeTaps();
  sandbox.dispose();
});

function remove(vlanMembers: readonly string[] = []): Promise<readonly string[]> {
  const { parent, vlan } = SPEC;
  return removeNetworkLinks({ parent, vlan, vlanLink: 'br0.500', bridge: undefined, vlanMembers });
}

const bridge = (command: string) => run('bridge', command.split(' '));

/** What `bridge vlan` says of one port, without its name. */
const vlansOf = (port: string) =>
  run('bridge', ['vlan', 'show', 'dev', port])
    .split('\n')
    .slice(1)
    .join(' ')
    .replace(port, '')
    .trim()
    .replace(/\s+/g, ' ');

/** The VLANs as `bridge` prints them, one line for each link and VLAN. */
const vlans = () => run('bridge', ['-o', 'vlan', 'show']);

describe('the bridge of the operator', () => {
  test('carries the VLAN where it did not, and is as before when the network is gone', async () => {
    const [before, vlansBefore] = [linkSnapshot(), vlans()];
    const made = await ensureNetworkLinks(SPEC);
    expect(made).toMatchObject({
      ...{ vlanLink: 'br0.500', bridge: undefined, vlanMembers: ['br0', 'eth1'] },
      ...{ theirs: [], warnings: [] },
    });
    expect(await readLink('br0.500')).toMatchObject({ lower: 'br0', isUp: true });
    expect((await ensureNetworkLinks(SPEC)).vlanMembers).toEqual([]);
    await remove(made.vlanMembers);
    expect(linkSnapshot()).toEqual(before);
    expect(vlans()).toBe(vlansBefore);
  });

  test('keeps what the operator made a member himself', async () => {
    bridge('vlan add dev eth1 vid 2-4094');
    const before = vlans();
    const made = await ensureNetworkLinks(SPEC);
    expect(made.vlanMembers).toEqual(['br0']);
    await remove(made.vlanMembers);
    expect(vlans()).toBe(before);
  });

  test('is refused if it filters no VLANs, or has another uplink, and nothing is left', async () => {
    const before = linkSnapshot();
    await expect(ensureNetworkLinks({ ...SPEC, uplink: 'port1' })).rejects.toMatchObject({
      ...{ code: 'PARENT_LINK_UNUSABLE' },
      message: 'port1 is not a port of bridge br0; make it one with: ip link set port1 master br0',
    });
    expect(linkSnapshot()).toEqual(before);
    ip('link set dev br0 type bridge vlan_filtering 0');
    await expect(ensureNetworkLinks(SPEC)).rejects.toThrow('does not filter VLANs any more');
    expect(vlans()).not.toContain('500');
  });

  test('lends its VLAN to a link for the moment, and takes it back', async () => {
    const before = [linkSnapshot(), vlans()];
    const seen = await withSegmentLink({ parent: 'br0', vlan: 500 }, (name) =>
      Promise.resolve([name, vlansOf('br0')]),
    );
    expect(seen).toEqual(['br0.500', expect.stringContaining('500')]);
    expect([linkSnapshot(), vlans()]).toEqual(before);
  });

  test('gets back what it lent when the plugin was killed meanwhile, at the next start', async () => {
    const before = [linkSnapshot(), vlans()];
    await withSegmentLink({ parent: 'br0', vlan: 500 }, async (name) => {
      expect(await readLink(name)).toMatchObject({ alias: JOINED_MARK });
      expect(await removeOrphanLinks([])).toEqual([name]);
      expect([linkSnapshot(), vlans()]).toEqual(before);
    });
    // Killed in the moment before it lent the VLAN, and in that after it got it back.
    ip('link add link br0 name br0.500 type vlan id 500');
    run('ip', ['link', 'set', 'dev', 'br0.500', 'alias', JOINED_MARK]);
    expect(await removeOrphanLinks([])).toEqual(['br0.500']);
    expect([linkSnapshot(), vlans()]).toEqual(before);
  });

  test('keeps in the VLAN what somebody took into use meanwhile', async () => {
    const elsewhere = sandbox.addNamespace();
    await withSegmentLink({ parent: 'br0', vlan: 500 }, async (name) => {
      ip(`link add link ${name} name upper type macvlan mode bridge`);
      ip(`link set dev upper netns ${elsewhere.name}`);
      return Promise.resolve();
    });
    expect(await readLink('br0.500')).toMatchObject({ alias: undefined, isUp: true });
    expect(vlansOf('br0')).toContain('500');
  });

  test('is refused where a VLAN link of the uplink takes the frames first', async () => {
    ip('link add link eth1 name lan500 type vlan id 500');
    await expect(ensureNetworkLinks(SPEC)).rejects.toThrow(
      'link lan500 takes the frames of VLAN 500 of eth1 before bridge br0 can',
    );
  });

  test('keeps its VLAN where somebody else uses the VLAN link', async () => {
    const { vlanMembers } = await ensureNetworkLinks(SPEC);
    ip('addr add 192.0.2.1/24 dev br0.500');
    await remove(vlanMembers);
    expect(vlansOf('br0')).toContain('500');
  });

  test('leaves a port alone that is in another bridge by now', async () => {
    const { vlanMembers } = await ensureNetworkLinks(SPEC);
    ip('link add name br1 type bridge vlan_filtering 1');
    ip('link set dev eth1 master br1');
    bridge('vlan add dev eth1 vid 500');
    await remove(vlanMembers);
    expect(vlansOf('eth1')).toContain('500');
  });

  test('is recognised by what the kernel says of it', async () => {
    const typed = parseNetworkOptions({ parent: 'eth1', vlan: '500', bridge: 'br0' });
    const links = await readLinkTable();
    const wanted = { parent: 'br0', mode: 'vlan-bridge', bridge: undefined, uplink: 'eth1' };
    expect(onVlanBridge(typed, links)).toMatchObject(wanted);
    // A veth may lead to a container, so the bridge alone does not say which port is the uplink.
    const itself = onVlanBridge({ ...typed, parent: 'br0' }, links);
    expect(itself).toMatchObject({ ...wanted, uplink: undefined });
    ip('link set dev br0 type bridge vlan_filtering 0');
    expect(onVlanBridge(typed, await readLinkTable())).toEqual(typed);
  });
});

describe('the port of a container', () => {
  beforeEach(async () => {
    await ensureNetworkLinks(SPEC);
  });

  test('is in its VLAN only, and again after it had left the bridge', async () => {
    await ensureVethPort(PORT);
    const right = '500 PVID Egress Untagged';
    expect(vlansOf('vdhone')).toBe(right);
    await ensureVethPort(PORT); // the pair is kept
    expect(vlansOf('vdhone')).toBe(right);
    ip('link set dev vdhone nomaster');
    expect(await attachPort(PORT)).toEqual([]);
    expect(vlansOf('vdhone')).toBe(right);
    expect(await readLink('vdhone')).toMatchObject({ master: 'br0', isUp: true });
  });

  test('may be in the default VLAN of the bridge, once that has its tag on the trunk', async () => {
    await expect(ensureNetworkLinks({ ...SPEC, vlan: 1 })).rejects.toThrow(
      'VLAN 1 has no tag at br0, so it is not VLAN 1 of the trunk; give it its tag there with: bridge vlan add dev br0 vid 1 self',
    );
    bridge('vlan add dev br0 vid 1 self');
    bridge('vlan add dev eth1 vid 1');
    await ensureNetworkLinks({ ...SPEC, vlan: 1 });
    await ensureVethPort({ ...PORT, vlan: 1 });
    expect(vlansOf('vdhone')).toBe('1 PVID Egress Untagged');
  });

  test('is put out of all other VLANs', async () => {
    await ensureVethPort(PORT);
    bridge('vlan add dev vdhone vid 2-600');
    bridge('vlan add dev vdhone vid 4000');
    expect(await attachPort(PORT)).toEqual([]);
    expect(vlansOf('vdhone')).toBe('500 PVID Egress Untagged');
  });

  test('sends and gets the frames of its VLAN and no others', async () => {
    await ensureVethPort(PORT);
    ip('link add link port1 name far500 type vlan id 500');
    ip('link set dev far500 up');
    const [trunk, far, one] = [tap('port1'), tap('far500'), tap('vdcone')];
    const speaker = tap('br0.500');
    await until('the frame of VLAN 500 gets in', () => {
      trunk.send(frame(1, { tags: q(500) }));
      trunk.send(frame(2, { tags: q(501) }));
      trunk.send(frame(3));
      return one.seen.length > 3;
    });
    expect(new Set(one.seen)).toEqual(new Set([1]));
    // The host speaks on the VLAN by its own link, and hears what is broadcast there.
    expect(new Set(speaker.seen)).toEqual(new Set([1]));
    const mine = frame(21);
    mine.set(macToBytes(MAC), 6);
    const tagged = frame(22, { tags: q(501) });
    tagged.set(macToBytes(MAC), 6);
    await until('the frame of the container gets out', () => {
      one.send(tagged);
      one.send(mine);
      return far.seen.includes(21);
    });
    expect(far.seen).not.toContain(22);
    await until('the frame of the host gets out and to the container', () => {
      speaker.send(frame(23));
      return far.seen.includes(23) && one.seen.includes(23);
    });
  });
});

test('a change of the VLANs of a port is reported', async () => {
  const ports: number[] = [];
  const events = linuxHost.watchLinks({
    onLink: () => undefined,
    onPort: (index) => ports.push(index),
    onFilterGone: () => undefined,
    onLost: () => undefined,
  });
  const eth1 = (await readLink('eth1'))!.index;
  try {
    bridge('vlan add dev eth1 vid 7');
    await until('the addition is reported', () => ports.includes(eth1));
    ports.length = 0;
    bridge('vlan del dev eth1 vid 7');
    await until('the removal is reported', () => ports.includes(eth1));
  } finally {
    events.close();
  }
});
