/** The places of an endpoint's DHCP client. */
import type { SocketPlace } from '../leasing/sockets/frame-socket.ts';
import type { FollowTarget } from '../leasing/lease-service.ts';
import { attachmentOf } from '../state/attachments/attachments.ts';
import type { NetworkRecord } from '../state/records.ts';
import type { EndpointRecord } from '../state/lease-records.ts';

/** The place to hear a container whose sandbox is not known. */
export function inHost(network: NetworkRecord): SocketPlace {
  return attachmentOf(network).placeInHost(network);
}

/**
 * The place of the container's end while it is in the host. A port passes no requests after Join,
 * so the bridge sends them then.
 */
export function atContainerEnd(
  { containerEnd }: Pick<EndpointRecord, 'containerEnd'>,
  network: NetworkRecord,
  isJoined: boolean,
): SocketPlace {
  const place = attachmentOf(network).leasePlace(network, containerEnd);
  return { ...place, ...(isJoined ? inContainer(network) : {}) };
}

/** @param sandboxPath returns the path for this process of a sandbox that dockerd names. */
export function followTarget(
  { sandboxPath }: { readonly sandboxPath: (sandboxKey: string) => string },
  { hostEnd, containerEnd }: EndpointRecord,
  network: NetworkRecord,
  sandboxKey: string,
): FollowTarget {
  const netnsPath = sandboxPath(sandboxKey);
  const inside = inContainer(network);
  return { netnsPath, hostEnd, containerEnd, inside, fallback: inHost(network) };
}

/** The place and the sandbox of a client of before a restart. */
export function placesToResume(
  deps: { readonly sandboxPath: (sandboxKey: string) => string },
  record: EndpointRecord,
  network: NetworkRecord,
  containerEndHere: boolean,
): { place?: SocketPlace; follow?: FollowTarget } {
  const { sandboxKey } = record;
  const isJoined = sandboxKey !== undefined;
  const place = containerEndHere ? atContainerEnd(record, network, isJoined) : inHost(network);
  return {
    ...(containerEndHere || !isJoined ? { place } : {}),
    ...(isJoined && { follow: followTarget(deps, record, network, sandboxKey) }),
  };
}

/** The path of the endpoint's sandbox. Undefined if it is not joined. */
export function netnsPathOf(
  { sandboxPath }: { readonly sandboxPath: (sandboxKey: string) => string },
  { sandboxKey }: Pick<EndpointRecord, 'sandboxKey'>,
): string | undefined {
  return sandboxKey === undefined ? undefined : sandboxPath(sandboxKey);
}

/** How a client goes on once its container has the link. */
function inContainer(network: NetworkRecord): FollowTarget['inside'] {
  const attachment = attachmentOf(network);
  return {
    speaksVia: attachment.requestsLeaveBy(network),
    defendsFrom: attachment.speaker(network),
  };
}
