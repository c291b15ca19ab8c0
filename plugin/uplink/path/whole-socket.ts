/**
 * UDP sockets in the tunnel whose packets are never cut, whatever MTU the route has. They say so by
 * ECT(1), which WireGuard copies into the header around a packet. By it the rules of nftables know
 * a datagram that must come whole (path-rules.ts).
 */
import { closeSync } from 'node:fs';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import {
  bindSocket,
  int32,
  openSocket,
  sendOrDrop,
  setSocketOption,
  sockaddrIn,
} from '../../net/libc.ts';

const AF_INET = 2;
const SOCK_DGRAM_NONBLOCK_CLOEXEC = 2 | 0o4000 | 0o2000000;
const IPPROTO_IP = 0;
const IP_TOS = 1;
const IP_MTU_DISCOVER = 10;
/** The packet has DF, and the MTU of the link alone limits it (ip(7)). */
const IP_PMTUDISC_PROBE = 3;
/** RFC 3168 §5. */
const ECT_1 = 1;

/**
 * Node cannot set these options, so the socket is made here and given to Node.
 * @param port 0: any.
 * @throws SystemCallError
 */
export async function openWholeSocket(address: string, port: number): Promise<Socket> {
  return (await openWhole(address, port)).socket;
}

/**
 * Sends each datagram back as it came. What the kernel does not take now is dropped. It is sent
 * without Node, whose own way costs more than half as much again.
 * @throws SystemCallError
 */
export async function openWholeEcho(address: string, port: number): Promise<Socket> {
  const { socket, fd } = await openWhole(address, port);
  socket.on('message', (message, from) => {
    sendOrDrop(fd, message, sockaddrIn(from.address, from.port));
  });
  return socket;
}

async function openWhole(address: string, port: number): Promise<{ socket: Socket; fd: number }> {
  const fd = openSocket(AF_INET, SOCK_DGRAM_NONBLOCK_CLOEXEC, 0);
  try {
    setSocketOption(fd, IPPROTO_IP, IP_MTU_DISCOVER, int32(IP_PMTUDISC_PROBE));
    setSocketOption(fd, IPPROTO_IP, IP_TOS, int32(ECT_1));
    bindSocket(fd, sockaddrIn(address, port));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  const socket = createSocket('udp4');
  const bound = once(socket, 'listening'); // Node may say it before bind returns
  socket.bind({ fd });
  await bound;
  return { socket, fd };
}
