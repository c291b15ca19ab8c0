/**
 * Finds the container's end of a veth inside a sandbox, where libnetwork has given it another name: a
 * veth knows the index of its peer, in whatever namespace the peer is.
 */
import { readFileSync } from 'node:fs';
import { PluginError } from '../errors.ts';
import { askKernel, IFF_UP, linkFlags, linkName } from './interface-request.ts';
import { inNetns, type NamespaceTrouble } from './netns.ts';

/**
 * @param netnsPath the sandbox as seen from here. @param hostEnd the veth's end in this namespace.
 * @returns the link's name inside once libnetwork has set it up; `not-yet` before that, and after the
 * sandbox is gone; `not-a-namespace` if the path is a file that no namespace is mounted on.
 */
export function findSandboxLink(
  netnsPath: string,
  hostEnd: string,
): { link: string } | 'not-yet' | 'not-a-namespace' {
  try {
    const peerIndex = Number(readFileSync(`/sys/class/net/${hostEnd}/iflink`, 'utf8'));
    const link = inNetns(netnsPath, () => nameIfUp(peerIndex));
    return link === undefined ? 'not-yet' : { link };
  } catch (error) {
    if (!(error instanceof PluginError)) return 'not-yet'; // the host's end is gone
    const reason = error.evidence['reason'] as NamespaceTrouble | undefined;
    return reason === 'missing' ? 'not-yet' : 'not-a-namespace';
  }
}

/** The name of the link with that index in the current namespace; undefined if there is none, or it is down. */
function nameIfUp(index: number): string | undefined {
  return askKernel((fd) => {
    const name = linkName(fd, index);
    return (linkFlags(fd, name) & IFF_UP) === 0 ? undefined : name;
  });
}
