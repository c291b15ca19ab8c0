/**
 * Takes the DHCP client's UDP port inside a sandbox while a reply is awaited. A reply to the
 * container's address also reaches the container's IP stack. If nobody had the port, the stack
 * would answer the server with "port unreachable" (RFC 1122 §4.1.3.1). Nothing is read from the
 * socket.
 *
 * Leases use packet sockets, with or without the port. If the port cannot be taken, this is
 * reported. It has no other effect.
 */
import { closeSync } from 'node:fs';
import { linkName } from '../netlink/interface-request.ts';
import { inNetns } from '../sandbox/netns.ts';
import {
  bindSocket,
  int32,
  openSocket,
  setSocketOption,
  sockaddrIn,
  SystemCallError,
} from '../libc.ts';

const AF_INET = 2;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
const DHCP_CLIENT_PORT = 68;

/**
 * Takes the port on the link, whatever its name is at the moment.
 * @returns a function that gives the port back. It may be called repeatedly. Undefined if a program
 * of the container has the port, which also prevents the answer.
 * @throws PluginError SOCKET_FAILED, SystemCallError, an error of `node:fs`.
 */
export function holdClientPort(netnsPath: string, linkIndex: number): (() => void) | undefined {
  const fd = inNetns(netnsPath, () => openSocket(AF_INET, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0));
  try {
    setSocketOption(fd, SOL_SOCKET, SO_RCVBUF, int32(0)); // the kernel raises 0 to its minimum
    const link = linkName(fd, linkIndex);
    setSocketOption(fd, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${link}\0`));
    bindSocket(fd, sockaddrIn('0.0.0.0', DHCP_CLIENT_PORT));
  } catch (error) {
    closeSync(fd);
    if (error instanceof SystemCallError && error.code === 'EADDRINUSE') return undefined;
    throw error;
  }
  let isHeld = true;
  return () => {
    if (isHeld) closeSync(fd);
    isHeld = false;
  };
}

/** The port of one client. The client goes on if the port cannot be taken. */
export class ClientPort {
  readonly #hold: () => (() => void) | undefined;
  readonly #onTrouble: (error: Error) => void;
  #giveBack: (() => void) | undefined;

  /**
   * @param hold works like `holdClientPort`.
   * @param onTrouble called each time with the reason why the port could not be taken.
   */
  constructor(hold: () => (() => void) | undefined, onTrouble: (error: Error) => void) {
    this.#hold = hold;
    this.#onTrouble = onTrouble;
  }

  /** May be called repeatedly. Never throws: the next call tries again. */
  take(): void {
    try {
      this.#giveBack ??= this.#hold();
    } catch (error) {
      this.#onTrouble(error instanceof Error ? error : new Error(String(error)));
    }
  }

  giveBack(): void {
    this.#giveBack?.();
  }
}
