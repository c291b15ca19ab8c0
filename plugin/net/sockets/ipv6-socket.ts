/**
 * Opens the packet sockets of IPv6: one for a container that gets its addresses, one for the
 * routers of a segment. UDP port 546 is never taken: a client in the container may want it.
 */
import type { Mac } from '../../wire/address.ts';
import { addressingFilter, routerFilter } from './ipv6-filters.ts';
import { senders, type LeaseSocket, type Place } from './lease-socket.ts';
import { openPacketSocket, type FrameInfo } from './packet-socket.ts';

interface Handlers {
  onFrame(frame: Uint8Array, info: FrameInfo): void;
  onError(error: Error): void;
}

/**
 * Opens the socket of a container. It hears nothing before `listen`.
 * @throws PluginError SOCKET_FAILED if the link or its namespace is not there.
 */
export function openIpv6Socket(place: Place, mac: Mac, handlers: Handlers): LeaseSocket {
  const socket = openPacketSocket({
    link: place.link,
    netnsPath: place.netnsPath,
    promiscuous: place.promiscuous ?? false,
    // A macvlan link passes only groups that were joined on it, and the kernel joins none yet.
    allMulticast: true,
    filter: addressingFilter(mac),
    protocol: 'ipv6',
    // An answer behind tags has passed no switch that guards DHCP or RAs.
    seesTags: true,
    listens: false,
    onFrame: (frame, info) => handlers.onFrame(frame, info),
    onError: (error) => handlers.onError(error),
  });
  return {
    index: socket.index,
    listen: () => socket.listen(),
    ...senders(socket, place.speaksVia),
    close: () => socket.close(),
  };
}

/**
 * Hears the routers on a link of the host. @throws PluginError SOCKET_FAILED if it is not there.
 */
export function openRouterSocket(
  link: string,
  handlers: Handlers,
): { send(frame: Uint8Array): void; close(): void } {
  return openPacketSocket({
    link,
    netnsPath: undefined,
    promiscuous: false,
    filter: routerFilter(),
    protocol: 'ipv6',
    seesTags: true,
    onFrame: (frame, info) => handlers.onFrame(frame, info),
    onError: (error) => handlers.onError(error),
  });
}
