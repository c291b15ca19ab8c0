/** Changes the VLANs of bridges and their ports by rtnetlink(7). No process is started. */
import { PluginError } from '../../vocabulary/errors.ts';
import { notFiltering } from '../../vocabulary/vlan-bridge-faults.ts';
import type { VlanRange } from '../../vocabulary/vlan-tags.ts';
import { SystemCallError } from '../libc.ts';
import { findLinkIndex } from './interface-request.ts';
import { askNetlink } from './netlink-socket.ts';
import { findLinkEntry, readBridgeVlans } from './rtnetlink.ts';
import { vlanAddition, vlanRemoval, type VlanMember } from './vlan-messages.ts';

/** Frames of the VLAN pass there with their tag. @throws SystemCallError */
export async function addVlanMember(member: VlanMember): Promise<void> {
  await askNetlink([vlanAddition(member, false)], `adding VLAN ${member.vlan} to ${named(member)}`);
}

/** A VLAN or a port that is gone is no error. @throws SystemCallError */
export async function removeVlanMember(member: VlanMember): Promise<void> {
  try {
    await askNetlink([vlanRemoval(member)], `taking VLAN ${member.vlan} from ${named(member)}`);
  } catch (error) {
    if (!(error instanceof SystemCallError && GONE.includes(error.code))) throw error;
  }
}

/** What the kernel answers for a VLAN that the port has not, and for a link that is no port. */
const GONE = ['ENOENT', 'ENODEV', 'EOPNOTSUPP'];

function named({ index, self }: VlanMember): string {
  return self ? `bridge ${index}` : `port ${index}`;
}

/**
 * Puts a port of a bridge into one VLAN and out of all others: what it sends untagged is of that
 * VLAN, and it gets only frames of that VLAN. The port should be down until then, because the
 * bridge has put it into its own default VLAN.
 * @throws PluginError LINK_CONFLICT if the port or the bridge is gone, SystemCallError.
 */
export async function setPortVlan(port: string, bridge: string, vlan: number): Promise<void> {
  const index = findLinkIndex(port);
  const filter = (await findLinkEntry(bridge))?.vlanFilter;
  if (index === undefined || filter === undefined) {
    const words = index === undefined ? `port ${port} is gone` : notFiltering(bridge);
    throw new PluginError('LINK_CONFLICT', words);
  }
  const what = `putting port ${port} into VLAN ${vlan}`;
  await askNetlink([vlanAddition({ index, vlan, self: false }, true)], what);
  const others = (await readBridgeVlans())
    .get(index)
    ?.vlans.flatMap((range) => without(range, vlan));
  if (others === undefined || others.length === 0) return;
  const removals = others.map(([first, last]) =>
    vlanRemoval({ index, vlan: first, self: false }, last),
  );
  await askNetlink(removals, what);
}

/** What is left of the range without that VLAN. */
function without([first, last]: VlanRange, vlan: number): readonly VlanRange[] {
  if (vlan < first || vlan > last) return [[first, last]];
  const parts = [
    [first, vlan - 1],
    [vlan + 1, last],
  ] as const;
  return parts.filter(([from, to]) => from <= to);
}
