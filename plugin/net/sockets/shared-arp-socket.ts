/**
 * One packet socket per bridge, and per 64 containers on it, that hears who else claims the addresses of its containers (RFC 5227 §2.4). It sits in
 * this process's own namespace, so it keeps no namespace of a container alive.
 *
 * It is not promiscuous: it hears what every host of the segment hears, ARP to a group address. A promiscuous one would
 * hear unicast ARP to a container, too, but then the bridge hands a copy of each frame of each container to the host.
 * It is bound to all protocols, because the bridge is closed to the host (guard/protection.ts).
 *
 * The filter has each address with its MAC, so that neither other hosts' ARP nor the container's own wakes this process.
 */
import { ipv4FromBytes, macFromBytes, type Ipv4, type Mac } from '../../wire/address.ts';
import { findLinkIndex } from '../netlink/interface-request.ts';
import { addressOwnersFilter } from './filter.ts';
import { openPacketSocket, type PacketSocket } from './packet-socket.ts';

interface Handlers {
  /** Whoever claims the same address gets the same bytes: to be read only. */
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
  /** Of the link it is on; the name may have gone to another link since. */
  readonly index: number | undefined;
  readonly owners: Set<Owner>;
}

/** Of one socket: what `addressOwnersFilter` has room for. */
const MOST_OWNERS = 64;
const SENDER_MAC_AT = 22;
const SENDER_ADDRESS_AT = 28;
/** Room for the claims on hundreds of addresses at once; the kernel has its own upper limit. */
const RECEIVE_BUFFER_BYTES = 256 * 1024;

/** By link name: as few as have room. Each goes with its last owner or with its link. */
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
  const owner: Owner = { ...own, handlers };
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
  // Once for all that leave in this turn.
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
    // Another link by that name has sockets of its own; the old ones end when their owners let go.
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
      // A copy of the list: whoever is called may close and open at will.
      for (const owner of [...owners]) {
        const isClaim = owner.address === address && owner.mac !== mac;
        if (isClaim && owners.has(owner)) owner.handlers.onFrame(frame);
      }
    },
    onError: (error) => {
      forget(link, shared);
      for (const owner of [...owners]) {
        // One before it may have closed it.
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
