/**
 * An AF_PACKET socket on one link: whole Ethernet frames out and in (packet(7)).
 *
 * What to know about the kernel here:
 *   - Opened with protocol 0 it hears nothing; the filter is attached before bind turns it on, so no
 *     unfiltered frame is ever queued.
 *   - 802.1Q tags are moved out of the frame, also on the untagged parent, so that a frame of another
 *     VLAN looks like ours. A socket bound to one protocol does not even see the tag in PACKET_AUXDATA:
 *     all that is left is the packet type "for another host". A promiscuous socket wants such frames
 *     and is therefore bound to all protocols, where the tag is still told. Either way, frames of other
 *     VLANs are dropped here and counted.
 *   - A UDP checksum is left unfinished over veth; auxdata tells, and `checksumReady` passes it on.
 *   - A link that goes down reports ENETDOWN and resumes by itself when it is up again. A link that is
 *     removed, or moved to another namespace, never comes back: only that is reported to `onError`.
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
import { inNetns } from '../sandbox/netns.ts';
import { receiveFrame } from './receive-frame.ts';
import {
  attachFilter,
  bindTo,
  NO_PROTOCOL,
  openRawSocket,
  SOCKADDR_LL_LENGTH,
} from './raw-socket.ts';

export interface FrameInfo {
  /** False: the sender's kernel left the transport checksum to hardware; it must not be verified. */
  readonly checksumReady: boolean;
}

export interface PacketSocketOptions {
  readonly link: string;
  /** Where the link is, as a path such as a SandboxKey; undefined: this process's own namespace. */
  readonly netnsPath: string | undefined;
  readonly filter: readonly BpfInstruction[];
  /** Also hear unicasts to other MACs, for a socket that speaks for a container from its parent link. */
  readonly promiscuous: boolean;
  /** What the frames are; `filter` must accept nothing else. */
  readonly protocol: 'ipv4' | 'arp' | 'ipv6';
  /**
   * Frames come as they do before the kernel looks behind a tag without a VLAN, so that the filter sees the tags that are
   * left. It is run for every frame of the link then.
   */
  readonly seesTags?: boolean;
  /** False: until `listen` it hears nothing, not even that its link goes, and frames pass without its filter being run. */
  readonly listens?: boolean;
  /** Room for frames that wait to be taken; by default that for one client. */
  readonly receiveBufferBytes?: number;
  /** Called for each frame; `frame` belongs to the callee. */
  readonly onFrame: (frame: Uint8Array, info: FrameInfo) => void;
  /** Called once, when the link is gone for good; the socket is closed by then. */
  readonly onError: (error: Error) => void;
}

export interface PacketSocket {
  /** Hears from now on; repeatable. @throws PluginError SOCKET_FAILED. */
  listen(): void;
  /** @throws PluginError SOCKET_FAILED with the errno's name in `evidence.errno`. */
  send(frame: Uint8Array): void;
  /** What passes from now on; frames that wait already have passed the filter before. @throws PluginError SOCKET_FAILED. */
  setFilter(filter: readonly BpfInstruction[]): void;
  /** Repeatable; no callback comes afterwards. The kernel lets go of the link some 10 ms later. */
  close(): void;
  /** As they were when the socket was opened. */
  readonly index: number;
  readonly linkMac: Mac;
  readonly mtu: number;
  /** Frames of other VLANs, or for other hosts, that passed the filter and were dropped so far. */
  strayFramesDropped(): number;
}

const ETHERTYPE = { ipv4: 0x0800, arp: 0x0806, ipv6: 0x86dd } as const;
const ETH_P_ALL = 0x0003;

const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_RCVBUF = 8;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_AUXDATA = 8;
const PACKET_IGNORE_OUTGOING = 23;
const PACKET_MR_PROMISC = 1;

/** The index of a bound socket's link once the kernel has taken the link away. */
const NO_LINK = -1;

/** Room for a dozen queued DHCP frames: there may be thousands of sockets. The kernel doubles it. */
const RECEIVE_BUFFER_BYTES = 32 * 1024;
/** Frames taken per wake-up; the loop comes back for the rest after everyone else had a turn. */
const FRAMES_PER_WAKE_UP = 64;

/** Opens synchronously. @throws PluginError SOCKET_FAILED. */
export function openPacketSocket(options: PacketSocketOptions): PacketSocket {
  let fd: number | undefined;
  try {
    // A socket belongs to the namespace it was opened in; everything after works from anywhere.
    fd =
      options.netnsPath === undefined ? openRawSocket() : inNetns(options.netnsPath, openRawSocket);
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
  if (options.promiscuous) {
    const membership = fixedBytes(16); // struct packet_mreq
    const view = new DataView(membership.buffer);
    view.setInt32(0, index, true);
    view.setUint16(4, PACKET_MR_PROMISC, true);
    setSocketOption(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership);
  }
  ignoreOutgoing(fd);
  bindTo(fd, index, options.listens === false ? NO_PROTOCOL : protocolOf(options));
  return watched(fd, options, {
    index,
    linkMac: linkMac(fd, options.link),
    mtu: linkMtu(fd, options.link),
  });
}

/** Saves work; `drain` drops what is outgoing all the same. */
function ignoreOutgoing(fd: number): void {
  try {
    setSocketOption(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, int32(1));
  } catch (error) {
    // Linux before 4.20.
    if (!(error instanceof SystemCallError && error.code === 'ENOPROTOOPT')) throw error;
  }
}

/**
 * A link of the host's may be closed to the host (guard/protection.ts): a socket bound to one protocol is fed behind that
 * filter, one bound to all of them in front of it.
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
    // The kernel takes 10 ms for it, until no processor looks at the socket any more: not on this thread.
    closeDescriptor(fd, (error) => {
      if (error !== null) process.emitWarning(error); // somebody else closed it, and may have closed others
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
      const isStray = received.isForOthers && !options.promiscuous;
      if (received.vlanId !== 0 || isStray) strayFramesDropped += 1;
      else options.onFrame(received.frame, { checksumReady: received.checksumReady });
    }
  };
  const attempt = (what: string, act: () => void): void => {
    if (!isOpen) throw failure(`${what} on the closed packet socket`, options, undefined);
    try {
      act();
    } catch (cause) {
      // A link that was down before it was removed, or not listened to, says nothing on its own: trying finds out.
      if (hasLostLink(fd)) setImmediate(fail, cause);
      throw failure(what, options, cause);
    }
  };
  const onReady = (): void => {
    try {
      drain();
    } catch (error) {
      // A link that is down comes back; anything else would only repeat itself.
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
