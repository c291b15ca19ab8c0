/** Removes those links of a network that are ours. */
import { detachUplink, oneNetworkAtATime, removeLink } from './link-changes.ts';
import { readLink, readPorts } from './link-info.ts';
import type { Segment } from '../../vocabulary/vlan-tags.ts';
import { findVlanLink, removeOuterLink, removeUnusedVlanLink } from './vlan-link.ts';
import { leaveVlanBridge } from './vlan-bridge.ts';
import { bridgeMark, isMarked } from './link-names.ts';
import { isMemberMark } from '../../vocabulary/uplink-alias.ts';

export interface RemovedLinks extends Segment {
  readonly vlanLink: string | undefined;
  /** Undefined if the network has none. */
  readonly bridge: string | undefined;
  /**
   * True to take the uplink out of a bridge that is not ours. Set it if `created.uplinkPort` was
   * true.
   */
  readonly uplinkPort?: boolean;
  /** The links that we made members of the VLAN, on an operator's bridge. If undefined: none. */
  readonly vlanMembers?: readonly string[] | undefined;
}

/**
 * Removes those of the links that are ours: the bridge, then the VLAN link, then the link of its
 * outer tag unless others need it. If the bridge has
 * ports of somebody else, both stay. Links that are gone already are no error.
 * @returns sentences for the log about what stays.
 * @throws AggregateError of everything that failed. The rest is done.
 */
export function removeNetworkLinks(links: RemovedLinks): Promise<readonly string[]> {
  return oneNetworkAtATime(async () => {
    const errors: unknown[] = [];
    const attempt = async <Result>(work: () => Promise<Result>): Promise<Result | undefined> => {
      try {
        return await work();
      } catch (error) {
        errors.push(error);
        return undefined;
      }
    };
    const { bridge } = links;
    const uplink = links.vlanLink ?? links.parent;
    const guests =
      bridge === undefined
        ? []
        : ((await attempt(() => removeOwnBridge({ ...links, bridge }, uplink))) ?? []);
    if (guests.length === 0) {
      const isFree = await attempt(() => removeOwnVlanLink(links));
      await attempt(() => removeOuterLink(links));
      // Somebody may have taken the VLAN link into use.
      if (isFree === true) await attempt(() => leaveVlanBridge(links));
    }
    if (errors.length > 0) {
      throw new AggregateError(
        errors,
        `not all links of ${bridge === undefined ? uplink : `bridge ${bridge}`} could be removed`,
      );
    }
    if (guests.length === 0) return [];
    return [`bridge ${bridge} stays: it has other ports (${guests.join(', ')})`];
  });
}

/** @returns the names of somebody else's ports. Because of them the bridge stays. */
async function removeOwnBridge(
  links: RemovedLinks & { readonly bridge: string },
  uplink: string,
): Promise<string[]> {
  const bridge = await readLink(links.bridge);
  if (bridge?.kind !== 'bridge') return [];
  if (!isMarked(bridge.alias)) {
    if (links.uplinkPort === true && (await readLink(uplink))?.master === bridge.name) {
      await detachUplink(uplink);
    }
    return [];
  }
  if (bridge.alias !== bridgeMark(uplink)) return []; // now another network's
  const ports = await readPorts(bridge.name);
  const guests = ports.filter(
    ({ name, alias }) => name !== uplink && (!isMarked(alias) || isMemberMark(alias)),
  );
  if (guests.length === 0) await removeLink(bridge.name);
  return guests.map((port) => port.name);
}

/** @returns false if the link is ours and stays, because somebody has taken it into use. */
async function removeOwnVlanLink(links: RemovedLinks): Promise<boolean> {
  if (links.vlanLink === undefined) return true;
  const link = await findVlanLink(links);
  if (link?.name !== links.vlanLink || !isMarked(link.alias)) return true;
  if (link.master !== undefined && link.master !== links.bridge) return false;
  // Docker's own macvlan network may have taken it into use. With the link its containers would
  // lose theirs.
  if (links.bridge === undefined) return removeUnusedVlanLink(link.name);
  await removeLink(link.name);
  return true;
}
