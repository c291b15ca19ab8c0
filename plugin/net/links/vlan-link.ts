/** Makes, finds and removes the link that carries one VLAN of a parent. Checks its parent. */
import { PluginError } from '../../vocabulary/errors.ts';
import {
  mtuBehindTags,
  outerTagOf,
  tagsOf,
  type Segment,
  type VlanTag,
} from '../../vocabulary/vlan-tags.ts';
import type { UndoList } from '../../undo.ts';
import { commandEvidence } from '../command.ts';
import { protectLinks, unprotectLink } from '../guard/protection.ts';
import {
  failedLine,
  ipBatch,
  isAlreadyGone,
  isAlreadyThere,
  isNotSupported,
  isTaken,
} from '../ip.ts';
import { addVlanMember, removeVlanMember } from '../netlink/bridge-vlans.ts';
import { findLinkIndex } from '../netlink/interface-request.ts';
import { makeLink, removeLink } from './link-changes.ts';
import { checkVlanNameIsFree, type SegmentSpec } from './link-checks.ts';
import {
  linkWithTags,
  readAllLinks,
  readHostUse,
  readLink,
  readLinksOfKind,
  type Link,
} from './link-info.ts';
import {
  isMarked,
  isVlanMark,
  JOINED_MARK,
  OUTER_MARK,
  outerLinkName,
  PROBE_LINK,
  VLAN_MARK,
} from './link-names.ts';
import { checkParent } from './parent/check-parent.ts';
import { missingParent } from './parent/missing-parent.ts';

/**
 * Reads the parent link and checks it.
 * @throws PluginError PARENT_LINK_MISSING, PARENT_LINK_UNUSABLE, LINK_CONFLICT, IP_COMMAND_FAILED.
 */
export async function requireParent(spec: SegmentSpec): Promise<Link> {
  const parent = await readLink(spec.parent);
  if (parent === undefined) {
    throw missingParent(spec, await readAllLinks());
  }
  const master = parent.master === undefined ? undefined : await readLink(parent.master);
  checkParent(spec, parent, master);
  return parent;
}

/** Finds the VLAN link of (parent, vlan), whatever its name. The kernel allows only one. */
export async function findVlanLink({ parent, vlan }: Segment): Promise<Link | undefined> {
  return linkWithTags(await readLinksOfKind('vlan'), parent, tagsOf(vlan));
}

/** Finds the link of the first of two tags. Undefined if it is missing, or there is only one. */
export async function findOuterLink({ parent, vlan }: Segment): Promise<Link | undefined> {
  const tag = outerTagOf(vlan);
  return tag && linkWithTags(await readLinksOfKind('vlan'), parent, [tag]);
}

/**
 * Finds the link of the first of two tags. If it is down and ours, sets it up.
 * @throws PluginError PARENT_LINK_UNUSABLE if it is down and not ours; IP_COMMAND_FAILED.
 */
export async function examineOuterLink(segment: Segment): Promise<Link | undefined> {
  const link = await findOuterLink(segment);
  if (link === undefined || link.isUp) return link;
  if (!isMarked(link.alias)) {
    throw new PluginError(
      'PARENT_LINK_UNUSABLE',
      `VLAN link ${link.name} is down; bring it up with: ip link set ${link.name} up`,
      { evidence: { link } },
    );
  }
  await ipBatch([`link set dev ${link.name} up`]);
  return link;
}

/**
 * Makes the VLAN link, and the link of the outer tag if that is missing. The VLAN link is not up
 * yet.
 * @returns sentences for the log.
 * @throws PluginError VLAN_UNSUPPORTED, LINK_CONFLICT, IP_COMMAND_FAILED.
 */
export async function makeVlanLink(
  spec: SegmentSpec,
  parent: Link,
  name: string,
  undo: UndoList,
): Promise<string[]> {
  const [first, second] = tagsOf(spec.vlan);
  if (first === undefined) throw new Error('an untagged network has no VLAN link');
  const only = { below: parent, tag: first, name, mark: VLAN_MARK, mtu: parent.mtu };
  if (second === undefined) return makeTagLink(only, undo);
  const existing = await findOuterLink(spec);
  const outer = existing ?? { name: outerLinkName(parent.name, first), mtu: parent.mtu };
  const warnings: string[] = [];
  if (existing === undefined) {
    const wanted = `${first.protocol} VLAN ${first.id}`;
    checkVlanNameIsFree(spec, wanted, await readLink(outer.name));
    warnings.push(...(await makeTagLink({ ...only, ...outer, mark: OUTER_MARK }, undo)));
    warnings.push(...(await protectLinks([{ link: outer.name, as: 'outer' }])));
    await ipBatch([`link set dev ${outer.name} up`]);
  }
  const mtu = mtuBehindTags(spec.vlan, outer.mtu);
  const inner = { below: outer, tag: second, name, mark: VLAN_MARK, mtu };
  return [...warnings, ...(await makeTagLink(inner, undo))];
}

interface TagLink {
  readonly below: Pick<Link, 'name' | 'mtu'>;
  readonly tag: VlanTag;
  readonly name: string;
  readonly mark: string;
  readonly mtu: number;
}

async function makeTagLink(link: TagLink, undo: UndoList): Promise<string[]> {
  const { below, tag, name, mark, mtu } = link;
  const vlan = `VLAN ${tag.id}`;
  const add = `link add link ${below.name} name ${name}`;
  const kind = `vlan${tag.protocol === '802.1Q' ? '' : ` protocol ${tag.protocol}`} id ${tag.id}`;
  const set = mtu === below.mtu ? {} : { set: `mtu ${mtu}` };
  try {
    return await makeLink({ name, add, kind, mark, mtu, ...set }, undo);
  } catch (error) {
    if (failedLine(error) !== 1) throw error;
    const isTaken = isAlreadyThere(error);
    if (tag.protocol === '802.1ad' && !isTaken) {
      const [said = ''] = commandEvidence(error)?.stderr.trim().split('\n') ?? [];
      throw new PluginError(
        'VLAN_UNSUPPORTED',
        `${below.name} cannot carry 802.1ad ${vlan} (the kernel says: ${said}); take a card that can, load 802.1ad with: modprobe 8021q, or take an outer 802.1Q tag with outer=802.1q`,
        { cause: error },
      );
    }
    if (isNotSupported(error)) {
      throw new PluginError(
        'VLAN_UNSUPPORTED',
        `this kernel cannot make ${vlan} on ${below.name}: it has no 802.1Q support; load it with: modprobe 8021q`,
        { cause: error },
      );
    }
    if (isTaken && (await readLink(name)) === undefined) {
      if (linkWithTags(await readLinksOfKind('vlan'), below.name, [tag]) === undefined) {
        throw new PluginError(
          'LINK_CONFLICT',
          `${vlan} of ${below.name} is taken by a link in another network namespace; remove that link or choose another VLAN`,
          { cause: error },
        );
      }
    }
    throw error;
  }
}

/**
 * Removes the link of the first of two tags if it is ours, unless VLAN links of ours are on it.
 * @throws PluginError IP_COMMAND_FAILED.
 */
export async function removeOuterLink(segment: Segment): Promise<void> {
  const outer = await findOuterLink(segment);
  if (outer?.alias !== OUTER_MARK) return;
  const isShared = (await readAllLinks()).some(
    ({ lower, alias }) => lower === outer.name && isVlanMark(alias),
  );
  if (!isShared) await removeUnusedVlanLink(outer.name);
}

/**
 * Removes a VLAN link of ours, unless somebody has taken it into use: as a port, with an address of
 * the host, or with a link on top of it. With an address or a link on top, it now belongs to that
 * user. Its mark is removed, so that we never remove it as a leftover. A port keeps the mark,
 * because the network of its bridge may be ours.
 * @returns true if the link is gone.
 * @throws PluginError IP_COMMAND_FAILED, SystemCallError.
 */
export async function removeUnusedVlanLink(name: string): Promise<boolean> {
  const link = await readLink(name);
  if (link === undefined) return true;
  if (link.kind !== 'vlan' || !isMarked(link.alias) || link.master !== undefined) return false;
  const isInUse =
    (await readHostUse(name)).length > 0 ||
    (await readAllLinks()).some(({ lower }) => lower === name) ||
    !(await removeJoined(link));
  if (isInUse) {
    await unprotectLink(name);
    await ipBatch([`link set dev ${name} alias ""`]);
  }
  return !isInUse;
}

/** @returns false if the link is in use. Then the bridge below it is in the VLAN as before. */
async function removeJoined({ name, alias, lower, vlan }: Link): Promise<boolean> {
  const index = lower === undefined ? undefined : findLinkIndex(lower);
  if (alias !== JOINED_MARK || index === undefined || vlan === undefined) {
    return removeWithProbe(name);
  }
  // The link goes last. If we are killed before, its mark is still there for the next start.
  const bridge = { index, vlan: vlan.id, self: true };
  await removeVlanMember(bridge);
  const isGone = await removeWithProbe(name);
  if (!isGone) await addVlanMember(bridge);
  return isGone;
}

/**
 * Removes the link, unless there is a macvlan or ipvlan on it. Docker moves such a link into a
 * container. Then the host does not see it, and it would be removed together with the VLAN link.
 * But the kernel then refuses a macvlan of mode passthru, which wants the VLAN link for itself
 * alone. The same is true if the VLAN link is a port of a bridge. While that macvlan exists, nobody
 * can add another link.
 * @returns false if the link is in use.
 */
async function removeWithProbe(name: string): Promise<boolean> {
  try {
    await ipBatch([
      `link add link ${name} name ${PROBE_LINK} type macvlan mode passthru`,
      `link del dev ${name}`,
    ]);
  } catch (error) {
    if (isAlreadyGone(error)) return true;
    if (failedLine(error) !== 1) throw error;
    // If the kernel has no macvlan, there is none on the link.
    if (isNotSupported(error)) await removeLink(name);
    else if (isTaken(error)) return false;
    else throw error;
  }
  return true;
}
