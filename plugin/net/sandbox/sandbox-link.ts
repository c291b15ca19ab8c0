/**
 * Finds a container's link inside a sandbox. libnetwork gives it another name there. A veth knows
 * the index of its peer, in whatever namespace the peer is. A link without an end in the host has
 * our mark.
 */
import type { ContainerLink } from '../../vocabulary/attachment.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import { upperMark } from '../links/link-names.ts';
import {
  askKernel,
  findLinkIndex,
  IFF_UP,
  linkFlags,
  linkName,
} from '../netlink/interface-request.ts';
import { readMarkedLinksNow } from '../netlink/rtnetlink.ts';
import { vethPeerIndex } from '../netlink/veth-peer.ts';
import { inNetns, type NamespaceTrouble } from './netns.ts';

export interface SandboxLink {
  /** The name of the link inside the sandbox. */
  readonly name: string;
  readonly index: number;
}

/**
 * Returns the link's name inside the sandbox. Never throws.
 * @param netnsPath the path of the sandbox for this process.
 * @param ends the link's ends.
 * @param onTrouble called, at each call, with an error that waiting does not solve. The kernel
 * refuses the namespace, or this process has run out of something. The default is a warning of the
 * process.
 * @returns the link's name once libnetwork has set it up. `not-yet` before that, and after the
 * sandbox is gone. `not-a-namespace` if the path is a file that cannot be entered.
 */
function findSandboxLink(
  netnsPath: string,
  ends: ContainerLink,
  onTrouble: (error: Error) => void = warnOnce,
): { link: string } | 'not-yet' | 'not-a-namespace' {
  return inSandbox(netnsPath, ends, ({ name }) => ({ link: name }), onTrouble);
}

/**
 * Works like `findSandboxLink`, but returns the result that `work` has inside with the link.
 * @param work must do all its work before it returns. An error that it throws goes to `onTrouble`.
 */
export function inSandbox<Result extends object>(
  netnsPath: string,
  ends: ContainerLink,
  work: (link: SandboxLink) => Result,
  onTrouble: (error: Error) => void,
): Result | 'not-yet' | 'not-a-namespace' {
  try {
    const look = lookFor(ends);
    if (look === undefined) return 'not-yet'; // the host's end is gone
    const result = inNetns(netnsPath, () => {
      const found = look();
      return found === undefined ? undefined : work(found);
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

/**
 * Returns the look to be done inside: undefined if the link is not there, or is down. Undefined if
 * there is nothing to look for.
 */
function lookFor({
  hostEnd,
  containerEnd,
}: ContainerLink): (() => SandboxLink | undefined) | undefined {
  if (hostEnd === undefined) {
    const mark = upperMark(containerEnd);
    return () => readMarkedLinksNow().find(({ alias, isUp }) => alias === mark && isUp);
  }
  const index = vethPeerIndex(hostEnd);
  if (index === undefined) return undefined;
  return () => {
    const name = nameIfUp(index);
    return name === undefined ? undefined : { name, index };
  };
}

/** True if the link is gone, even if it went while it was read. */
function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENODEV';
}

/**
 * Works like `findSandboxLink`. But returns `here` while the container's end is in this namespace
 * under its first name, which costs less to find out.
 */
export function probeSandbox(
  place: ContainerLink & { readonly netnsPath: string },
  onTrouble: (error: Error) => void = warnOnce,
): ReturnType<typeof findSandboxLink> | 'here' {
  try {
    if (findLinkIndex(place.containerEnd) !== undefined) return 'here';
  } catch (error) {
    onTrouble(error as Error); // for example, no descriptors are left
    return 'not-yet';
  }
  return findSandboxLink(place.netnsPath, place, onTrouble);
}

/**
 * True if the link is up in its sandbox, or if nothing is known: the sandbox cannot be entered, or
 * this process has run out of something.
 */
export function isInSandbox(place: ContainerLink & { readonly netnsPath: string }): boolean {
  let isTrouble = false;
  const found = findSandboxLink(place.netnsPath, place, () => (isTrouble = true));
  return isTrouble || found !== 'not-yet';
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
