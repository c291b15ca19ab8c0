/** The packet socket of a DHCP client, as the client needs it. */
import type { Mac } from '../../wire/address.ts';

/** The place of a socket. */
export interface SocketPlace {
  readonly link: string;
  /** The sandbox that has the link. If undefined: the host's namespace. */
  readonly netnsPath?: string;
  /**
   * The link of the host by which requests leave: the bridge. The guard drops DHCP requests that
   * the container sends.
   */
  readonly speaksVia?: string | undefined;
  /**
   * The link of the host that hears what every host of the segment hears. An address that a
   * container has is defended from there. If undefined: from `link`.
   */
  readonly defendsFrom?: string | undefined;
  /**
   * True to hear unicasts to our MAC on a link with another MAC. The bridge needs this for a
   * container.
   */
  readonly promiscuous?: boolean;
  /** True to use one socket for all clients on that link. */
  readonly shared?: boolean;
}

export interface FrameSocket {
  /**
   * Starts to hear replies, and to report when the link is gone. May be called repeatedly.
   * @throws if the link is gone. `onError` is then called, too.
   */
  listen(): void;
  /** Index of the link. Undefined for a shared socket. */
  readonly index?: number;
  /** Sends a request to a server. @throws if the kernel refuses the frame. */
  send(frame: Uint8Array): void;
  /**
   * Sends ARP, which must leave from the link itself. Bridges learn by it where the MAC of the link
   * is.
   * @throws like `send`.
   */
  sendFromLink(frame: Uint8Array): void;
  close(): void;
}

/**
 * Opens an AF_PACKET socket that hears only DHCP replies for `mac`. @throws PluginError
 * SOCKET_FAILED.
 */
export type OpenSocket = (
  place: SocketPlace,
  mac: Mac,
  handlers: {
    onFrame(frame: Uint8Array, info: { checksumReady: boolean }): void;
    onError(error: Error): void;
    /** Called, from within `listen`, with a problem that does not stop the socket. */
    onTrouble?(error: Error): void;
  },
) => FrameSocket;
