/**
 * One packet socket per link for all DHCP clients that speak over it: for containers of Docker's own networks,
 * whose link is out of reach. A socket each would cost a filter run per client for every frame of the VLAN.
 *
 * It is promiscuous and so bound to all protocols: it hears frames before a macvlan, an ipvlan or a bridge on
 * the link takes them away. Whose a reply is, is read from `chaddr`; clients may share a MAC (ipvlan).
 */
import { PluginError } from '../../vocabulary/errors.ts';
import { macFromBytes, type Mac } from '../../wire/address.ts';
import { dhcpClientFilter } from './filter.ts';
import { findLinkIndex } from '../netlink/interface-request.ts';
import { openPacketSocket, type FrameInfo, type PacketSocket } from './packet-socket.ts';

interface Handlers {
  /** All clients of that MAC get the same bytes: to be read only. */
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
  /** Of the link it is on; the name may have gone to another link since. */
  readonly index: number | undefined;
  readonly subscribers: Map<Mac, Set<Subscriber>>;
}

const IP_AT = 14;
const UDP_HEADER_LENGTH = 8;
/** In the DHCP message (RFC 2131 §2). */
const CHADDR_AT = 28;
const MAC_LENGTH = 6;
/** Room for the replies to hundreds of clients at once; the kernel has its own upper limit. */
const RECEIVE_BUFFER_BYTES = 1024 * 1024;

/** By link name; each goes with its last subscriber or with its link. */
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
  // Another link by that name has a socket of its own; the old one ends when its clients let go.
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
      // A copy of the list: whoever is called may close and open at will.
      for (const subscriber of [...(subscribers.get(chaddr) ?? [])]) {
        if (subscriber.isOpen) subscriber.handlers.onFrame(frame, info);
      }
    },
    onError: (error) => {
      forget(link, shared);
      const all = [...subscribers.values()].flatMap((namesakes) => [...namesakes]);
      for (const subscriber of all) {
        if (!subscriber.isOpen) continue; // closed by the handler of one before it
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

/** Whom a DHCP message in an Ethernet frame is for; undefined if the frame ends before that. */
export function chaddrOf(frame: Uint8Array): Mac | undefined {
  const ipHeaderLength = ((frame[IP_AT] ?? 0) & 0x0f) * 4;
  const at = IP_AT + ipHeaderLength + UDP_HEADER_LENGTH + CHADDR_AT;
  return frame.length < at + MAC_LENGTH ? undefined : macFromBytes(frame, at);
}
