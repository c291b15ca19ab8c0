/** Opens the packet socket of a DHCP client. It hears only replies to the client's MAC. */
import type { Mac } from '../../wire/address.ts';
import { ClientPort, holdClientPort } from './client-port.ts';
import { dhcpClientFilter } from './filter.ts';
import { sendFromLink } from './link-sender.ts';
import { openPacketSocket, type FrameInfo, type PacketSocket } from './packet-socket.ts';
import { openSharedLeaseSocket } from './shared-lease-socket.ts';

export interface Place {
  readonly link: string;
  readonly netnsPath?: string;
  readonly promiscuous?: boolean;
  /**
   * True for many clients on one link of this namespace. One promiscuous socket hears for all of
   * them.
   */
  readonly shared?: boolean;
  /** The link of this namespace by which DHCP requests leave. If undefined: `link`. */
  readonly speaksVia?: string | undefined;
}

interface Handlers {
  onFrame(frame: Uint8Array, info: FrameInfo): void;
  onError(error: Error): void;
  /** Called with a problem that does not stop the socket. */
  onTrouble?(error: Error): void;
}

export interface LeaseSocket {
  /** Starts to hear. @throws PluginError SOCKET_FAILED if the link is gone. */
  listen(): void;
  /** Sends a DHCP request. @throws PluginError SOCKET_FAILED */
  send(frame: Uint8Array): void;
  /**
   * Sends ARP, which must leave from the link itself. Bridges learn by it where the MAC of the link
   * is.
   * @throws PluginError SOCKET_FAILED
   */
  sendFromLink(frame: Uint8Array): void;
  close(): void;
  readonly index?: number;
}

/**
 * Opens the socket. It hears nothing before `listen`. A shared socket hears from the start.
 * @throws PluginError SOCKET_FAILED if the link or its namespace is not there.
 */
export function openLeaseSocket(place: Place, mac: Mac, handlers: Handlers): LeaseSocket {
  if (place.shared === true) {
    const shared = openSharedLeaseSocket(place.link, mac, handlers);
    const send = (frame: Uint8Array) => shared.send(frame);
    return { send, sendFromLink: send, close: () => shared.close(), listen: () => undefined };
  }
  const socket = openPacketSocket({
    link: place.link,
    netnsPath: place.netnsPath,
    promiscuous: place.promiscuous ?? false,
    filter: dhcpClientFilter(mac),
    protocol: 'ipv4',
    // An answer behind tags has passed no switch that guards DHCP. The filter runs for every frame,
    // but only until the answer has come.
    seesTags: true,
    listens: false,
    onFrame: (frame, info) => handlers.onFrame(frame, info),
    onError: (error) => handlers.onError(error),
  });
  const { netnsPath } = place;
  return netnsPath === undefined
    ? onHost(socket, place.speaksVia)
    : inSandbox(socket, { netnsPath, speaksVia: place.speaksVia }, handlers);
}

function onHost(socket: PacketSocket, speaksVia: string | undefined): LeaseSocket {
  return {
    index: socket.index,
    listen: () => socket.listen(),
    ...senders(socket, speaksVia),
    close: () => socket.close(),
  };
}

/** How a socket sends whose requests leave by another link of the host. */
export function senders(
  socket: PacketSocket,
  speaksVia: string | undefined,
): Pick<LeaseSocket, 'send' | 'sendFromLink'> {
  const own = (frame: Uint8Array) => socket.send(frame);
  const send =
    speaksVia === undefined ? own : (frame: Uint8Array) => sendFromLink(speaksVia, frame);
  return { send, sendFromLink: own };
}

/** Holds the client's port from `listen` to `close`, if it can be taken. */
function inSandbox(
  socket: PacketSocket,
  place: {
    readonly netnsPath: string;
    readonly speaksVia: string | undefined;
  },
  handlers: Handlers,
): LeaseSocket {
  const { netnsPath, speaksVia } = place;
  const port = new ClientPort(
    () => holdClientPort(netnsPath, socket.index),
    (error) => handlers.onTrouble?.(error),
  );
  return {
    index: socket.index,
    listen() {
      socket.listen();
      port.take();
    },
    ...senders(socket, speaksVia),
    close() {
      port.giveBack();
      socket.close();
    },
  };
}
