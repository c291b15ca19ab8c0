/**
 * Asks the kernel about a link by ioctl(2) with a struct ifreq (netdevice(7)). The answer comes at
 * once. No process is started.
 *
 *   struct ifreq   0 name (16)   16 flags | index | mtu | sockaddr
 *   struct ifconf  0 length (4)  8 pointer to a list of struct ifreq
 *
 * A socket answers for the namespace in which it was opened.
 */
import { closeSync } from 'node:fs';
import { ipv4FromBytes, macFromBytes, type Ipv4, type Mac } from '../../wire/address.ts';
import { addressOf, controlDevice, fixedBytes, openSocket, SystemCallError } from '../libc.ts';

export const IFF_UP = 0x1;
export const IFF_RUNNING = 0x40;

const AF_UNIX = 1;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SIOCGIFNAME = 0x8910;
const SIOCGIFCONF = 0x8912;
const SIOCGIFFLAGS = 0x8913;
const SIOCGIFMTU = 0x8921;
const SIOCGIFHWADDR = 0x8927;
const SIOCGIFINDEX = 0x8933;
const ARPHRD_ETHER = 1;
const IFREQ_LENGTH = 40;
const VALUE_AT = 16;
const IFCONF_LENGTH = 16;
/** In a struct sockaddr_in. */
const ADDRESS_AT = 4;

/** Runs `ask` with a socket of the current namespace. Undefined if there is no such link. */
export function askKernel<Result>(ask: (fd: number) => Result): Result | undefined {
  return withSocket((fd) => ifThere(() => ask(fd)));
}

/** Returns those names that no link in the current namespace has. One socket asks for all. */
export function missingLinks(names: readonly string[]): ReadonlySet<string> {
  if (names.length === 0) return new Set();
  return withSocket(
    (fd) => new Set(names.filter((name) => ifThere(() => linkIndex(fd, name)) === undefined)),
  );
}

function withSocket<Result>(ask: (fd: number) => Result): Result {
  const fd = openSocket(AF_UNIX, SOCK_DGRAM_CLOEXEC, 0);
  try {
    return ask(fd);
  } finally {
    closeSync(fd);
  }
}

function ifThere<Result>(ask: () => Result): Result | undefined {
  try {
    return ask();
  } catch (error) {
    if (error instanceof SystemCallError && ['ENODEV', 'ENXIO'].includes(error.code)) {
      return undefined;
    }
    throw error;
  }
}

/**
 * Returns the index of the link. This and the functions below throw SystemCallError ENODEV if there
 * is no such link.
 */
export function linkIndex(fd: number, link: string): number {
  return request(fd, SIOCGIFINDEX, link).getInt32(VALUE_AT, true);
}

/**
 * Returns the index of a link in the current namespace. Undefined if there is no such link. Starts
 * no process and does not wait.
 */
export function findLinkIndex(link: string): number | undefined {
  return askKernel((fd) => linkIndex(fd, link));
}

export function linkMtu(fd: number, link: string): number {
  return request(fd, SIOCGIFMTU, link).getInt32(VALUE_AT, true);
}

export function linkMac(fd: number, link: string): Mac {
  const answer = request(fd, SIOCGIFHWADDR, link);
  return macFromBytes(new Uint8Array(answer.buffer), VALUE_AT + 2);
}

/** False for loopback, tunnels and others whose hardware address is not a MAC. */
export function isEthernet(fd: number, link: string): boolean {
  return request(fd, SIOCGIFHWADDR, link).getUint16(VALUE_AT, true) === ARPHRD_ETHER;
}

/** IFF_* bits. */
export function linkFlags(fd: number, link: string): number {
  return request(fd, SIOCGIFFLAGS, link).getUint16(VALUE_AT, true);
}

export function linkName(fd: number, index: number): string {
  const area = fixedBytes(IFREQ_LENGTH);
  new DataView(area.buffer).setInt32(VALUE_AT, index, true);
  controlDevice(fd, SIOCGIFNAME, area);
  return textUpToZero(area.subarray(0, VALUE_AT));
}

/**
 * Returns every IPv4 address of every link, whether up or down. `label` is the link's name, or
 * begins with the name and a colon.
 */
export function linkAddresses(fd: number): { readonly label: string; readonly address: Ipv4 }[] {
  for (let room = 32; ; room *= 4) {
    // One piece of memory for both structures: the kernel follows the pointer in the first to the
    // second.
    const area = fixedBytes(IFCONF_LENGTH + room * IFREQ_LENGTH);
    const view = new DataView(area.buffer);
    view.setInt32(0, room * IFREQ_LENGTH, true);
    view.setBigUint64(8, addressOf(area) + BigInt(IFCONF_LENGTH), true);
    controlDevice(fd, SIOCGIFCONF, area);
    const count = view.getInt32(0, true) / IFREQ_LENGTH;
    if (count === room) continue; // the list may be cut off
    return Array.from({ length: count }, (_, index) => {
      const at = IFCONF_LENGTH + index * IFREQ_LENGTH;
      return {
        label: textUpToZero(area.subarray(at, at + VALUE_AT)),
        address: ipv4FromBytes(area, at + VALUE_AT + ADDRESS_AT),
      };
    });
  }
}

function textUpToZero(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end === -1 ? bytes : bytes.subarray(0, end));
}

function request(fd: number, code: number, link: string): DataView<ArrayBuffer> {
  const area = fixedBytes(IFREQ_LENGTH);
  new TextEncoder().encodeInto(link, area.subarray(0, VALUE_AT - 1));
  controlDevice(fd, code, area);
  return new DataView(area.buffer);
}
