/** Makes, finds and removes the link that carries one VLAN of a parent. Checks its parent. */
import { PluginError } from '../../vocabulary/errors.ts';
import type { UndoList } from '../../undo.ts';
import { commandEvidence } from '../command.ts';
import { unprotectLink } from '../guard/protection.ts';
import { failedLine, ipBatch, isAlreadyGone, isAlreadyThere, isNotSupported } from '../ip.ts';
import { makeLink, removeLink } from './link-changes.ts';
import { checkParent, type SegmentSpec } from './link-checks.ts';
import {
  isVlanOf,
  readAllLinks,
  readHostUse,
  readLink,
  readLinksOfKind,
  type Link,
} from './link-info.ts';
import { isMarked, PROBE_LINK, VLAN_MARK } from './link-names.ts';
import { missingParent } from './missing-parent.ts';

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
export async function findVlanLink(spec: SegmentSpec): Promise<Link | undefined> {
  const links = await readLinksOfKind('vlan');
  return links.find((link) => isVlanOf(link, spec.parent, spec.vlan));
}

/**
 * Makes the VLAN link. It is not up yet.
 * @returns sentences for the log.
 * @throws PluginError VLAN_UNSUPPORTED, LINK_CONFLICT, IP_COMMAND_FAILED.
 */
export async function makeVlanLink(
  spec: SegmentSpec,
  parent: Link,
  name: string,
  undo: UndoList,
): Promise<string[]> {
  const vlan = String(spec.vlan);
  const add = `link add link ${parent.name} name ${name}`;
  const kind = `vlan id ${vlan}`;
  try {
    return await makeLink({ name, add, kind, mark: VLAN_MARK, mtu: parent.mtu }, undo);
  } catch (error) {
    if (failedLine(error) !== 1) throw error;
    if (isNotSupported(error)) {
      throw new PluginError(
        'VLAN_UNSUPPORTED',
        `this kernel cannot make VLAN ${vlan} on ${parent.name}: it has no 802.1Q support; load it with: modprobe 8021q`,
        { cause: error },
      );
    }
    if (isAlreadyThere(error) && (await readLink(name)) === undefined) {
      if ((await findVlanLink(spec)) === undefined) {
        throw new PluginError(
          'LINK_CONFLICT',
          `VLAN ${vlan} of ${parent.name} is taken by a link in another network namespace; remove that link or choose another VLAN`,
          { cause: error },
        );
      }
    }
    throw error;
  }
}

/**
 * Removes a VLAN link of ours, unless somebody has taken it into use: as a port, with an address of
 * the host, or with a link on top of it. With an address or a link on top, it now belongs to that
 * user. Its mark is removed, so that we never remove it as a leftover. A port keeps the mark,
 * because the network of its bridge may be ours.
 * @returns true if the link is gone.
 * @throws PluginError IP_COMMAND_FAILED.
 */
export async function removeUnusedVlanLink(name: string): Promise<boolean> {
  const link = await readLink(name);
  if (link === undefined) return true;
  if (link.kind !== 'vlan' || !isMarked(link.alias) || link.master !== undefined) return false;
  const isInUse =
    (await readHostUse(name)).length > 0 ||
    (await readAllLinks()).some(({ lower }) => lower === name) ||
    !(await removeWithProbe(name));
  if (isInUse) {
    await unprotectLink(name);
    await ipBatch([`link set dev ${name} alias ""`]);
  }
  return !isInUse;
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
    else if (/busy|Invalid argument/.test(commandEvidence(error)?.stderr ?? '')) return false;
    else throw error;
  }
  return true;
}
