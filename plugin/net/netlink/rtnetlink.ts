/**
 * Works on links by rtnetlink(7): finds one link with its alias, reads all links, makes a veth
 * pair, changes and removes links. No process is started. Other calls go on while the kernel takes
 * its 20 ms to remove a link.
 */
import { SystemCallError } from '../libc.ts';
import {
  aboutAllLinks,
  aboutLink,
  aliasOf,
  decodeLink,
  forwards,
  groupOf,
  isActive,
  linkBody,
  linkChange,
  linkRemoval,
  linkUpOrDown,
  nameIn,
  nameOfLink,
  type FoundLink,
  type LinkChange,
  type TableLink,
} from './link-messages.ts';
import { aboutAllVlans, decodeVlans, type LinkVlans } from './vlan-messages.ts';
import { newUpperLink, newVethPair, type NewLink } from './new-link-messages.ts';
import { askForAllNow, askNetlink, askNetlinkForAll } from './netlink-socket.ts';

const ENODEV = 19;

/**
 * Returns all links of this namespace. The index, the kind and the lower link identify a link. Its
 * name can change. Links that come or go during the call may be missing: `watchLinks` reports them.
 * @throws SystemCallError
 */
export async function readLinkTable(): Promise<readonly TableLink[]> {
  const { bodies } = await askNetlinkForAll(aboutAllLinks(), 'reading all links');
  const links = bodies.map(decodeLink);
  const filtering = links.filter(({ vlanFilter, mark }) => vlanFilter && mark === undefined);
  return filtering.length === 0 ? links : withVlans(links, new Set(filtering.map(indexOf)));
}

/** @param bridges the indexes of the bridges whose VLANs are read. */
async function withVlans(
  links: readonly TableLink[],
  bridges: ReadonlySet<number>,
): Promise<readonly TableLink[]> {
  const found = await readBridgeVlans();
  return links.map((link) => {
    if (!bridges.has(link.index) && !bridges.has(link.master ?? 0)) return link;
    return { ...link, ...(found.get(link.index) ?? { vlans: [], untagged: [] }) };
  });
}

/** Returns the VLANs of each bridge and port, by index. @throws SystemCallError */
export async function readBridgeVlans(): Promise<ReadonlyMap<number, LinkVlans>> {
  const { bodies } = await askNetlinkForAll(aboutAllVlans(), 'reading the VLANs of bridges');
  return new Map(bodies.map(decodeVlans).filter((one) => one !== undefined));
}

/** A link with what only its owner reads. */
export interface MarkedTableLink extends TableLink {
  readonly alias: string | undefined;
}

/**
 * Returns all links of this namespace with their alias, if one of them passes. Else none is
 * decoded: with thousands of links that takes long.
 * @param isWanted gets the alias and the name.
 * @throws SystemCallError
 */
export async function readLinksIf(
  isWanted: (alias: string, name: string) => boolean,
): Promise<readonly MarkedTableLink[]> {
  const { bodies } = await askNetlinkForAll(aboutAllLinks(), 'reading all links');
  const isAny = bodies.some((body) => {
    const alias = aliasOf(body);
    return alias !== undefined && isWanted(alias, nameIn(body));
  });
  return isAny ? bodies.map((body) => ({ ...decodeLink(body), alias: aliasOf(body) })) : [];
}

/** Returns the names of the links of a group. @throws SystemCallError */
export async function readGroup(group: number): Promise<readonly string[]> {
  const { bodies } = await askNetlinkForAll(aboutAllLinks(), 'reading all links');
  return bodies.filter((body) => groupOf(body) === group).map(nameIn);
}

function indexOf({ index }: TableLink): number {
  return index;
}

/** Undefined if there is no link of that name. @throws SystemCallError */
export async function findLink(name: string): Promise<FoundLink | undefined> {
  const body = await readLink(name);
  return body && { index: decodeLink(body).index, alias: aliasOf(body) };
}

/**
 * Returns the name of the link of which this one is a port. Undefined if there is no such link, or
 * if it is no port.
 * @throws SystemCallError
 */
export async function findMaster(name: string): Promise<string | undefined> {
  const body = await readLink(name);
  const index = body && decodeLink(body).master;
  const master = index === undefined ? undefined : await readLink(index);
  return master && decodeLink(master).name;
}

/** Undefined if there is no link of that name. @throws SystemCallError */
export async function findLinkEntry(name: string): Promise<TableLink | undefined> {
  const body = await readLink(name);
  return body && decodeLink(body);
}

async function readLink(link: string | number): Promise<DataView | undefined> {
  const [answer] = await askNetlink([aboutLink(link)], `looking up link ${link}`);
  return answer && linkBody(answer);
}

/**
 * True if each of the links sends what it is given. A port of a bridge must also forward it. The
 * kernel gets there a moment after it has called a link running.
 * @throws SystemCallError
 */
export async function carryFrames(names: readonly string[]): Promise<boolean> {
  const answers = await askNetlink(
    names.map((name) => aboutLink(name)),
    `looking at links ${names.join(', ')}`,
  );
  const bodies = answers.map((answer) => answer && linkBody(answer));
  return bodies.every((body) => body !== undefined && isActive(body) && forwards(body));
}

/**
 * Makes both ends, down.
 * @throws SystemCallError, with code EEXIST if one of the names is taken. Then nothing is made.
 */
export async function addVethPair(one: NewLink, other: NewLink): Promise<void> {
  await askNetlink([newVethPair(one, other)], `adding link ${one.name}`);
}

/**
 * Makes a link on top of the one with the index `lower`, down.
 * @throws SystemCallError: EEXIST if the name is taken, EBUSY if something else takes the frames of
 * the link below, EOPNOTSUPP if the kernel has no such links.
 */
export async function addUpperLink(...link: Parameters<typeof newUpperLink>): Promise<void> {
  await askNetlink([newUpperLink(...link)], `adding link ${link[0].name}`);
}

/**
 * Returns the links with our mark in the namespace in which this thread is now, before anything
 * else runs.
 * @throws SystemCallError
 */
export function readMarkedLinksNow(): readonly MarkedLink[] {
  return askForAllNow(aboutAllLinks(), 'reading all links').flatMap((body) => {
    const { name, index, isUp } = decodeLink(body);
    const alias = aliasOf(body);
    return alias === undefined ? [] : [{ name, index, isUp, alias, group: groupOf(body) }];
  });
}

interface MarkedLink {
  readonly name: string;
  readonly index: number;
  readonly isUp: boolean;
  readonly alias: string;
  readonly group: number;
}

/**
 * Makes the changes in that order. A failure does not stop the others.
 * @throws SystemCallError for the first that failed, ENODEV if there is no such link.
 */
export async function changeLinks(changes: readonly LinkChange[]): Promise<void> {
  const names = new Set(changes.map(({ name }) => name));
  const what = `changing links ${[...names].join(', ')}`;
  const answers = await askNetlink(changes.flatMap(linkChange), what);
  if (answers.includes(undefined)) throw new SystemCallError(what, ENODEV);
}

/**
 * Renames the link, even while it is up. Before Linux 6.2 the kernel has to take it down for a
 * moment.
 * @throws SystemCallError, with code EEXIST if the name is taken, EBUSY if it cannot be done.
 */
export async function renameLink(index: number, name: string): Promise<void> {
  const what = `renaming link ${index} to ${name}`;
  const rename = nameOfLink(index, name);
  try {
    await askNetlink([rename], what);
  } catch (error) {
    if (!(error instanceof SystemCallError && error.code === 'EBUSY')) throw error;
    await askNetlink([linkUpOrDown(index, false), rename, linkUpOrDown(index, true)], what);
  }
}

/**
 * Removes the link. Both ends of a veth are removed. A missing link is no error.
 * @throws SystemCallError
 */
export async function removeLinkAt(index: number): Promise<void> {
  await askNetlink([linkRemoval(index)], `removing link ${index}`);
}

/** As `removeLinkAt`, for the link that has the name now. @throws SystemCallError */
export async function removeLinkNamed(name: string): Promise<void> {
  const link = await findLink(name);
  if (link !== undefined) await removeLinkAt(link.index);
}
