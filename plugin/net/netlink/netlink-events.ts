/**
 * Receives messages that the kernel sends to its multicast groups (netlink(7)): changes of links
 * and of firewall rules. No process is started, and nothing is polled.
 *
 *   struct sockaddr_nl  0 family (2)  2 padding (2)  4 port (4)  8 groups, one bit each (4)
 *   struct nlmsghdr     0 length (4)  4 type (2)  6 flags (2)  8 sequence (4)  12 port (4)
 */
import { closeSync, readSync } from 'node:fs';

import {
  bindSocket,
  fixedBytes,
  openSocket,
  readSocketOption,
  watchReadable,
  type ReadinessWatch,
} from '../libc.ts';

/** One message. It must be read before the callback returns. */
export interface NetlinkMessage {
  readonly type: number;
  /** The bytes after the header: the family's own header and its attributes. */
  readonly body: DataView;
}

export interface NetlinkEventOptions {
  /** NETLINK_ROUTE or another family of netlink. */
  readonly protocol: number;
  /** The kernel's constants RTNLGRP_ and NFNLGRP_, numbers from 1 to 32. */
  readonly groups: readonly number[];
  readonly onMessage: (message: NetlinkMessage) => void;
  /** Messages were lost. The caller must look at everything again. */
  readonly onOverflow: () => void;
}

export interface NetlinkEvents {
  /** May be called repeatedly. No callback comes afterwards. */
  close(): void;
}

const AF_NETLINK = 16;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const ADDRESS_LENGTH = 12;
const HEADER_LENGTH = 16;
/** How many messages are read in one turn. The rest follows after other work has had its turn. */
const READS_PER_WAKE_UP = 64;
/**
 * The kernel builds messages of at most 8 KB. Only links with hundreds of virtual functions need
 * more.
 */
const buffer = new Uint8Array(64 * 1024);

/**
 * Hears messages about this process's network namespace.
 * @throws SystemCallError, with code EPROTONOSUPPORT if the kernel has no such protocol.
 */
export function openNetlinkEvents(options: NetlinkEventOptions): NetlinkEvents {
  const fd = openSocket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, options.protocol);
  try {
    const address = fixedBytes(ADDRESS_LENGTH);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_NETLINK, true);
    const bits = options.groups.reduce((mask, group) => mask | (1 << (group - 1)), 0);
    view.setUint32(8, bits >>> 0, true);
    bindSocket(fd, address);
    return watched(fd, options);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function watched(fd: number, { onMessage, onOverflow }: NetlinkEventOptions): NetlinkEvents {
  let isOpen = true;
  let watch: ReadinessWatch;

  const onReady = (): void => {
    for (let count = 0; isOpen && count < READS_PER_WAKE_UP; count += 1) {
      const length = readSome(fd);
      if (length === undefined) return;
      if (length === 'overflow') onOverflow();
      else forEachMessage(length, (message) => isOpen && onMessage(message));
    }
  };
  // A full queue is an error of the socket. libuv then stops watching.
  const onPendingError = (): void => {
    if (!isOpen) return;
    watch.close();
    readSocketOption(fd, SOL_SOCKET, SO_ERROR);
    watch = watchReadable(fd, onReady, onPendingError);
    onOverflow();
  };
  watch = watchReadable(fd, onReady, onPendingError);

  return {
    close() {
      if (!isOpen) return;
      isOpen = false;
      watch.close();
      closeSync(fd);
    },
  };
}

/** Returns the number of bytes read into `buffer`. Undefined if nothing is waiting. */
function readSome(fd: number): number | 'overflow' | undefined {
  try {
    return readSync(fd, buffer);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code === 'EAGAIN' || code === 'EINTR') return undefined;
    if (code === 'ENOBUFS') return 'overflow';
    throw error;
  }
}

function forEachMessage(length: number, take: (message: NetlinkMessage) => void): void {
  const view = new DataView(buffer.buffer, 0, length);
  for (let at = 0; at + HEADER_LENGTH <= length;) {
    const size = view.getUint32(at, true);
    if (size < HEADER_LENGTH || at + size > length) return;
    const body = new DataView(buffer.buffer, at + HEADER_LENGTH, size - HEADER_LENGTH);
    take({ type: view.getUint16(at + 4, true), body });
    at += (size + 3) & ~3;
  }
}
