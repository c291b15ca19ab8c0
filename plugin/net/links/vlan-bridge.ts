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
import { findLinkEntry, readBridgeVlans, readLinkTable } from '../netlink/rtnetlink.ts';
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
  if (isInRanges((await readBridgeVlans()).get(index)?.vlans, vlan)) return undefined;
  const member = { index, vlan, self: true };
  await addVlanMember(member);
  undo.add(() => removeVlanMember(member));
  return member;
}

/**
 * Takes from the VLAN those links that we added. A link that is gone, or that is no port of the
 * bridge any more, is left alone.
 */
export async function leaveVlanBridge({
  parent,
  vlan,
  vlanMembers = [],
}: Segment & { readonly vlanMembers?: readonly string[] | undefined }): Promise<void> {
  if (typeof vlan !== 'number' || vlanMembers.length === 0) return;
  const bridge = await findLinkEntry(parent);
  if (bridge === undefined) return;
  for (const name of vlanMembers) {
    const link = await findLinkEntry(name);
    const self = link?.index === bridge.index;
    if (link === undefined || !(self || link.master === bridge.index)) continue;
    await removeVlanMember({ index: link.index, vlan, self });
  }
}

interface Wanted extends VlanMember {
  readonly name: string;
  readonly isAlready: boolean;
}

/** The bridge itself, its uplink, and those that were added before and are still its ports. */
async function membersOf(spec: NetworkLinkSpec): Promise<readonly Wanted[]> {
  const { parent, vlan, uplink, vlanMembers = [] } = spec;
  if (typeof vlan !== 'number') throw new Error('a VLAN of a bridge has one tag');
  const links = await readLinkTable();
  const named = (name: string) => links.find((link) => link.name === name);
  const bridge = named(parent);
  if (bridge?.vlanFilter === undefined) {
    throw new PluginError('LINK_CONFLICT', notFiltering(parent));
  }
  const port = uplink === undefined ? undefined : named(uplink);
  if (uplink !== undefined && port?.master !== bridge.index) {
    throw new PluginError('PARENT_LINK_UNUSABLE', notItsPort(uplink, parent));
  }
  const thief = port && links.find((link) => link.lower === port.index && link.vlan?.id === vlan);
  if (port !== undefined && thief?.vlan?.protocol === '802.1Q') {
    throw new PluginError('LINK_CONFLICT', takesFirst(thief.name, port.name, vlan, parent));
  }
  const added = vlanMembers.map(named).filter((link) => link?.master === bridge.index);
  const wanted = new Set([bridge, port, ...added].filter((link) => link !== undefined));
  const vlans = await readBridgeVlans();
  return [...wanted].map(({ name, index }) => {
    if (isInRanges(vlans.get(index)?.untagged, vlan)) {
      throw new PluginError('LINK_CONFLICT', leavesUntagged(name, vlan, index === bridge.index));
    }
    const isAlready = isInRanges(vlans.get(index)?.vlans, vlan);
    return { name, index, vlan, self: index === bridge.index, isAlready };
  });
}

function takesFirst(link: string, port: string, vlan: number, bridge: string): string {
  return `link ${link} takes the frames of VLAN ${vlan} of ${port} before bridge ${bridge} can; remove it with: ip link del ${link}, or use it without bridge=`;
}

function leavesUntagged(link: string, vlan: number, self: boolean): string {
  return `VLAN ${vlan} has no tag at ${link}, so it is not VLAN ${vlan} of the trunk; give it its tag there with: bridge vlan add dev ${link} vid ${vlan}${self ? ' self' : ''}, or leave out vlan=`;
}

function notItsPort(uplink: string, bridge: string): string {
  return `${uplink} is not a port of bridge ${bridge}; make it one with: ip link set ${uplink} master ${bridge}`;
}

function noUplink(bridge: string, { vlan }: Segment): string {
  return `bridge ${bridge} has not exactly one port that leads out of this host, so see to it yourself that the right one carries VLAN ${String(vlan)}: bridge vlan add dev PORT vid ${String(vlan)}; or name it with -o parent=PORT`;
}
