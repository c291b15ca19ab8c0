/** The sockets of one client, which follow its container's link together. */
import type { SocketPlace } from './frame-socket.ts';

export interface Seats {
  /** Takes another place and gives up the old one. @throws PluginError SOCKET_FAILED. */
  open(place: SocketPlace, onError: (error: Error) => void): void;
  closeSocket(): void;
  /** What could not be sent without a place is sent now. */
  catchUp(): void;
  /** Whether there is a place, with a socket there or without. */
  readonly isOpen: boolean;
  /** Whether the place is in a sandbox. */
  readonly isInSandbox: boolean;
}

/** The sockets of IPv6. They go where they are told, and fail alone. */
export interface Ipv6Seats {
  /**
   * Takes another place and gives up the old one.
   * @param onError called when the link is lost later.
   * @returns why the place cannot be taken.
   */
  open(place: SocketPlace, onError?: (error: Error) => void): Error | undefined;
  closeSocket(): void;
  /** Undefined without a place. */
  readonly place: SocketPlace | undefined;
}

/** With both families the sockets of IPv4 say where the link is. */
export function seatsOf(ipv4: Seats | undefined, ipv6: Ipv6Seats | undefined): Seats {
  if (ipv4 !== undefined) return ipv6 === undefined ? ipv4 : bothSeats(ipv4, ipv6);
  if (ipv6 !== undefined) return loneSeats(ipv6);
  throw new Error('a client has IPv4, IPv6 or both');
}

function loneSeats(only: Ipv6Seats): Seats {
  return {
    open(place, onError) {
      const error = only.open(place, onError);
      if (error !== undefined) throw error;
    },
    closeSocket() {
      only.closeSocket();
    },
    // Its machines repeat what was lost.
    catchUp: () => undefined,
    get isOpen() {
      return only.place !== undefined;
    },
    get isInSandbox() {
      return only.place?.netnsPath !== undefined;
    },
  };
}

function bothSeats(first: Seats, second: Ipv6Seats): Seats {
  return {
    open(place, onError) {
      first.open(place, onError);
      second.open(place);
    },
    closeSocket() {
      first.closeSocket();
      second.closeSocket();
    },
    catchUp() {
      first.catchUp();
    },
    get isOpen() {
      return first.isOpen;
    },
    get isInSandbox() {
      return first.isInSandbox;
    },
  };
}
