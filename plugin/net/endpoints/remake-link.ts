/**
 * Makes a container's macvlan or ipvlan link again, inside its running container. The kernel
 * removes such links with the link below them, for example when the driver of a card is loaded
 * again.
 *
 * Until the link is up in the container, it is in the group of unfinished links. If we are killed
 * before that, the next start removes it from the host, or finishes it in the container.
 */
import { closeSync, openSync } from 'node:fs';
import { findLinkIndex } from '../netlink/interface-request.ts';
import { UNFINISHED_GROUP, upperMark } from '../links/link-names.ts';
import { linkChange, linkMove } from '../netlink/link-messages.ts';
import { readMarkedLinksNow, removeLinkNamed } from '../netlink/rtnetlink.ts';
import { askNetlink, openNetlinkSocket } from '../netlink/netlink-socket.ts';
import { SystemCallError } from '../libc.ts';
import { inNetns } from '../sandbox/netns.ts';
import { ensureUpperLink, type UpperLinkSpec } from './upper-link.ts';

const ENODEV = 19;

/**
 * @param spec.name the name that it had in the container.
 * @returns sentences for the log. Undefined if the link is there, and the container has set it
 * down.
 * @throws PluginError as `ensureUpperLink`, SOCKET_FAILED if the sandbox cannot be entered;
 * SystemCallError EEXIST if the name is taken there. Then no link is left.
 */
export async function remakeInSandbox(
  spec: UpperLinkSpec & { readonly netnsPath: string; readonly name: string },
): Promise<readonly string[] | undefined> {
  const { netnsPath, name } = spec;
  const namespace = openSync(netnsPath, 'r');
  try {
    const there = findInside(spec);
    if (there !== undefined && there.group !== UNFINISHED_GROUP) return undefined;
    if (there !== undefined) {
      await bringUp(netnsPath, there.name);
      return [];
    }
    const warnings = await ensureUpperLink({ ...spec, staysUnfinished: true });
    await moveInto(namespace, spec);
    await bringUp(netnsPath, name);
    return warnings;
  } finally {
    closeSync(namespace);
  }
}

/** Finds the link in the sandbox, up or down. */
function findInside({ netnsPath, containerEnd }: Parameters<typeof remakeInSandbox>[0]) {
  const mark = upperMark(containerEnd);
  return inNetns(netnsPath, () => readMarkedLinksNow().find(({ alias }) => alias === mark));
}

/** @param namespace a descriptor of it. Where the link cannot go there, none is left. */
async function moveInto(
  namespace: number,
  { containerEnd, netnsPath, name }: Parameters<typeof remakeInSandbox>[0],
): Promise<void> {
  try {
    const index = findLinkIndex(containerEnd);
    const what = `moving link ${containerEnd} into ${netnsPath}`;
    if (index === undefined) throw new SystemCallError(what, ENODEV);
    await askNetlink([linkMove(index, namespace, name)], what);
  } catch (error) {
    await removeLinkNamed(containerEnd);
    throw error;
  }
}

/** Takes it out of the group of unfinished links last: it is finished when it is up. */
async function bringUp(netnsPath: string, name: string): Promise<void> {
  const socket = inNetns(netnsPath, openNetlinkSocket);
  const what = `bringing up link ${name} in ${netnsPath}`;
  try {
    const changes = [
      { name, isUp: true },
      { name, group: 0 },
    ];
    const answers = await socket.ask(changes.flatMap(linkChange), what);
    if (answers.includes(undefined)) throw new SystemCallError(what, ENODEV);
  } finally {
    socket.close();
  }
}
