/**
 * An AF_PACKET socket on one link. It sends and receives whole Ethernet frames (packet(7)).
 *
 * What the kernel does:
 *   - A socket of protocol 0 hears nothing. The filter is attached before bind sets the protocol.
 *     So no unfiltered frame is ever queued.
 *   - The kernel moves 802.1Q tags out of the frame, also on the untagged parent. So a frame of
 *     another VLAN looks like ours. A socket bound to one protocol does not even see the tag in
 *     PACKET_AUXDATA. It only sees the packet type "for another host". A promiscuous socket wants
 *     frames of that type. So it is bound to all protocols, where it sees the tag. In both cases
 *     this file drops and counts frames of other VLANs.
 *   - On a veth the UDP checksum stays unfinished. The auxdata says so, and `checksumReady` passes
 *     it on.
 *   - A link that goes down reports ENETDOWN. It works again by itself when it is up again. A link
 *     that is removed, or moved to another namespace, never comes back. Only that is reported to
 *     `onError`.
 */
import { close as closeDescriptor, closeSync } from 'node:fs';

import { PluginError } from '../../vocabulary/errors.ts';
import type { Mac } from '../../wire/address.ts';
import type { BpfInstruction } from '../bpf-assembler.ts';
import {
  fixedBytes,
  readSocketName,
  readSocketOption,
  sendBytes,
  setSocketOption,
  SystemCallError,
  watchReadable,
} from '../libc.ts';
import type { ReadinessWatch } from '../libc.ts';
import { linkIndex, linkMac, linkMtu } from '../netlink/interface-request.ts';
import { receiveFrame } from './receive-frame.ts';
import {
  hearAll,
  ignoreOutgoing,
  attachFilter,
  bindTo,
  NO_PROTOCOL,
  openRawSocket,
  SOCKADDR_LL_LENGTH,
} from './raw-socket.ts';

export interface FrameInfo {
  /**
   * False if the sender's kernel left the transport checksum to hardware. Then it must not be
   * verified.
   */
  readonly checksumReady: boolean;
  /** The VLAN of a frame that came to a trunk. 0 for one without a tag. */
  readonly vlanId: number;
}

export interface PacketSocketOptions {
  readonly link: string;
  /**
   * The path of the link's namespace, such as a SandboxKey. If undefined: this process's namespace.
   */
  readonly netnsPath: string | undefined;
  readonly filter: readonly BpfInstruction[];
  /**
   * True to also hear unicasts to other MACs. A socket on a parent link needs this for a container.
   */
  readonly promiscuous: boolean;
  /** True to hear the frames of all VLANs, and not only those without a tag. */
  readonly allVlans?: boolean;
  /** True to also hear groups that nobody has joined on the link. */
  readonly allMulticast?: boolean;
  /** The protocol of the frames. `filter` must accept no other. */
  readonly protocol: 'ipv4' | 'arp' | 'ipv6';
  /**
   * True if the filter must see tags without a VLAN. Frames then come as they are before the kernel
   * looks behind such tags. The filter then runs for every frame of the link.
   */
  readonly seesTags?: boolean;
  /**
   * False if the socket hears nothing until `listen`, not even that its link is gone. Its filter
   * does not run until then.
   */
  readonly listens?: boolean;
  /** The size of the queue of received frames. By default it is enough for one client. */
  readonly receiveBufferBytes?: number;
  /** Called for each frame. The callee may keep and change `frame`. */
  readonly onFrame: (frame: Uint8Array, info: FrameInfo) => void;
  /** Called once, when the link is gone for good. The socket is closed by then. */
  readonly onError: (error: Error) => void;
}

export interface PacketSocket {
  /** Starts to hear. May be called repeatedly. @throws PluginError SOCKET_FAILED. */
  listen(): void;
  /** @throws PluginError SOCKET_FAILED with the errno's name in `evidence.errno`. */
  send(frame: Uint8Array): void;
  /**
   * Sets the filter for frames that come from now on. Queued frames have passed the filter before.
   * @throws PluginError SOCKET_FAILED.
   */
  setFilter(filter: readonly BpfInstruction[]): void;
  /**
   * May be called repeatedly. No callback comes afterwards. The kernel frees the link some 10 ms
   * later.
   */
  close(): void;
  /** The values when the socket was opened. */
  readonly index: number;
  readonly linkMac: Mac;
  readonly mtu: number;
  /**
   * The number of frames that passed the filter, but were dropped as frames of other VLANs or
   * hosts.
   */
  strayFramesDropped(): number;
}

const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;
const ETH_P_ALL = 0x0003;

const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_RCVBUF = 8;
const SOL_PACKET = 263;
const PACKET_AUXDATA = 8;

/** The index that a bound socket reports once its link is gone. */
const NO_LINK = -1;

/**
 * Room for a dozen DHCP frames. It is small because there may be thousands of sockets. The kernel
 * doubles it.
 */
const RECEIVE_BUFFER_BYTES = 32 * 1024;
/** How many frames are read in one turn. The rest follows after other work has had its turn. */
const FRAMES_PER_WAKE_UP = 64;

/** Opens synchronously. @throws PluginError SOCKET_FAILED. */
export function openPacketSocket(options: PacketSocketOptions): PacketSocket {
  let fd: number | undefined;
  try {
    // A socket belongs to the namespace in which it was opened. Every later call works from any
    // namespace.
    fd = openRawSocket(options.netnsPath);
    return start(fd, options);
  } catch (cause) {
    if (fd !== undefined) closeSync(fd);
    if (cause instanceof PluginError) throw cause;
    throw failure('open a packet socket', options, cause);
  }
}

function start(fd: number, options: PacketSocketOptions): PacketSocket {
  const index = linkIndex(fd, options.link);
  const bufferBytes = options.receiveBufferBytes ?? RECEIVE_BUFFER_BYTES;
  setSocketOption(fd, SOL_SOCKET, SO_RCVBUF, int32(bufferBytes));
  setSocketOption(fd, SOL_PACKET, PACKET_AUXDATA, int32(1));
  attachFilter(fd, options.filter);
  if (options.promiscuous) hearAll(fd, index, 'unicasts');
  if (options.allMulticast === true) hearAll(fd, index, 'groups');
  ignoreOutgoing(fd);
  bindTo(fd, index, options.listens === false ? NO_PROTOCOL : protocolOf(options));
  return watched(fd, options, {
    index,
    linkMac: linkMac(fd, options.link),
    mtu: linkMtu(fd, options.link),
  });
}

/**
 * A link of the host may be closed to the host (guard/protection.ts). A socket bound to one
 * protocol gets its frames behind that filter. A socket bound to all protocols gets them in front
 * of it.
 */
function protocolOf(options: PacketSocketOptions): number {
  const { promiscuous, netnsPath, protocol, seesTags = false } = options;
  return promiscuous || netnsPath === undefined || seesTags ? ETH_P_ALL : ETHERTYPE[protocol];
}

function watched(
  fd: number,
  options: PacketSocketOptions,
  link: { readonly index: number; readonly linkMac: Mac; readonly mtu: number },
): PacketSocket {
  let isOpen = true;
  let isListening = options.listens !== false;
  let strayFramesDropped = 0;
  let watch: ReadinessWatch;

  const close = (): void => {
    if (!isOpen) return;
    isOpen = false;
    watch.close();
    // The kernel takes 10 ms for it: it waits until no processor uses the socket any more. So this
    // thread does not wait.
    closeDescriptor(fd, (error) => {
      if (error !== null) process.emitWarning(error); // somebody else closed it, and perhaps others
    });
  };
  const fail = (cause: unknown): void => {
    if (!isOpen) return;
    close();
    options.onError(failure('use the packet socket', options, cause));
  };
  const drain = (): void => {
    for (let count = 0; isOpen && count < FRAMES_PER_WAKE_UP; count += 1) {
      const received = receiveFrame(fd);
      if (received === undefined) return;
      if (received.isOutgoing) continue;
      const { frame, checksumReady, vlanId } = received;
      const isStray = received.isForOthers && !options.promiscuous;
      const isOfOtherVlan = vlanId !== 0 && options.allVlans !== true;
      if (isOfOtherVlan || isStray) strayFramesDropped += 1;
      else options.onFrame(frame, { checksumReady, vlanId });
    }
  };
  const attempt = (what: string, act: () => void): void => {
    if (!isOpen) throw failure(`${what} on the closed packet socket`, options, undefined);
    try {
      act();
    } catch (cause) {
      // A link that was down before it was removed, or to which nobody listens, reports nothing by
      // itself. The failed call shows that it is gone.
      if (hasLostLink(fd)) setImmediate(fail, cause);
      throw failure(what, options, cause);
    }
  };
  const onReady = (): void => {
    try {
      drain();
    } catch (error) {
      // A link that is down comes back. Any other error would come again and again.
      if (error instanceof SystemCallError && error.code === 'ENETDOWN') onPendingError(error);
      else fail(error);
    }
  };
  const onPendingError = (seen?: SystemCallError): void => {
    if (!isOpen) return;
    const errno = readSocketOption(fd, SOL_SOCKET, SO_ERROR);
    if (hasLostLink(fd)) {
      fail(seen ?? new SystemCallError('link', errno));
      return;
    }
    watch.close();
    watch = watchReadable(fd, onReady, onPendingError);
  };
  watch = watchReadable(fd, onReady, onPendingError);

  return {
    index: link.index,
    linkMac: link.linkMac,
    mtu: link.mtu,
    strayFramesDropped: () => strayFramesDropped,
    listen() {
      if (isListening) return;
      attempt('listen', () => bindTo(fd, link.index, protocolOf(options)));
      isListening = true;
    },
    send: (frame) => attempt('send', () => sendBytes(fd, frame)),
    setFilter: (filter) => attempt('set the filter', () => attachFilter(fd, filter)),
    close,
  };
}

function hasLostLink(fd: number): boolean {
  const address = fixedBytes(SOCKADDR_LL_LENGTH);
  readSocketName(fd, address);
  return new DataView(address.buffer).getInt32(4, true) === NO_LINK;
}

function int32(value: number): Uint8Array<ArrayBuffer> {
  const bytes = fixedBytes(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}

function failure(what: string, options: PacketSocketOptions, cause: unknown): PluginError {
  const errno = cause instanceof SystemCallError ? cause.code : undefined;
  const place = options.netnsPath === undefined ? '' : ` in ${options.netnsPath}`;
  const seen = cause === undefined ? '' : `: ${cause instanceof Error ? cause.message : 'unknown'}`;
  return new PluginError('SOCKET_FAILED', `cannot ${what} on link ${options.link}${place}${seen}`, {
    cause,
    evidence: { link: options.link, netnsPath: options.netnsPath, errno },
  });
}
