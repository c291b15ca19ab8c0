/**
 * Makes a container's macvlan or ipvlan link again, inside its running container. The kernel
 * removes such links with the link below them, for example when the driver of a card is loaded
 * again.
 */
import { closeSync, openSync } from 'node:fs';
import { findLinkIndex } from '../netlink/interface-request.ts';
import { linkMove, linkUpOrDown } from '../netlink/link-messages.ts';
import { removeLinkNamed } from '../netlink/rtnetlink.ts';
import { askNetlink, openNetlinkSocket } from '../netlink/netlink-socket.ts';
import { SystemCallError } from '../libc.ts';
import { inNetns } from '../sandbox/netns.ts';
import { ensureUpperLink, type UpperLinkSpec } from './upper-link.ts';

const ENODEV = 19;

/**
 * @param spec.name the name that it had in the container.
 * @throws PluginError as `ensureUpperLink`, SOCKET_FAILED if the sandbox cannot be entered;
 * SystemCallError EEXIST if the name is taken there. Then no link is left.
 */
export async function remakeInSandbox(
  spec: UpperLinkSpec & { readonly netnsPath: string; readonly name: string },
): Promise<readonly string[]> {
  const { netnsPath, name } = spec;
  const namespace = openSync(netnsPath, 'r');
  try {
    const warnings = await ensureUpperLink(spec);
    await moveInto(namespace, spec);
    await bringUp(netnsPath, name);
    return warnings;
  } finally {
    closeSync(namespace);
  }
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

async function bringUp(netnsPath: string, name: string): Promise<void> {
  const { index, socket } = inNetns(netnsPath, () => ({
    index: findLinkIndex(name),
    socket: openNetlinkSocket(),
  }));
  const what = `bringing up link ${name} in ${netnsPath}`;
  try {
    if (index === undefined) throw new SystemCallError(what, ENODEV);
    await socket.ask([linkUpOrDown(index, true)], what);
  } finally {
    socket.close();
  }
}
