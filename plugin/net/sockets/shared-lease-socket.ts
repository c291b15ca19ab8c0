/**
 * One packet socket per link for all DHCP clients that use it. They are the clients for containers
 * of other drivers' networks, whose link is out of reach. With a socket for each client, the kernel
 * would run one filter per client for every frame of the VLAN.
 *
 * The socket is promiscuous and so bound to all protocols. It hears frames before a macvlan, an
 * ipvlan or a bridge on the link takes them away. `chaddr` says whose reply a frame is. Clients may
 * share a MAC (ipvlan).
 */
import { PluginError } from '../../vocabulary/errors.ts';
import { macFromBytes, type Mac } from '../../wire/address.ts';
import { dhcpClientFilter } from './filter.ts';
import { findLinkIndex } from '../netlink/interface-request.ts';
import { openPacketSocket, type FrameInfo, type PacketSocket } from './packet-socket.ts';

interface Handlers {
  /** Do not change `frame`: all clients of that MAC get the same bytes. */
  onFrame(frame: Uint8Array, info: FrameInfo): void;
  /** Called once, when the link is gone for good. */
  onError(error: Error): void;
}

interface Subscriber {
  readonly handlers: Handlers;
  isOpen: boolean;
}

interface SharedSocket {
  readonly socket: PacketSocket;
  /** The index of the link. Another link may have the name by now. */
  readonly index: number | undefined;
  readonly subscribers: Map<Mac, Set<Subscriber>>;
}

const IP_AT = 14;
const UDP_HEADER_LENGTH = 8;
/** The offset in the DHCP message (RFC 2131 §2). */
const CHADDR_AT = 28;
const MAC_LENGTH = 6;
/** Room for the replies to hundreds of clients at once. The kernel has its own upper limit. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;

/**
 * The sockets by the name of their link. Each is closed with its last subscriber, or when its link
 * is gone.
 */
const sharedSockets = new Map<string, SharedSocket>();

/**
 * Opens synchronously.
 * @param link in this process's own namespace.
 * @throws PluginError SOCKET_FAILED if there is no such link.
 */
export function openSharedLeaseSocket(
  link: string,
  mac: Mac,
  handlers: Handlers,
): { send(frame: Uint8Array): void; close(): void } {
  const shared = sharedSocketOn(link);
  const subscriber: Subscriber = { handlers, isOpen: true };
  const namesakes = shared.subscribers.get(mac) ?? new Set();
  shared.subscribers.set(mac, namesakes.add(subscriber));
  return {
    send(frame) {
      if (!subscriber.isOpen) {
        throw new PluginError(
          'SOCKET_FAILED',
          `cannot send on the closed packet socket on link ${link}`,
          { evidence: { link } },
        );
      }
      shared.socket.send(frame);
    },
    close() {
      if (!subscriber.isOpen) return;
      subscriber.isOpen = false;
      namesakes.delete(subscriber);
      if (namesakes.size === 0) shared.subscribers.delete(mac);
      if (shared.subscribers.size > 0) return;
      forget(link, shared);
      shared.socket.close();
    },
  };
}

function sharedSocketOn(link: string): SharedSocket {
  const index = findLinkIndex(link);
  const present = sharedSockets.get(link);
  // Another link of that name gets a socket of its own. The old socket ends when its last client
  // leaves.
  if (present !== undefined && present.index === index) return present;
  const subscribers: SharedSocket['subscribers'] = new Map();
  const socket = openPacketSocket({
    link,
    netnsPath: undefined,
    promiscuous: true,
    filter: dhcpClientFilter(undefined),
    protocol: 'ipv4',
    receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    onFrame: (frame, info) => {
      const chaddr = chaddrOf(frame);
      if (chaddr === undefined) return;
      // Uses a copy of the list, because a handler may close and open sockets.
      for (const subscriber of [...(subscribers.get(chaddr) ?? [])]) {
        if (subscriber.isOpen) subscriber.handlers.onFrame(frame, info);
      }
    },
    onError: (error) => {
      forget(link, shared);
      const all = [...subscribers.values()].flatMap((namesakes) => [...namesakes]);
      for (const subscriber of all) {
        if (!subscriber.isOpen) continue; // the handler of an earlier one has closed it
        subscriber.isOpen = false;
        subscriber.handlers.onError(error);
      }
    },
  });
  const shared: SharedSocket = { socket, index, subscribers };
  sharedSockets.set(link, shared);
  return shared;
}

function forget(link: string, shared: SharedSocket): void {
  if (sharedSockets.get(link) === shared) sharedSockets.delete(link);
}

/**
 * Returns the MAC for which the DHCP message in an Ethernet frame is. Undefined if the frame ends
 * too early.
 */
export function chaddrOf(frame: Uint8Array): Mac | undefined {
  const ipHeaderLength = ((frame[IP_AT] ?? 0) & 0x0f) * 4;
  const at = IP_AT + ipHeaderLength + UDP_HEADER_LENGTH + CHADDR_AT;
  return frame.length < at + MAC_LENGTH ? undefined : macFromBytes(frame, at);
}
