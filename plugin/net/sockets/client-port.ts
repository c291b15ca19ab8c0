/**
 * Takes the DHCP client's UDP port inside a sandbox for as long as a reply is waited for. A reply that the server sends
 * to the container's address reaches its IP stack, too; without anybody on the port that would answer the server with
 * "port unreachable" (RFC 1122 §4.1.3.1). Nothing is read from the socket.
 *
 * Leases are asked for and kept over packet sockets, with or without the port: a port that cannot be had is told, and
 * nothing else follows from it.
 */
import { closeSync } from 'node:fs';
import { linkName } from '../netlink/interface-request.ts';
import { inNetns } from '../sandbox/netns.ts';
import { bindSocket, fixedBytes, openSocket, setSocketOption, SystemCallError } from '../libc.ts';

const AF_INET = 2;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
const DHCP_CLIENT_PORT = 68;

/**
 * Holds the port, by whatever name the link has at the moment.
 * @returns what gives the port back, repeatable; undefined if a program of the container has it, which is as good.
 * @throws PluginError SOCKET_FAILED, SystemCallError, an error of `node:fs`.
 */
export function holdClientPort(netnsPath: string, linkIndex: number): (() => void) | undefined {
  const fd = inNetns(netnsPath, () => openSocket(AF_INET, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0));
  try {
    setSocketOption(fd, SOL_SOCKET, SO_RCVBUF, fixedBytes(4)); // the least there is
    const link = linkName(fd, linkIndex);
    setSocketOption(fd, SOL_SOCKET, SO_BINDTODEVICE, new TextEncoder().encode(`${link}\0`));
    const address = fixedBytes(16); // struct sockaddr_in: any address
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_INET, true);
    view.setUint16(2, DHCP_CLIENT_PORT);
    bindSocket(fd, address);
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

/** The port of one client: taken where it can be had, and never in the way of the client. */
export class ClientPort {
  readonly #hold: () => (() => void) | undefined;
  readonly #onTrouble: (error: Error) => void;
  #giveBack: (() => void) | undefined;

  /** @param hold as `holdClientPort`. @param onTrouble told each time why the port could not be taken. */
  constructor(hold: () => (() => void) | undefined, onTrouble: (error: Error) => void) {
    this.#hold = hold;
    this.#onTrouble = onTrouble;
  }

  /** Repeatable. Never throws: what fails is tried again at the next call. */
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
