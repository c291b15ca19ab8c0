/**
 * Takes the DHCP client's UDP port inside a sandbox for as long as a reply is waited for. A reply that the server sends
 * to the container's address reaches its IP stack, too; without anybody on the port that would answer the server with
 * "port unreachable" (RFC 1122 §4.1.3.1). Nothing is read from the socket.
 */
import { closeSync } from 'node:fs';
import { inNetns } from '../sandbox/netns.ts';
import { bindSocket, fixedBytes, openSocket, setSocketOption, SystemCallError } from '../libc.ts';

const AF_INET = 2;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SO_BINDTODEVICE = 25;
const DHCP_CLIENT_PORT = 68;

/**
 * @returns what gives the port back, repeatable; undefined if a program of the container has it, which is as good.
 * @throws PluginError SOCKET_FAILED, SystemCallError.
 */
export function holdClientPort(netnsPath: string, link: string): (() => void) | undefined {
  const fd = inNetns(netnsPath, () => openSocket(AF_INET, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0));
  try {
    setSocketOption(fd, SOL_SOCKET, SO_RCVBUF, fixedBytes(4)); // the least there is
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
