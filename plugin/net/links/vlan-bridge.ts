/**
 * An operator's bridge that filters VLANs, as the ground of a network. Containers are its ports.
 * The host speaks on the VLAN by a VLAN link on top of the bridge. For that the bridge itself and
 * its port to the trunk must be members of the VLAN. Nothing else of the bridge is changed.
 */
import { PluginError } from '../../vocabulary/errors.ts';
import { notFiltering, notItsPort, takesFirst } from '../../vocabulary/vlan-bridge-faults.ts';
import { isInRanges, type Segment } from '../../vocabulary/vlan-tags.ts';
import { UndoList } from '../../undo.ts';
import { protectLinks } from '../guard/protection.ts';
import { ipBatch } from '../ip.ts';
import { addVlanMember, removeVlanMember } from '../netlink/bridge-vlans.ts';
import {
  changeLinks,
  findLinkEntry,
  readBridgeVlans,
  readLinkTable,
} from '../netlink/rtnetlink.ts';
import type { VlanMember } from '../netlink/vlan-messages.ts';
import { warningsAbout, type NetworkLinkSpec } from './link-checks.ts';
import { JOINED_MARK } from './link-names.ts';
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
 * Lets `link`, a VLAN link for the moment, have frames if it is on a bridge that filters VLANs. Its
 * mark says so first: if we are killed, the next start finds the mark and takes all back.
 * @throws SystemCallError
 */
export async function joinForTheMoment(
  { parent, vlan }: Segment,
  link: string,
  undo: UndoList,
): Promise<void> {
  const bridge = await findLinkEntry(parent);
  if (bridge?.vlanFilter === undefined || typeof vlan !== 'number') return;
  const { index } = bridge;
  if (isInRanges((await readBridgeVlans()).get(index)?.vlans, vlan)) return;
  await changeLinks([{ name: link, alias: JOINED_MARK }]);
  const member = { index, vlan, self: true };
  await addVlanMember(member);
  undo.add(() => removeVlanMember(member));
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
    throw new PluginError(
      'LINK_CONFLICT',
      `${takesFirst(thief.name, port.name, vlan, parent)}, or use it without bridge=`,
    );
  }
  const added = vlanMembers.map(named).filter((link) => link?.master === bridge.index);
  const wanted = new Set([bridge, port, ...added].filter((link) => link !== undefined));
  return [...wanted].map(({ name, index, vlans, untagged }) => {
    if (isInRanges(untagged, vlan)) {
      throw new PluginError('LINK_CONFLICT', leavesUntagged(name, vlan, index === bridge.index));
    }
    const isAlready = isInRanges(vlans, vlan);
    return { name, index, vlan, self: index === bridge.index, isAlready };
  });
}

function leavesUntagged(link: string, vlan: number, self: boolean): string {
  return `VLAN ${vlan} has no tag at ${link}, so it is not VLAN ${vlan} of the trunk; give it its tag there with: bridge vlan add dev ${link} vid ${vlan}${self ? ' self' : ''}, or leave out vlan=`;
}

function noUplink(bridge: string, { vlan }: Segment): string {
  return `bridge ${bridge} has not exactly one port that leads out of this host, so see to it yourself that the right one carries VLAN ${String(vlan)}: bridge vlan add dev PORT vid ${String(vlan)}; or name it with -o parent=PORT`;
}
