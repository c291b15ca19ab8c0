/**
 * Opens a socket for ARP. With an address, it hears ARP by which another host claims or seeks that
 * address. Without one, it hears all ARP. The socket is a packet socket of its own, or a part of
 * the shared socket of the link.
 */
import type { Ipv4, Mac } from '../../wire/address.ts';
import { addressConflictFilter, arpFilter } from './filter.ts';
import { openPacketSocket } from './packet-socket.ts';
import { openSharedArpSocket } from './shared-arp-socket.ts';

/** @throws PluginError SOCKET_FAILED if the link or its namespace is not there. */
export function openArpSocket(
  place: {
    readonly link: string;
    readonly netnsPath?: string;
    readonly promiscuous?: boolean;
    /**
     * True to use the one socket that hears for all on that link. It is used only without `probes`.
     */
    readonly shared?: boolean;
  },
  own: { readonly mac: Mac; readonly address?: Ipv4; readonly probes?: boolean },
  handlers: { onFrame(frame: Uint8Array): void; onError(error: Error): void },
): { close(): void } {
  const { mac, address, probes = true } = own;
  if (place.shared === true && address !== undefined && !probes) {
    return openSharedArpSocket(place.link, { mac, address }, handlers);
  }
  return openPacketSocket({
    link: place.link,
    netnsPath: place.netnsPath,
    promiscuous: place.promiscuous ?? false,
    filter: address === undefined ? arpFilter() : addressConflictFilter(mac, address, probes),
    protocol: 'arp',
    onFrame: (frame) => handlers.onFrame(frame),
    onError: (error) => handlers.onError(error),
  });
}
