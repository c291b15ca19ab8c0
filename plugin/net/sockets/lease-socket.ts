/** The packet socket that a DHCP client wants: replies to its own MAC and nothing else. */
import type { Mac } from '../../wire/address.ts';
import { ClientPort, holdClientPort } from './client-port.ts';
import { dhcpClientFilter } from './filter.ts';
import { sendFromLink } from './link-sender.ts';
import { openPacketSocket, type FrameInfo, type PacketSocket } from './packet-socket.ts';
import { openSharedLeaseSocket } from './shared-lease-socket.ts';

interface Place {
  readonly link: string;
  readonly netnsPath?: string;
  readonly promiscuous?: boolean;
  /** Many clients on one link of this namespace: one promiscuous socket hears for all of them. */
  readonly shared?: boolean;
  /** The link of this namespace that DHCP requests leave by, if not by `link`. */
  readonly speaksVia?: string;
}

interface Handlers {
  onFrame(frame: Uint8Array, info: FrameInfo): void;
  onError(error: Error): void;
  /** Told of what the socket works without. */
  onTrouble?(error: Error): void;
}

interface LeaseSocket {
  /** Hears from now on. @throws PluginError SOCKET_FAILED if the link is gone. */
  listen(): void;
  /** A DHCP request. @throws PluginError SOCKET_FAILED */
  send(frame: Uint8Array): void;
  /** What has to come from the link itself: ARP, by which bridges learn where its MAC is. @throws PluginError SOCKET_FAILED */
  sendFromLink(frame: Uint8Array): void;
  close(): void;
  readonly index?: number;
}

/**
 * It hears nothing before `listen`; a shared one listens from the start.
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
    // An answer behind tags passed no switch that guards DHCP. Every frame is looked at, but only until the answer is here.
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

function senders(
  socket: PacketSocket,
  speaksVia: string | undefined,
): Pick<LeaseSocket, 'send' | 'sendFromLink'> {
  const own = (frame: Uint8Array) => socket.send(frame);
  const send =
    speaksVia === undefined ? own : (frame: Uint8Array) => sendFromLink(speaksVia, frame);
  return { send, sendFromLink: own };
}

/** The client's port is held from `listen` to `close`, where it can be had. */
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
