/**
 * Kernel settings of one link below /proc/sys/net. In a managed plugin that tree is mounted read-only for its own
 * mount namespace; with CAP_SYS_ADMIN it can be made writable there.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import { remountWritable } from './libc.ts';

const PROC_SYS = '/proc/sys';
/** Below this a link has no IPv6 at all (RFC 8200 §5), and nothing to configure about it. */
export const IPV6_MIN_MTU = 1280;

/**
 * What keeps the host's own IP stack off a link (Documentation/networking/ip-sysctl.rst). Each of them ends when the link
 * moves to another namespace, and follows it through a change of its name.
 */
const HOST_STAYS_OUT: readonly { readonly setting: string; readonly value: string }[] = [
  // No address, and no default route of a router's advertisement.
  { setting: 'ipv6/conf/LINK/disable_ipv6', value: '1' },
  // No answer with the addresses of other links.
  { setting: 'ipv4/conf/LINK/arp_ignore', value: '8' },
  // No route leads out of a link without an address: every source is refused. It holds also where `all` is 0 or 2.
  { setting: 'ipv4/conf/LINK/rp_filter', value: '1' },
  { setting: 'ipv4/conf/LINK/drop_unicast_in_l2_multicast', value: '1' },
  { setting: 'ipv4/conf/LINK/forwarding', value: '0' },
];

/** True if a link of that MTU takes part in IPv6 on this kernel. */
export function hasIpv6(mtu: number): boolean {
  return mtu >= IPV6_MIN_MTU && existsSync(`${PROC_SYS}/net/ipv6`);
}

/** @returns a sentence if not all of it could be set; a setting that the kernel does not have is no trouble. */
export function keepHostOut(link: string): string | undefined {
  return setAll(
    HOST_STAYS_OUT.map(({ setting, value }) => ({ path: setting.replace('LINK', link), value })),
    `the host may take part in what arrives on ${link}`,
  );
}

/** The link is somebody else's from now on: what `keepHostOut` has set is what the host's default says. */
export function letHostIn(link: string): string | undefined {
  return setAll(
    HOST_STAYS_OUT.map(({ setting }) => ({
      path: setting.replace('LINK', link),
      value: readSetting(setting.replace('LINK', 'default')),
    })),
    `the host may be kept out of ${link}`,
  );
}

function setAll(
  settings: readonly { readonly path: string; readonly value: string | undefined }[],
  otherwise: string,
): string | undefined {
  const failed = settings.flatMap(({ path, value }) => {
    const error = value === undefined ? undefined : writeSetting(path, value);
    return error === undefined ? [] : [{ path, error }];
  });
  const [first] = failed;
  if (first === undefined) return undefined;
  return `${otherwise}: ${failed.map(({ path }) => path).join(', ')} could not be set: ${first.error}`;
}

function readSetting(path: string): string | undefined {
  try {
    return readFileSync(`${PROC_SYS}/net/${path}`, 'utf8').trim();
  } catch {
    return undefined; // this kernel does not have it
  }
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
