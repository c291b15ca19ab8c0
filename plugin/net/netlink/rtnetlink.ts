/**
 * Links by rtnetlink(7): looking one up with its alias, all of them at once, making a veth pair, changing and removing
 * links. No process is started for it, and other calls go on while the kernel takes its 20 ms to remove one.
 */
import { SystemCallError } from '../libc.ts';
import {
  aboutAllLinks,
  aboutLink,
  aliasOf,
  decodeLink,
  forwards,
  isActive,
  linkBody,
  linkChange,
  linkRemoval,
  linkUpOrDown,
  nameOfLink,
  newVethPair,
  type FoundLink,
  type LinkChange,
  type NewLink,
  type TableLink,
} from './link-messages.ts';
import { askNetlink, askNetlinkForAll } from './netlink-socket.ts';

const ENODEV = 19;

/**
 * All links of this namespace. A link is known by its index, its kind and what it lies on; names are what it is called
 * at the moment. Links that come or go meanwhile may be missing: `watchLinks` tells of them.
 * @throws SystemCallError
 */
export async function readLinkTable(): Promise<readonly TableLink[]> {
  return (await askNetlinkForAll(aboutAllLinks(), 'reading all links')).bodies.map(decodeLink);
}

/** Undefined if there is no link of that name. @throws SystemCallError */
export async function findLink(name: string): Promise<FoundLink | undefined> {
  const body = await readLink(name);
  return body && { index: decodeLink(body).index, alias: aliasOf(body) };
}

/** The name of what the link is a port of; undefined if there is no such link, or it is the port of nothing. @throws SystemCallError */
export async function findMaster(name: string): Promise<string | undefined> {
  const body = await readLink(name);
  const index = body && decodeLink(body).master;
  const master = index === undefined ? undefined : await readLink(index);
  return master && decodeLink(master).name;
}

async function readLink(link: string | number): Promise<DataView | undefined> {
  const [answer] = await askNetlink([aboutLink(link)], `looking up link ${link}`);
  return answer && linkBody(answer);
}

/**
 * True if each of the links sends what it is given, and forwards it if it is the port of a bridge. The kernel gets
 * there a moment after it has called a link running.
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

/** Both ends, down. @throws SystemCallError, of code EEXIST if one of the names is taken; then nothing is made. */
export async function addVethPair(one: NewLink, other: NewLink): Promise<void> {
  await askNetlink([newVethPair(one, other)], `adding link ${one.name}`);
}

/** In that order. @throws SystemCallError for the first that failed, ENODEV if there is no such link; the others are tried all the same. */
export async function changeLinks(changes: readonly LinkChange[]): Promise<void> {
  const what = `changing links ${changes.map(({ name }) => name).join(', ')}`;
  const answers = await askNetlink(changes.flatMap(linkChange), what);
  if (answers.includes(undefined)) throw new SystemCallError(what, ENODEV);
}

/**
 * Also while it is up: the kernel takes it down for the moment if it has to (before Linux 6.2).
 * @throws SystemCallError, of code EEXIST if the name is taken, EBUSY if it cannot be done.
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

/** Of a veth, the other end goes with it. Gone already is fine. @throws SystemCallError */
export async function removeLinkAt(index: number): Promise<void> {
  await askNetlink([linkRemoval(index)], `removing link ${index}`);
}
