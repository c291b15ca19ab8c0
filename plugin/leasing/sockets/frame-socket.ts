/** The packet socket a DHCP client speaks over, as the client wants it. */
import type { Mac } from '../../wire/address.ts';

/** Where a socket sits. */
export interface SocketPlace {
  readonly link: string;
  /** The sandbox the link is in; undefined: the host's namespace. */
  readonly netnsPath?: string;
  /** The link of the host that requests leave by: the bridge. What the container sends to DHCP servers is dropped. */
  readonly speaksVia?: string;
  /** Hear unicasts to our MAC on a link that has another one: the bridge, speaking for a container. */
  readonly promiscuous?: boolean;
  /** One socket for all clients on that link, whatever their number. */
  readonly shared?: boolean;
}

export interface FrameSocket {
  /**
   * Hears replies from now on, and is told when its link goes, neither before; repeatable. @throws if the link is gone,
   * which `onError` is then told of, too.
   */
  listen(): void;
  /** Of the link, where the socket is its own. */
  readonly index?: number;
  /** A request to a server. @throws if the kernel refuses the frame. */
  send(frame: Uint8Array): void;
  /** What has to come from the link itself: ARP, by which bridges learn where its MAC is. @throws as `send`. */
  sendFromLink(frame: Uint8Array): void;
  close(): void;
}

/** Opens an AF_PACKET socket that passes DHCP replies for `mac` only. @throws PluginError SOCKET_FAILED. */
export type OpenSocket = (
  place: SocketPlace,
  mac: Mac,
  handlers: {
    onFrame(frame: Uint8Array, info: { checksumReady: boolean }): void;
    onError(error: Error): void;
    /** Told each time of what the socket does without: its own work goes on. Comes from within `listen`. */
    onTrouble?(error: Error): void;
  },
) => FrameSocket;
