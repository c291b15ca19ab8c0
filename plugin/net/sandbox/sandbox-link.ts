/**
 * Finds the container's end of a veth inside a sandbox, where libnetwork has given it another name: a
 * veth knows the index of its peer, in whatever namespace the peer is.
 */
import { readFileSync } from 'node:fs';
import { PluginError } from '../../vocabulary/errors.ts';
import {
  askKernel,
  findLinkIndex,
  IFF_UP,
  linkFlags,
  linkName,
} from '../netlink/interface-request.ts';
import { inNetns, type NamespaceTrouble } from './netns.ts';

export interface SandboxLink {
  /** Its name inside. */
  readonly name: string;
  readonly index: number;
}

/**
 * Never throws.
 * @param netnsPath the sandbox as seen from here. @param hostEnd the veth's end in this namespace.
 * @param onTrouble is told, at each call, what stands in the way and does not pass by waiting: the kernel
 * refuses the namespace, or this process is out of something. Without it that becomes a warning of the process.
 * @returns the link's name inside once libnetwork has set it up; `not-yet` before that, and after the
 * sandbox is gone; `not-a-namespace` if the path is a file that cannot be entered.
 */
function findSandboxLink(
  netnsPath: string,
  hostEnd: string,
  onTrouble: (error: Error) => void = warnOnce,
): { link: string } | 'not-yet' | 'not-a-namespace' {
  return inSandbox(netnsPath, hostEnd, ({ name }) => ({ link: name }), onTrouble);
}

/**
 * As `findSandboxLink`, but it returns what `work` does inside with the link.
 * @param work does all of it before it returns; what it throws is a trouble.
 */
export function inSandbox<Result extends object>(
  netnsPath: string,
  hostEnd: string,
  work: (link: SandboxLink) => Result,
  onTrouble: (error: Error) => void,
): Result | 'not-yet' | 'not-a-namespace' {
  try {
    const peerIndex = Number(readFileSync(`/sys/class/net/${hostEnd}/iflink`, 'utf8'));
    const result = inNetns(netnsPath, () => {
      const name = nameIfUp(peerIndex);
      return name === undefined ? undefined : work({ name, index: peerIndex });
    });
    return result ?? 'not-yet';
  } catch (error) {
    const reason =
      error instanceof PluginError ? (error.evidence['reason'] as NamespaceTrouble) : undefined;
    if (reason === 'missing' || isGone(error)) return 'not-yet';
    if (reason !== 'not-a-namespace') onTrouble(error as Error);
    return reason === undefined ? 'not-yet' : 'not-a-namespace';
  }
}

/** The host's end went, also while it was being read. */
function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENODEV';
}

/**
 * As `findSandboxLink`, or `here` as long as the container's end is in this namespace under its first name:
 * that costs less to find out.
 */
export function probeSandbox(
  place: { readonly netnsPath: string; readonly hostEnd: string; readonly containerEnd: string },
  onTrouble: (error: Error) => void = warnOnce,
): ReturnType<typeof findSandboxLink> | 'here' {
  try {
    if (findLinkIndex(place.containerEnd) !== undefined) return 'here';
  } catch (error) {
    onTrouble(error as Error); // out of descriptors, say
    return 'not-yet';
  }
  return findSandboxLink(place.netnsPath, place.hostEnd, onTrouble);
}

const warned = new Set<string>();

/** One line per kind of trouble: it is the same for every container. */
function warnOnce(error: Error): void {
  const cause = error.cause instanceof Error ? error.cause : error;
  const kind = (cause as NodeJS.ErrnoException).code ?? cause.name;
  if (warned.has(kind)) return;
  warned.add(kind);
  process.emitWarning(`a sandbox cannot be looked into: ${error.message}`);
}

/** The name of the link with that index in the current namespace; undefined if there is none, or it is down. */
function nameIfUp(index: number): string | undefined {
  return askKernel((fd) => {
    const name = linkName(fd, index);
    return (linkFlags(fd, name) & IFF_UP) === 0 ? undefined : name;
  });
}
