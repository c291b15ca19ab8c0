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

/** `first` says where the link is. `second` goes there too, and fails alone. */
export function bothSeats(
  first: Seats,
  second: { open(place: SocketPlace): void; closeSocket(): void },
): Seats {
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
