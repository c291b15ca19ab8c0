/**
 * The listening socket of the TCP port. Its connections use small segments in both directions, so
 * that they pass where long packets vanish without a word, as the datagrams of WireGuard do (U8).
 */
import { closeSync } from 'node:fs';
import {
  bindSocket,
  fixedBytes,
  int32,
  openSocket,
  setSocketOption,
  sockaddrIn,
  SystemCallError,
} from '../../net/libc.ts';

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_STREAM_NONBLOCK_CLOEXEC = 1 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
const IPPROTO_TCP = 6;
const IPPROTO_IPV6 = 41;
const IPV6_V6ONLY = 26;
const TCP_MAXSEG = 2;
/** Every way of IPv6 carries 1280 bytes (RFC 8200 §5). The headers have 60 of them. */
const SEGMENT = 1_220;

/**
 * Node cannot set the size of segments, so the socket is made here, for Node's `listen({ fd })`.
 * @param port 0: any.
 * @param address of IPv4. Undefined: all addresses of this host, of both families.
 * @returns its file descriptor.
 * @throws SystemCallError
 */
export function openTcpPort(port: number, address?: string): number {
  if (address !== undefined) return opened(AF_INET, sockaddrIn(address, port));
  try {
    return opened(AF_INET6, anyOf(port));
  } catch (error) {
    const hasNoIpv6 = error instanceof SystemCallError && error.code === 'EAFNOSUPPORT';
    if (!hasNoIpv6) throw error;
    return opened(AF_INET, sockaddrIn('0.0.0.0', port));
  }
}

function opened(family: number, address: ReturnType<typeof fixedBytes>): number {
  const fd = openSocket(family, SOCK_STREAM_NONBLOCK_CLOEXEC, 0);
  try {
    setSocketOption(fd, SOL_SOCKET, SO_REUSEADDR, int32(1));
    setSocketOption(fd, IPPROTO_TCP, TCP_MAXSEG, int32(SEGMENT));
    // Else a host with net.ipv6.bindv6only=1 would not be reached by IPv4.
    if (family === AF_INET6) setSocketOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, int32(0));
    bindSocket(fd, address);
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** struct sockaddr_in6 of `::`. */
function anyOf(port: number) {
  const bytes = fixedBytes(28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET6, true);
  view.setUint16(2, port); // in network order
  return bytes;
}
