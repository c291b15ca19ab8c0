/**
 * Removes links that carry our mark and belong to no network. A crash while a network was made or
 * removed leaves such links.
 */
import { oneNetworkAtATime, removeLink } from './link-changes.ts';
import { readAllLinks, readLinksOfGroup, type Link } from './link-info.ts';
import {
  bridgeMark,
  HOST_MARK,
  isBridgeMark,
  isMarked,
  isVlanMark,
  UNFINISHED_GROUP,
} from './link-names.ts';
import { removeUnusedVlanLink } from './vlan-link.ts';
import { isMemberMark } from '../../vocabulary/uplink-alias.ts';

/**
 * Removes links that we were making when we were killed. They are not used, and not marked yet.
 * @returns their names.
 */
export function removeUnfinishedLinks(): Promise<readonly string[]> {
  return oneNetworkAtATime(async () => {
    const names = (await readLinksOfGroup(UNFINISHED_GROUP)).map(({ name }) => name);
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
    // Bridges come first, because a VLAN link in a bridge counts as used.
    for (const { find, remove } of [
      // A VLAN link with a link on top counts as used.
      { find: orphanHostLinks, remove: removeLink },
      { find: orphanBridges, remove: removeLink },
      { find: orphanVlanLinks, remove: removeUnusedVlanLink },
      // Links of outer tags, now that nothing is on them.
      { find: orphanVlanLinks, remove: removeUnusedVlanLink },
    ]) {
      for (const name of find(await readAllLinks(), known)) {
        try {
          if ((await remove(name)) !== false) removed.push(name);
        } catch (error) {
          errors.push(error);
        }
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, 'not all orphaned links were removed');
    return removed;
  });
}

/** The host's own links to containers of networks that are gone. */
export function orphanHostLinks(links: readonly Link[], known: readonly string[]): string[] {
  return links
    .filter(({ name, alias }) => alias?.startsWith(HOST_MARK) === true && !known.includes(name))
    .map(({ name }) => name);
}

/** Bridges of ours whose only ports are uplinks of ours. A container's port keeps a bridge. */
export function orphanBridges(links: readonly Link[], known: readonly string[]): string[] {
  const isOrphan = (bridge: Link): boolean => {
    if (bridge.kind !== 'bridge' || !isBridgeMark(bridge.alias)) return false;
    const ports = links.filter(({ master }) => master === bridge.name);
    return ports.every(({ name, alias }) => isVlanMark(alias) || bridge.alias === bridgeMark(name));
  };
  return links
    .filter((link) => !known.includes(link.name) && isOrphan(link))
    .map(({ name }) => name);
}

/** VLAN links of ours that are no port and have no link on top. */
export function orphanVlanLinks(links: readonly Link[], known: readonly string[]): string[] {
  const isUnused = (vlan: Link): boolean =>
    vlan.master === undefined && !links.some(({ lower }) => lower === vlan.name);
  return links
    .filter((link) => link.kind === 'vlan' && isMarked(link.alias) && isUnused(link))
    .filter(({ name, alias }) => !known.includes(name) && !isMemberMark(alias))
    .map(({ name }) => name);
}
