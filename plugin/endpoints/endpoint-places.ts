/** Where an endpoint's DHCP client is to sit. */
import type { SocketPlace } from '../leasing/sockets/frame-socket.ts';
import type { FollowTarget } from '../leasing/lease-service.ts';
import type { NetworkRecord } from '../state/records.ts';
import type { EndpointRecord } from '../state/lease-records.ts';

/** Where a container is heard whose sandbox is not known. */
export function onBridge({ options }: NetworkRecord): SocketPlace {
  return { link: options.bridge, promiscuous: true };
}

/** Where the container's end is before Join. Once it is joined, the port passes no requests, and the bridge speaks. */
export function atPort(
  { containerEnd }: EndpointRecord,
  { options }: NetworkRecord,
  isJoined: boolean,
): SocketPlace {
  return { link: containerEnd, ...(isJoined ? { speaksVia: options.bridge } : {}) };
}

/** @param sandboxPath where a sandbox key of dockerd's is found from here. */
export function followTarget(
  { sandboxPath }: { readonly sandboxPath: (sandboxKey: string) => string },
  { hostEnd, containerEnd }: EndpointRecord,
  { options }: NetworkRecord,
  sandboxKey: string,
): FollowTarget {
  const netnsPath = sandboxPath(sandboxKey);
  return { netnsPath, hostEnd, containerEnd, fallback: options.bridge };
}
