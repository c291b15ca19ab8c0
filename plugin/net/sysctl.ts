/**
 * Kernel settings below /proc/sys/net. In a managed plugin that tree is mounted read-only for its own
 * mount namespace; with CAP_SYS_ADMIN it can be made writable there.
 */
import { existsSync, writeFileSync } from 'node:fs';

import { remountWritable } from './libc.ts';

const PROC_SYS = '/proc/sys';
/** Below this a link has no IPv6 at all (RFC 8200 §5), and nothing to configure about it. */
const IPV6_MIN_MTU = 1280;

/** True if a link of that MTU takes part in IPv6 on this kernel. */
export function hasIpv6(mtu: number): boolean {
  return mtu >= IPV6_MIN_MTU && existsSync(`${PROC_SYS}/net/ipv6`);
}

/**
 * Turns IPv6 off on a link of ours, so that the host takes part in a VLAN with no address at all.
 * @returns a warning if that was not possible, undefined on success (and where there is no IPv6).
 */
export function disableIpv6(link: string): string | undefined {
  const error = writeSetting(`ipv6/conf/${link}/disable_ipv6`, '1');
  if (error === undefined) return undefined;
  return `IPv6 stays enabled on ${link}, where the host may form addresses of its own: ${error}`;
}

/**
 * Keeps the host from answering ARP on a link with the addresses of its other links. Unlike `arp off`
 * this ends by itself when the link moves into a container.
 * @returns a warning if that was not possible.
 */
export function ignoreArp(link: string): string | undefined {
  const error = writeSetting(`ipv4/conf/${link}/arp_ignore`, '8');
  if (error === undefined) return undefined;
  return `the host may answer ARP on ${link} until the container has it: ${error}`;
}

/** @returns what went wrong; a setting that does not exist is not an error. */
function writeSetting(path: string, value: string): string | undefined {
  const file = `${PROC_SYS}/net/${path}`;
  let error = write(file, value);
  if (error?.code === 'EROFS') {
    try {
      remountWritable(PROC_SYS);
    } catch {
      return error.message;
    }
    error = write(file, value);
  }
  return error === undefined || error.code === 'ENOENT' ? undefined : error.message;
}

function write(file: string, value: string): NodeJS.ErrnoException | undefined {
  try {
    writeFileSync(file, value);
    return undefined;
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
}
