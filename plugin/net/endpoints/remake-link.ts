/**
 * Makes a container's macvlan or ipvlan link again, inside its running container. The kernel
 * removes such links with the link below them, for example when the driver of a card is loaded
 * again.
 */
import { closeSync, openSync } from 'node:fs';
import { findLinkIndex } from '../netlink/interface-request.ts';
import { linkMove, linkUpOrDown } from '../netlink/link-messages.ts';
import { findLink, removeLinkAt } from '../netlink/rtnetlink.ts';
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
  const { containerEnd, netnsPath, name } = spec;
  const warnings = await ensureUpperLink(spec);
  const namespace = openSync(netnsPath, 'r');
  try {
    const index = findLinkIndex(containerEnd);
    const what = `moving link ${containerEnd} into ${netnsPath}`;
    if (index === undefined) throw new SystemCallError(what, ENODEV);
    await askNetlink([linkMove(index, namespace, name)], what);
  } catch (error) {
    const left = await findLink(containerEnd);
    if (left !== undefined) await removeLinkAt(left.index);
    throw error;
  } finally {
    closeSync(namespace);
  }
  await bringUp(netnsPath, name);
  return warnings;
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
