/** The links of containers, of every kind: made, found and removed. */
import { existsSync } from 'node:fs';
import {
  type Connection,
  type ContainerLink,
  type LinkPresence,
} from '../../vocabulary/attachment.ts';
import type { Mac } from '../../wire/address.ts';
import { keepingHostOut } from '../links/link-mtu.ts';
import { isEndpointMark } from '../links/link-names.ts';
import { missingLinks } from '../netlink/interface-request.ts';
import { findLink, readLinkTable, removeLinkAt } from '../netlink/rtnetlink.ts';
import { remakeInSandbox } from './remake-link.ts';
import { ensureUpperLink, letSendNoMore } from './upper-link.ts';
import { ensureVethPort } from './veth-port.ts';

export interface EndpointLinkSpec extends ContainerLink {
  /** The container's MAC. */
  readonly mac: Mac;
  readonly mtu: number;
  readonly connection: Connection;
}

/** An end of ours in this namespace. */
export interface EndpointLink {
  readonly end: string;
  /** True while the container's end is in this namespace: before Join, or after Leave. */
  readonly containerEndHere: boolean;
  /** The bridge of which it is a port. */
  readonly bridge: string | undefined;
}

/**
 * Makes the link, ready to carry frames.
 * @returns sentences for the log.
 * @throws PluginError LINK_CONFLICT, INVALID_OPTION; SystemCallError.
 */
export async function ensureEndpointLink(spec: EndpointLinkSpec): Promise<readonly string[]> {
  const { connection, hostEnd } = spec;
  if (connection.kind !== 'veth') return ensureUpperLink({ ...spec, connection });
  if (hostEnd === undefined) throw new Error('a port of a bridge has an end in the host');
  return ensureVethPort({ ...spec, ...connection, hostEnd });
}

/**
 * Removes the link, wherever its other end is. Does nothing if that end is not here, or not ours.
 * @param end as `ownEnd` names it.
 * @throws SystemCallError
 */
export async function removeEndpointLink(end: string): Promise<void> {
  await letSendNoMore(end);
  const link = await findLink(end);
  if (link === undefined || !isEndpointMark(link.alias)) return;
  // A port with a small MTU keeps its bridge out of IPv6. Removing it can bring the bridge into
  // IPv6.
  await keepingHostOut(end, () => removeLinkAt(link.index));
}

/** See `remakeInSandbox`. Only for links without an end in the host. */
export async function remakeEndpointLink(
  spec: EndpointLinkSpec & { readonly netnsPath: string; readonly name: string },
): Promise<readonly string[] | undefined> {
  const { connection } = spec;
  if (connection.kind === 'veth') throw new Error('a veth does not go with the link below');
  return remakeInSandbox({ ...spec, connection });
}

/** Lists every end of ours in this namespace. @throws SystemCallError */
export async function listEndpointLinks(): Promise<readonly EndpointLink[]> {
  const links = await readLinkTable();
  const names = new Map(links.map(({ index, name }) => [index, name]));
  return links
    .filter(({ mark, kind }) => mark === 'endpoint' && kind !== undefined)
    .map(({ name, kind, lower, master }) => ({
      end: name,
      containerEndHere: kind === 'veth' ? lower !== undefined : true,
      bridge: master === undefined ? undefined : names.get(master),
    }));
}

/**
 * Finds out where the link is, as far as this namespace shows. A link without an end here is taken
 * to be in its sandbox while there is a file for that. Starts no process and does not wait.
 */
export function endpointPresence(link: ContainerLink, netnsPath?: string): LinkPresence {
  const { hostEnd, containerEnd } = link;
  const missing = missingLinks([containerEnd, ...(hostEnd === undefined ? [] : [hostEnd])]);
  if (hostEnd !== undefined && missing.has(hostEnd)) return 'gone';
  if (!missing.has(containerEnd)) return 'here';
  if (hostEnd !== undefined) return 'away';
  return netnsPath !== undefined && existsSync(netnsPath) ? 'away' : 'gone';
}
