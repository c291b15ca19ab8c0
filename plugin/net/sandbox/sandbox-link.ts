/**
 * Finds the container's end of a veth inside a sandbox. libnetwork gives it another name there. A
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
  /** The name of the link inside the sandbox. */
  readonly name: string;
  readonly index: number;
}

/**
 * Returns the link's name inside the sandbox. Never throws.
 * @param netnsPath the path of the sandbox for this process.
 * @param hostEnd the veth's end in this namespace.
 * @param onTrouble called, at each call, with an error that waiting does not solve. The kernel
 * refuses the namespace, or this process has run out of something. The default is a warning of the
 * process.
 * @returns the link's name once libnetwork has set it up. `not-yet` before that, and after the
 * sandbox is gone. `not-a-namespace` if the path is a file that cannot be entered.
 */
function findSandboxLink(
  netnsPath: string,
  hostEnd: string,
  onTrouble: (error: Error) => void = warnOnce,
): { link: string } | 'not-yet' | 'not-a-namespace' {
  return inSandbox(netnsPath, hostEnd, ({ name }) => ({ link: name }), onTrouble);
}

/**
 * Works like `findSandboxLink`, but returns the result that `work` has inside with the link.
 * @param work must do all its work before it returns. An error that it throws goes to `onTrouble`.
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

/** True if the host's end is gone, even if it went while it was read. */
function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENODEV';
}

/**
 * Works like `findSandboxLink`. But returns `here` while the container's end is in this namespace
 * under its first name, which costs less to find out.
 */
export function probeSandbox(
  place: { readonly netnsPath: string; readonly hostEnd: string; readonly containerEnd: string },
  onTrouble: (error: Error) => void = warnOnce,
): ReturnType<typeof findSandboxLink> | 'here' {
  try {
    if (findLinkIndex(place.containerEnd) !== undefined) return 'here';
  } catch (error) {
    onTrouble(error as Error); // for example, no descriptors are left
    return 'not-yet';
  }
  return findSandboxLink(place.netnsPath, place.hostEnd, onTrouble);
}

const warned = new Set<string>();

/** Warns once for each kind of error, because it is the same for every container. */
function warnOnce(error: Error): void {
  const cause = error.cause instanceof Error ? error.cause : error;
  const kind = (cause as NodeJS.ErrnoException).code ?? cause.name;
  if (warned.has(kind)) return;
  warned.add(kind);
  process.emitWarning(`a sandbox cannot be looked into: ${error.message}`);
}

/**
 * Returns the name of the link with that index in the current namespace. Undefined if there is
 * none, or if it is down.
 */
function nameIfUp(index: number): string | undefined {
  return askKernel((fd) => {
    const name = linkName(fd, index);
    return (linkFlags(fd, name) & IFF_UP) === 0 ? undefined : name;
  });
}
