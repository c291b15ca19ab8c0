/** The single system calls for an AF_PACKET socket (packet(7)). */
import { closeSync } from 'node:fs';
import type { BpfInstruction } from '../bpf-assembler.ts';
import {
  addressOf,
  bindSocket,
  fixedBytes,
  int32,
  openSocket,
  setSocketOption,
  SystemCallError,
} from '../libc.ts';
import { OWN_MARK } from '../own-mark.ts';
import { inNetns } from '../sandbox/netns.ts';

const AF_PACKET = 17;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const SOL_SOCKET = 1;
const SO_ATTACH_FILTER = 26;
const SO_MARK = 36;
const SOL_PACKET = 263;
const PACKET_ADD_MEMBERSHIP = 1;
const PACKET_IGNORE_OUTGOING = 23;
/** PACKET_MR_PROMISC and PACKET_MR_ALLMULTI. */
const MEMBERSHIP = { unicasts: 1, groups: 2 } as const;
export const SOCKADDR_LL_LENGTH = 20;
/** A socket bound to this protocol hears nothing. */
export const NO_PROTOCOL = 0;

/**
 * Opens a socket that hears nothing before it is bound. On the host, what it sends has our mark.
 * @param netnsPath of a sandbox. Undefined: the host. @throws SystemCallError
 */
export function openRawSocket(netnsPath?: string): number {
  const open = () => openSocket(AF_PACKET, SOCK_RAW_NONBLOCK_CLOEXEC, NO_PROTOCOL);
  if (netnsPath !== undefined) return inNetns(netnsPath, open);
  const fd = open();
  try {
    setSocketOption(fd, SOL_SOCKET, SO_MARK, int32(OWN_MARK));
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

/**
 * Binds the socket. If the socket hears already, the kernel needs 10 ms to stop it. Else there is
 * no wait.
 */
export function bindTo(fd: number, index: number, protocol: number): void {
  const address = fixedBytes(SOCKADDR_LL_LENGTH);
  const view = new DataView(address.buffer);
  view.setUint16(0, AF_PACKET, true);
  view.setUint16(2, protocol); // in network order
  view.setInt32(4, index, true);
  bindSocket(fd, address);
}

export function attachFilter(fd: number, filter: readonly BpfInstruction[]): void {
  // One piece of memory has struct sock_fprog and the instructions to which it points. So both live
  // equally long.
  const instructionsAt = 16;
  const program = fixedBytes(instructionsAt + filter.length * 8);
  const view = new DataView(program.buffer);
  view.setUint16(0, filter.length, true);
  view.setBigUint64(8, addressOf(program) + BigInt(instructionsAt), true);
  filter.forEach((instruction, index) => {
    const at = instructionsAt + index * 8;
    view.setUint16(at, instruction.code, true);
    view.setUint8(at + 2, instruction.jt);
    view.setUint8(at + 3, instruction.jf);
    view.setUint32(at + 4, instruction.k, true);
  });
  setSocketOption(fd, SOL_SOCKET, SO_ATTACH_FILTER, program.subarray(0, instructionsAt));
}

/**
 * Also hears unicasts to other MACs, or groups that nobody has joined. It ends with the socket.
 * @throws SystemCallError
 */
export function hearAll(fd: number, index: number, what: keyof typeof MEMBERSHIP): void {
  const membership = fixedBytes(16); // struct packet_mreq
  const view = new DataView(membership.buffer);
  view.setInt32(0, index, true);
  view.setUint16(4, MEMBERSHIP[what], true);
  setSocketOption(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, membership);
}

/**
 * Asks the kernel to skip outgoing frames. This only saves work: whoever reads drops them, too.
 * @throws SystemCallError
 */
export function ignoreOutgoing(fd: number): void {
  try {
    setSocketOption(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, int32(1));
  } catch (error) {
    // Linux before 4.20 does not have the option.
    if (!(error instanceof SystemCallError && error.code === 'ENOPROTOOPT')) throw error;
  }
}
