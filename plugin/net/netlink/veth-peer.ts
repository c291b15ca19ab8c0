/**
 * Finds the other end of a veth pair, in whatever namespace that end is.
 *
 * rtnetlink answers when it has the kernel's lock of all links. While dockerd moves links into
 * containers it has that lock most of the time, for 10 to 20 ms each. A look at a sandbox must not
 * keep the one thread waiting for it. The kernel shows the same number in /sys without that lock.
 * But /sys shows the links of the namespace in which it was mounted, which may be another one.
 */
import { readFileSync } from 'node:fs';
import { isLinkName } from '../../vocabulary/link-name.ts';
import { askKernel, linkIndex, linkMac } from './interface-request.ts';
import { aboutLink, IFLA_LINK, LINK_LENGTH, linkBody } from './link-messages.ts';
import { findAttribute } from './netlink-messages.ts';
import { askNow } from './netlink-socket.ts';

/** In struct ifinfomsg. */
const INDEX_AT = 4;

/**
 * Returns the index that the other end has in its namespace. Undefined if there is no such link
 * here. Starts no process. Waits for the kernel's lock of all links only where /sys is of another
 * namespace.
 * @param ask asks the kernel by rtnetlink. Tests replace it.
 * @throws SystemCallError
 */
export function vethPeerIndex(end: string, ask = askForPeer): number | undefined {
  return peerInSys(end) ?? ask(end);
}

/**
 * The same by /sys. Undefined if /sys does not show this very link: its index and MAC are compared
 * with those of the link here.
 */
function peerInSys(end: string): number | undefined {
  if (!isLinkName(end)) return undefined;
  const read = (name: string) => readFileSync(`/sys/class/net/${end}/${name}`, 'utf8').trim();
  try {
    const link = askKernel((fd) => ({ index: linkIndex(fd, end), mac: linkMac(fd, end) }));
    if (link === undefined || read('ifindex') !== String(link.index)) return undefined;
    if (read('address') !== link.mac) return undefined;
    const peer = Number(read('iflink'));
    return Number.isSafeInteger(peer) && peer > 0 ? peer : undefined;
  } catch {
    return undefined; // no /sys, or the link goes at the moment: rtnetlink says what is true
  }
}

function askForPeer(end: string): number | undefined {
  const answer = askNow(aboutLink(end), `looking up link ${end}`);
  if (answer === undefined) return undefined;
  const body = linkBody(answer);
  const peer = findAttribute(body, LINK_LENGTH, IFLA_LINK)?.getInt32(0, true);
  // Before Linux 5.13 the kernel leaves out an index that is the same as that of this end.
  return peer ?? body.getInt32(INDEX_AT, true);
}
