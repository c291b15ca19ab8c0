/** Where an endpoint's DHCP client is to sit. */
import type { SocketPlace } from '../leasing/frame-socket.ts';
import type { FollowTarget } from '../leasing/lease-service.ts';
import type { EndpointRecord, NetworkRecord } from './records.ts';

/** Where a container is heard whose sandbox is not known. */
export function onBridge({ options }: NetworkRecord): SocketPlace {
  return { link: options.bridge, promiscuous: true };
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
