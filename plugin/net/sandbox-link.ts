/**
 * Finds the container's end of a veth inside a sandbox, where libnetwork has given it another name: a
 * veth knows the index of its peer, in whatever namespace the peer is.
 */
import { closeSync, readFileSync } from 'node:fs';
import { PluginError } from '../errors.ts';
import { controlDevice, fixedBytes, openSocket, SystemCallError } from './libc.ts';
import { inNetns, type NamespaceTrouble } from './netns.ts';

const AF_PACKET = 17;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const SIOCGIFNAME = 0x8910;
const SIOCGIFFLAGS = 0x8913;
const IFF_UP = 1;
const IFREQ_LENGTH = 40;
const IFREQ_VALUE_AT = 16;

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
  const fd = openSocket(AF_PACKET, SOCK_RAW_CLOEXEC, 0);
  try {
    const request = fixedBytes(IFREQ_LENGTH);
    const view = new DataView(request.buffer);
    view.setInt32(IFREQ_VALUE_AT, index, true);
    controlDevice(fd, SIOCGIFNAME, request);
    const name = request.slice(0, request.indexOf(0));
    controlDevice(fd, SIOCGIFFLAGS, request);
    const isUp = (view.getInt16(IFREQ_VALUE_AT, true) & IFF_UP) !== 0;
    return isUp ? new TextDecoder().decode(name) : undefined;
  } catch (error) {
    if (error instanceof SystemCallError) return undefined;
    throw error;
  } finally {
    closeSync(fd);
  }
}
