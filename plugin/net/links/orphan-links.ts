/**
 * Removes links that carry our mark and belong to no network. A crash while a network was made or
 * removed leaves such links.
 */
import { oneNetworkAtATime, removeLink } from './link-changes.ts';
import {
  bridgeMark,
  HOST_MARK,
  isBridgeMark,
  isEndpointMark,
  isMarked,
  isVlanMark,
  UNFINISHED_GROUP,
} from './link-names.ts';
import { readGroup, readLinksIf, type MarkedTableLink } from '../netlink/rtnetlink.ts';
import { removeUnusedVlanLink } from './vlan-link.ts';
import { isMemberMark } from '../../vocabulary/uplink/uplink-alias.ts';

/**
 * Removes links that we were making when we were killed. They are not used, and not marked yet.
 * @returns their names.
 */
export function removeUnfinishedLinks(): Promise<readonly string[]> {
  return oneNetworkAtATime(async () => {
    const names = await readGroup(UNFINISHED_GROUP);
    for (const name of names) await removeLink(name);
    return names;
  });
}

/**
 * @param known every bridge, VLAN link and link of the host itself of all networks.
 * @returns the names of the links removed.
 * @throws AggregateError of what failed. The other links are removed all the same.
 */
export function removeOrphanLinks(known: readonly string[]): Promise<readonly string[]> {
  return oneNetworkAtATime(async () => {
    const removed: string[] = [];
    const errors: unknown[] = [];
    const read = () => readLinksIf((alias, name) => mayBeOrphan(alias) && !known.includes(name));
    let links = await read();
    // Bridges come first, because a VLAN link in a bridge counts as used.
    for (const { find, remove } of [
      // A VLAN link with a link on top counts as used.
      { find: orphanHostLinks, remove: removeLink },
      { find: orphanBridges, remove: removeLink },
      { find: orphanVlanLinks, remove: removeUnusedVlanLink },
      // Links of outer tags, now that nothing is on them.
      { find: orphanVlanLinks, remove: removeUnusedVlanLink },
    ]) {
      const orphans = find(links, known);
      for (const name of orphans) {
        try {
          if ((await remove(name)) !== false) removed.push(name);
        } catch (error) {
          errors.push(error);
        }
      }
      if (orphans.length > 0) links = await read();
    }
    if (errors.length > 0) throw new AggregateError(errors, 'not all orphaned links were removed');
    return removed;
  });
}

/** The link of a container is none: it belongs to an endpoint. */
function mayBeOrphan(alias: string): boolean {
  return isMarked(alias) && !isEndpointMark(alias);
}

/** The host's own links to containers of networks that are gone. */
export function orphanHostLinks(
  links: readonly MarkedTableLink[],
  known: readonly string[],
): string[] {
  return links
    .filter(({ name, alias }) => alias?.startsWith(HOST_MARK) === true && !known.includes(name))
    .map(({ name }) => name);
}

/** Bridges of ours whose only ports are uplinks of ours. A container's port keeps a bridge. */
export function orphanBridges(
  links: readonly MarkedTableLink[],
  known: readonly string[],
): string[] {
  const isOrphan = (bridge: MarkedTableLink): boolean => {
    if (bridge.kind !== 'bridge' || !isBridgeMark(bridge.alias)) return false;
    const ports = links.filter(({ master }) => master === bridge.index);
    return ports.every(({ name, alias }) => isVlanMark(alias) || bridge.alias === bridgeMark(name));
  };
  return links
    .filter((link) => !known.includes(link.name) && isOrphan(link))
    .map(({ name }) => name);
}

/** VLAN links of ours that are no port and have no link on top. */
export function orphanVlanLinks(
  links: readonly MarkedTableLink[],
  known: readonly string[],
): string[] {
  const isUnused = (vlan: MarkedTableLink): boolean =>
    vlan.master === undefined && !links.some(({ lower }) => lower === vlan.index);
  return links
    .filter(({ name, kind, alias }) => kind === 'vlan' && isMarked(alias) && !known.includes(name))
    .filter((link) => !isMemberMark(link.alias) && isUnused(link))
    .map(({ name }) => name);
}
