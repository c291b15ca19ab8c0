/**
 * The ports of members in the bridges of VLANs: `vdu2` is the VXLAN to a member, `vdu2.500` its
 * VLAN 500, a port of `br500`. What a member may do is what exists for it (U7). Ports are isolated:
 * they reach trunk and hub, not each other.
 */
import { ensureBridgeAccept, removeBridgeAccept } from '../../net/firewall/firewall.ts';
import { protectLinks } from '../../net/guard/protection.ts';
import { ipBatch } from '../../net/ip.ts';
import { makeLink, removeLink } from '../../net/links/link-changes.ts';
import { linkWithTags, readAllLinks, readPorts, type Link } from '../../net/links/link-info.ts';
import { changeLinks } from '../../net/netlink/rtnetlink.ts';
import { ensureNetworkLinks } from '../../net/links/links.ts';
import { removeNetworkLinks } from '../../net/links/remove-links.ts';
import { UndoList } from '../../undo.ts';
import { isMemberMark, memberMark } from '../../vocabulary/uplink/uplink-alias.ts';
import { readVxlans, type VxlanLink } from '../../uplink/kernel/tunnel-table.ts';
import { ensureVxlan } from '../../uplink/kernel/vxlan-link.ts';
import type { HubDesired, HubMember } from '../desired.ts';
import { portName } from './guards.ts';

/** What was wrong, by VLAN or member. The others are made all the same. */
export type Failures = unknown[];

/** Removes ports that nobody is to have, then makes those that are missing. */
export async function ensurePorts(desired: HubDesired, failures: Failures): Promise<void> {
  const before = await readAllLinks();
  await removeStale(desired, before, failures);
  const bridges = new Map<number, string>();
  const wanted = new Set(desired.members.flatMap(({ vlans }) => vlans));
  for (const vlan of [...wanted].sort((a, b) => a - b)) {
    await attempt(failures, async () => {
      bridges.set(vlan, await ensureBridgeOf(desired.trunk, vlan, before));
    });
  }
  if (bridges.size > 0) await attempt(failures, () => ensureBridgeAccept([...bridges.values()]));
  const vxlans = await readVxlans();
  for (const member of desired.members) {
    if (member.vlans.length === 0) continue;
    const ground = { desired, bridges, vxlans, links: before };
    await attempt(failures, () => ensureMember(ground, member, failures));
  }
}

/**
 * Puts back the accept rules of the members' bridges, and of the tunnel if there is a mesh.
 * @returns the warnings: what may drop frames.
 */
export async function acceptMembers({
  device,
  trunk,
  members,
}: HubDesired): Promise<readonly string[]> {
  const links = await readAllLinks();
  const vlans = new Set(members.flatMap((member) => member.vlans));
  const bridges = [...vlans].flatMap((vlan) => bridgeOf(trunk, vlan, links)?.name ?? []);
  const all = [...bridges, ...(members.some(({ mesh }) => mesh) ? [device] : [])];
  return all.length === 0 ? [] : (await ensureBridgeAccept(all)).warnings;
}

/** Removes all ports, and bridges that have no other port. */
export async function removePorts(failures: Failures): Promise<void> {
  const links = await readAllLinks();
  const left = bridgesOfMembers(links);
  for (const { name } of links.filter(isMemberVxlan)) {
    await attempt(failures, () => removeLink(name));
  }
  for (const bridge of left) await attempt(failures, () => removeEmptyBridge(bridge, links));
}

function isMemberVxlan({ kind, alias }: Link): boolean {
  return kind === 'vxlan' && isMemberMark(alias);
}

function bridgesOfMembers(links: readonly Link[]): ReadonlySet<string> {
  const ports = links.filter(({ kind, alias }) => kind === 'vlan' && isMemberMark(alias));
  return new Set(ports.map(({ master }) => master).filter((one) => one !== undefined));
}

async function removeStale(
  { members }: HubDesired,
  links: readonly Link[],
  failures: Failures,
): Promise<void> {
  const wanted = new Set(
    members
      .filter(({ vlans }) => vlans.length > 0)
      .flatMap((member) => [
        portName(member),
        ...member.vlans.map((vlan) => `${portName(member)}.${vlan}`),
      ]),
  );
  const stale = links.filter(({ name, alias }) => isMemberMark(alias) && !wanted.has(name));
  // A VLAN link goes with the VXLAN below it.
  const tops = stale.filter(({ lower }) => !stale.some(({ name }) => name === lower));
  for (const { name } of tops) await attempt(failures, () => removeLink(name));
  for (const bridge of bridgesOfMembers(stale)) {
    await attempt(failures, () => removeEmptyBridge(bridge, links));
  }
}

/** A bridge that has ports of containers or members stays, and so does an operator's. */
async function removeEmptyBridge(bridge: string, links: readonly Link[]): Promise<void> {
  const ports = await readPorts(bridge);
  const [uplink, ...others] = ports.filter(({ alias }) => !isMemberMark(alias));
  const hasMembers = ports.some(({ alias }) => isMemberMark(alias));
  if (hasMembers || others.length > 0 || uplink?.vlan === undefined) return;
  const { lower, name, vlan } = uplink;
  if (lower === undefined) return;
  const isOurs = links.find((link) => link.name === bridge)?.alias?.startsWith('vlandhcp bridge ');
  if (isOurs !== true) return;
  await removeNetworkLinks({ parent: lower, vlan: vlan.id, vlanLink: name, bridge });
  await removeBridgeAccept(bridge);
}

/** The bridge that the VLAN of the trunk is a port of. */
function bridgeOf(trunk: string, vlan: number, links: readonly Link[]): Link | undefined {
  const uplink = linkWithTags(links, trunk, [{ protocol: '802.1Q', id: vlan }]);
  return links.find(({ name, kind }) => name === uplink?.master && kind === 'bridge');
}

/** @returns the name of the bridge that carries the VLAN of the trunk. */
async function ensureBridgeOf(
  trunk: string,
  vlan: number,
  links: readonly Link[],
): Promise<string> {
  const uplink = linkWithTags(links, trunk, [{ protocol: '802.1Q', id: vlan }]);
  const there = bridgeOf(trunk, vlan, links);
  const bridge = there?.name ?? `br${vlan}`;
  if (uplink?.isUp === true && there?.isUp === true) return bridge;
  await ensureNetworkLinks({ parent: trunk, vlan, bridge, mtu: undefined });
  return bridge;
}

interface Ground {
  readonly desired: HubDesired;
  readonly bridges: ReadonlyMap<number, string>;
  readonly vxlans: readonly VxlanLink[];
  readonly links: readonly Link[];
}

/** The kernel is not asked: what is there is in the ground. */
export async function ensureMember(
  { desired, bridges, vxlans, links }: Ground,
  member: HubMember,
  failures: Failures,
): Promise<void> {
  const { address: local, mtu } = desired;
  const { vni, address: remote, vlans } = member;
  const name = portName(member);
  const mark = memberMark(member.name);
  const isMade = await ensureVxlan({ name, vni, local, remote, mtu, mark }, vxlans, isMemberMark);
  const there = isMade ? [] : links; // VLAN links go with the link below them
  for (const vlan of vlans) {
    const bridge = bridges.get(vlan);
    if (bridge === undefined) continue; // told before
    await attempt(failures, () => ensurePort({ below: name, vlan, bridge, mark, mtu }, there));
  }
}

interface Port {
  readonly below: string;
  readonly vlan: number;
  readonly bridge: string;
  readonly mark: string;
  readonly mtu: number;
}

async function ensurePort(port: Port, links: readonly Link[]): Promise<void> {
  const { below, vlan, bridge, mark, mtu } = port;
  const name = `${below}.${vlan}`;
  const link = links.find((one) => one.name === name);
  const isRight = link?.master === bridge && link.isUp && link.isIsolated === true;
  if (isRight && link.alias === mark) return;
  const undo = new UndoList();
  try {
    if (link === undefined) {
      const add = `link add link ${below} name ${name}`;
      const set = `master ${bridge}`;
      await makeLink({ name, add, kind: `vlan id ${vlan}`, mark, mtu, set }, undo);
    } else {
      await ipBatch([`link set dev ${name} alias "${mark}" master ${bridge}`]);
    }
    await protectLinks([{ link: name, as: 'uplink', isMacClosed: true }]);
    // Isolated before it is up: no frame reaches another member.
    await changeLinks([{ name, isIsolated: true, isUp: true }]);
  } catch (error) {
    throw await undo.run(error);
  }
}

/** Keeps the error, so that the next piece of work is done all the same. */
export async function attempt(failures: Failures, work: () => Promise<unknown>): Promise<void> {
  try {
    await work();
  } catch (error) {
    failures.push(error);
  }
}
