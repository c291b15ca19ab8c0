/** The packet socket that a DHCP client wants: replies to its own MAC and nothing else. */
import type { Mac } from '../wire/address.ts';
import { dhcpClientFilter } from './filter.ts';
import { openPacketSocket, type FrameInfo } from './packet-socket.ts';
import { openSharedLeaseSocket } from './shared-lease-socket.ts';

/**
 * It hears nothing before `listen`; a shared one listens from the start.
 * @throws PluginError SOCKET_FAILED if the link or its namespace is not there.
 */
export function openLeaseSocket(
  place: {
    readonly link: string;
    readonly netnsPath?: string;
    readonly promiscuous?: boolean;
    /** Many clients on one link of this namespace: one promiscuous socket hears for all of them. */
    readonly shared?: boolean;
  },
  mac: Mac,
  handlers: {
    onFrame(frame: Uint8Array, info: FrameInfo): void;
    onError(error: Error): void;
  },
): { listen(): void; send(frame: Uint8Array): void; close(): void; readonly index?: number } {
  if (place.shared === true) {
    return { ...openSharedLeaseSocket(place.link, mac, handlers), listen: () => undefined };
  }
  return openPacketSocket({
    link: place.link,
    netnsPath: place.netnsPath,
    promiscuous: place.promiscuous ?? false,
    filter: dhcpClientFilter(mac),
    protocol: 'ipv4',
    listens: false,
    onFrame: (frame, info) => handlers.onFrame(frame, info),
    onError: (error) => handlers.onError(error),
  });
}
