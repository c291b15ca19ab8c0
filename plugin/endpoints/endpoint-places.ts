/** The places of an endpoint's DHCP client. */
import type { SocketPlace } from '../leasing/sockets/frame-socket.ts';
import type { FollowTarget } from '../leasing/lease-service.ts';
import type { NetworkRecord } from '../state/records.ts';
import type { EndpointRecord } from '../state/lease-records.ts';

/** The place to hear a container whose sandbox is not known. */
export function onBridge({ options }: NetworkRecord): SocketPlace {
  return { link: options.bridge, promiscuous: true };
}

/**
 * The place of the container's end before Join. After Join the port passes no requests, so the
 * bridge sends them.
 */
export function atPort(
  { containerEnd }: EndpointRecord,
  { options }: NetworkRecord,
  isJoined: boolean,
): SocketPlace {
  return { link: containerEnd, ...(isJoined ? { speaksVia: options.bridge } : {}) };
}

/** @param sandboxPath returns the path for this process of a sandbox that dockerd names. */
export function followTarget(
  { sandboxPath }: { readonly sandboxPath: (sandboxKey: string) => string },
  { hostEnd, containerEnd }: EndpointRecord,
  { options }: NetworkRecord,
  sandboxKey: string,
): FollowTarget {
  const netnsPath = sandboxPath(sandboxKey);
  return { netnsPath, hostEnd, containerEnd, fallback: options.bridge };
}
