/**
 * An operator's bridge that filters VLANs, as the ground of a network. Containers are its ports.
 * The host speaks on the VLAN by a VLAN link on top of the bridge. For that the bridge itself and
 * its port to the trunk must be members of the VLAN. Nothing else of the bridge is changed.
 */
import { PluginError } from '../../vocabulary/errors.ts';
import { isInRanges, type Segment } from '../../vocabulary/vlan-tags.ts';
import { UndoList } from '../../undo.ts';
import { protectLinks } from '../guard/protection.ts';
import { ipBatch } from '../ip.ts';
import { addVlanMember, notFiltering, removeVlanMember } from '../netlink/bridge-vlans.ts';
import { findLinkEntry, readBridgeVlans } from '../netlink/rtnetlink.ts';
import type { VlanMember } from '../netlink/vlan-messages.ts';
import { warningsAbout, type NetworkLinkSpec } from './link-checks.ts';
import type { NetworkLinks, SegmentGround } from './lower-link.ts';
import { makeVlanLink } from './vlan-link.ts';

/** @throws PluginError LINK_CONFLICT, PARENT_LINK_UNUSABLE, VLAN_UNSUPPORTED, IP_COMMAND_FAILED. */
export async function joinVlanBridge(
  spec: NetworkLinkSpec,
  { parent, uplink: existing, name, owner, mtu }: SegmentGround,
): Promise<NetworkLinks> {
  const bridge = parent.name;
  const wanted = await membersOf({ ...spec, parent: bridge });
  const warnings = warningsAbout(parent, parent);
  if (spec.uplink === undefined) warnings.push(noUplink(bridge, spec));
  const undo = new UndoList();
  try {
    if (existing === undefined) warnings.push(...(await makeVlanLink(spec, parent, name, undo)));
    if (owner === 'ours') {
      warnings.push(...(await protectLinks([{ link: name, as: 'closed' }])));
      await ipBatch([`link set dev ${name} up`]);
    }
    const added: string[] = [];
    for (const member of wanted) {
      if (member.isAlready) continue;
      await addVlanMember(member);
      undo.add(() => removeVlanMember(member));
      added.push(member.name);
    }
    return {
      vlanLink: name,
      bridge: undefined,
      mtu,
      created: { vlanLink: existing === undefined, bridge: false, uplinkPort: false },
      vlanMembers: added,
      theirs: owner === 'theirs' ? ['vlan-link'] : [],
      warnings,
    };
  } catch (error) {
    throw await undo.run(error);
  }
}

/**
 * Lets a VLAN link on top of the bridge have frames, if the parent is a bridge that filters VLANs.
 * @returns what was added. Undefined if nothing had to be. @throws SystemCallError
 */
export async function joinItself(
  { parent, vlan }: Segment,
  undo: UndoList,
): Promise<VlanMember | undefined> {
  const bridge = await findLinkEntry(parent);
  if (bridge?.vlanFilter === undefined || typeof vlan !== 'number') return undefined;
  const { index } = bridge;
  if (isInRanges((await readBridgeVlans()).get(index), vlan)) return undefined;
  const member = { index, vlan, self: true };
  await addVlanMember(member);
  undo.add(() => removeVlanMember(member));
  return member;
}

/** Takes from the VLAN those links that we added. A link that is gone is no error. */
export async function leaveVlanBridge({
  parent,
  vlan,
  vlanMembers = [],
}: Segment & { readonly vlanMembers?: readonly string[] }): Promise<void> {
  if (typeof vlan !== 'number') return;
  for (const name of vlanMembers) {
    const link = await findLinkEntry(name);
    if (link === undefined) continue;
    await removeVlanMember({ index: link.index, vlan, self: name === parent });
  }
}

interface Wanted extends VlanMember {
  readonly name: string;
  readonly isAlready: boolean;
}

/** The bridge itself and its uplink. */
async function membersOf(spec: NetworkLinkSpec): Promise<readonly Wanted[]> {
  const { parent, vlan, uplink } = spec;
  if (typeof vlan !== 'number') throw new Error('a VLAN of a bridge has one tag');
  const bridge = await findLinkEntry(parent);
  if (bridge?.vlanFilter === undefined) {
    throw new PluginError('LINK_CONFLICT', notFiltering(parent));
  }
  const port = uplink === undefined ? undefined : await findLinkEntry(uplink);
  if (uplink !== undefined && port?.master !== bridge.index) {
    throw new PluginError('PARENT_LINK_UNUSABLE', notItsPort(uplink, parent));
  }
  const vlans = await readBridgeVlans();
  return [bridge, port]
    .filter((link) => link !== undefined)
    .map(({ name, index }) => {
      const isAlready = isInRanges(vlans.get(index), vlan);
      return { name, index, vlan, self: index === bridge.index, isAlready };
    });
}

function notItsPort(uplink: string, bridge: string): string {
  return `${uplink} is not a port of bridge ${bridge}; make it one with: ip link set ${uplink} master ${bridge}`;
}

function noUplink(bridge: string, { vlan }: Segment): string {
  return `bridge ${bridge} has not exactly one port that leads out of this host, so see to it yourself that the right one carries VLAN ${String(vlan)}: bridge vlan add dev PORT vid ${String(vlan)}; or name it with -o parent=PORT`;
}
