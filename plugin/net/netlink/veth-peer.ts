/**
 * Finds the other end of a veth pair, in whatever namespace that end is. /sys has the same number,
 * but /sys shows the links of the namespace in which it was mounted, which may be another one.
 */
import { aboutLink, IFLA_LINK, linkBody } from './link-messages.ts';
import { findAttribute } from './netlink-messages.ts';
import { askNow } from './netlink-socket.ts';

/** In struct ifinfomsg. */
const INDEX_AT = 4;
const LINK_LENGTH = 16;

/**
 * Returns the index that the other end has in its namespace. Undefined if there is no such link
 * here. Starts no process and does not wait.
 * @throws SystemCallError
 */
export function vethPeerIndex(end: string): number | undefined {
  const answer = askNow(aboutLink(end), `looking up link ${end}`);
  if (answer === undefined) return undefined;
  const body = linkBody(answer);
  const peer = findAttribute(body, LINK_LENGTH, IFLA_LINK)?.getInt32(0, true);
  // Before Linux 5.13 the kernel leaves out an index that is the same as that of this end.
  return peer ?? body.getInt32(INDEX_AT, true);
}
