/**
 * A packet socket on a bridge that hears who else claims the addresses of containers on it (RFC
 * 5227 §2.4). One socket serves up to 64 containers. It is in this process's own namespace, so it
 * keeps no namespace of a container alive.
 *
 * It is not promiscuous. It hears what every host of the segment hears: ARP to a group address. A
 * promiscuous socket would also hear unicast ARP to a container. But then the bridge would hand a
 * copy of each frame of each container to the host. The socket is bound to all protocols, because
 * the bridge is closed to the host (guard/protection.ts).
 *
 * The filter has each address with its MAC. So this process wakes up neither for ARP about other
 * addresses nor for ARP of the container itself.
 */
import { ipv4FromBytes, macFromBytes, type Ipv4, type Mac } from '../../wire/address.ts';
import { findLinkIndex } from '../netlink/interface-request.ts';
import { addressOwnersFilter } from './filter.ts';
import { openPacketSocket, type PacketSocket } from './packet-socket.ts';

interface Handlers {
  /** Do not change `frame`: all owners of the same address get the same bytes. */
  onFrame(frame: Uint8Array): void;
  /** Called once, when the link is gone for good. */
  onError(error: Error): void;
}

interface Owner {
  readonly mac: Mac;
  readonly address: Ipv4;
  readonly handlers: Handlers;
}

interface SharedSocket {
  readonly socket: PacketSocket;
  /** The index of the link. Another link may have the name by now. */
  readonly index: number | undefined;
  readonly owners: Set<Owner>;
}

/** The number of owners of one socket. `addressOwnersFilter` has room for these. */
const MOST_OWNERS = 64;
const SENDER_MAC_AT = 22;
const SENDER_ADDRESS_AT = 28;
/** Room for the claims on hundreds of addresses at once. The kernel has its own upper limit. */
const RECEIVE_BUFFER_BYTES = 256 * 1024;

/**
 * The sockets by the name of their link, as few as possible. Each is closed with its last owner, or
 * when its link is gone.
 */
const socketsByLink = new Map<string, Set<SharedSocket>>();

/**
 * Opens synchronously.
 * @param link in this process's own namespace.
 * @throws PluginError SOCKET_FAILED if there is no such link.
 */
export function openSharedArpSocket(
  link: string,
  own: { readonly mac: Mac; readonly address: Ipv4 },
  handlers: Handlers,
): { close(): void } {
  const shared = socketWithRoom(link);
  const owner: Owner = { handlers, ...own };
  shared.owners.add(owner);
  try {
    applyFilter(shared); // at once: the next frame may be the claim
  } catch (error) {
    leave(link, shared, owner);
    throw error;
  }
  return { close: () => leave(link, shared, owner) };
}

function leave(link: string, shared: SharedSocket, owner: Owner): void {
  if (!shared.owners.delete(owner)) return;
  if (shared.owners.size === 0) {
    forget(link, shared);
    shared.socket.close();
    return;
  }
  // Sets the filter once for all owners that leave in this turn.
  queueMicrotask(() => {
    if (shared.owners.size > 0) applyFilter(shared);
  });
}

function applyFilter({ socket, owners }: SharedSocket): void {
  const macs = new Map<Ipv4, Mac | undefined>();
  for (const { address, mac } of owners) {
    macs.set(address, !macs.has(address) || macs.get(address) === mac ? mac : undefined);
  }
  socket.setFilter(addressOwnersFilter([...macs].map(([address, mac]) => ({ address, mac }))));
}

function socketWithRoom(link: string): SharedSocket {
  const index = findLinkIndex(link);
  const present = socketsByLink.get(link) ?? new Set();
  for (const shared of present) {
    // Another link of that name gets sockets of its own. The old ones end when their last owner
    // leaves.
    if (shared.index === index && shared.owners.size < MOST_OWNERS) return shared;
  }
  const owners: SharedSocket['owners'] = new Set();
  const socket = openPacketSocket({
    link,
    netnsPath: undefined,
    promiscuous: false,
    filter: addressOwnersFilter([]),
    protocol: 'arp',
    receiveBufferBytes: RECEIVE_BUFFER_BYTES,
    onFrame: (frame) => {
      const address = ipv4FromBytes(frame, SENDER_ADDRESS_AT);
      const mac = macFromBytes(frame, SENDER_MAC_AT);
      // Uses a copy of the list, because a handler may close and open sockets.
      for (const owner of [...owners]) {
        const isClaim = owner.address === address && owner.mac !== mac;
        if (isClaim && owners.has(owner)) owner.handlers.onFrame(frame);
      }
    },
    onError: (error) => {
      forget(link, shared);
      for (const owner of [...owners]) {
        // The handler of an earlier owner may have closed this one.
        if (owners.delete(owner)) owner.handlers.onError(error);
      }
    },
  });
  const shared: SharedSocket = { socket, index, owners };
  socketsByLink.set(link, present.add(shared));
  return shared;
}

function forget(link: string, shared: SharedSocket): void {
  const all = socketsByLink.get(link);
  all?.delete(shared);
  if (all?.size === 0) socketsByLink.delete(link);
}
