/**
 * Writes kernel settings of one link below /proc/sys/net. In a managed plugin that tree is mounted
 * read-only in the plugin's mount namespace. CAP_SYS_ADMIN allows to make it writable there.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import { remountWritable } from './libc.ts';

const PROC_SYS = '/proc/sys';
/** A link with a smaller MTU has no IPv6 at all (RFC 8200 §5), and no IPv6 settings. */
export const IPV6_MIN_MTU = 1280;

/**
 * The settings that keep the host's own IP stack off a link
 * (Documentation/networking/ip-sysctl.rst). They end when the link moves to another namespace. They
 * stay when the link gets another name.
 */
const HOST_STAYS_OUT: readonly { readonly setting: string; readonly value: string }[] = [
  // The link gets no IPv6 address, and no default route from a router's advertisement.
  { setting: 'ipv6/conf/LINK/disable_ipv6', value: '1' },
  // The host does not answer ARP with addresses of its other links.
  { setting: 'ipv4/conf/LINK/arp_ignore', value: '8' },
  // No route leads out of a link without an address. So every source is refused, also where the
  // setting of `all` is 0 or 2.
  { setting: 'ipv4/conf/LINK/rp_filter', value: '1' },
  { setting: 'ipv4/conf/LINK/drop_unicast_in_l2_multicast', value: '1' },
  { setting: 'ipv4/conf/LINK/forwarding', value: '0' },
];

/**
 * The settings of the host's own link to containers. The host takes part by it with the one
 * address that the link has, and leads nobody elsewhere.
 */
const HOST_TAKES_PART: readonly { readonly setting: string; readonly value: string }[] = [
  { setting: 'ipv6/conf/LINK/disable_ipv6', value: '1' },
  // The host answers ARP for the address of this link only, and asks with it.
  { setting: 'ipv4/conf/LINK/arp_ignore', value: '1' },
  { setting: 'ipv4/conf/LINK/arp_announce', value: '2' },
  // Only what the host would answer by this link gets in.
  { setting: 'ipv4/conf/LINK/rp_filter', value: '1' },
  { setting: 'ipv4/conf/LINK/drop_unicast_in_l2_multicast', value: '1' },
  // The host is no router of the VLAN.
  { setting: 'ipv4/conf/LINK/forwarding', value: '0' },
];

/** True if a link of that MTU takes part in IPv6 on this kernel. */
export function hasIpv6(mtu: number): boolean {
  return mtu >= IPV6_MIN_MTU && existsSync(`${PROC_SYS}/net/ipv6`);
}

/**
 * Applies the settings. Skips a setting that this kernel does not have.
 * @returns a sentence for the log if a setting could not be written.
 */
export function keepHostOut(link: string): string | undefined {
  return setAll(
    HOST_STAYS_OUT.map(({ setting, value }) => ({ path: setting.replace('LINK', link), value })),
    `the host may take part in what arrives on ${link}`,
  );
}

/**
 * Applies the settings of the host's own link to containers. Skips a setting that this kernel does
 * not have.
 * @returns a sentence for the log if a setting could not be written.
 */
export function letHostTakePart(link: string): string | undefined {
  return setAll(
    HOST_TAKES_PART.map(({ setting, value }) => ({ path: setting.replace('LINK', link), value })),
    `the host may answer on ${link} with more than its address there`,
  );
}

/**
 * Gives the link to somebody else: sets everything that `keepHostOut` has set to the host's
 * default.
 */
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

/** Undefined if this kernel does not have it. */
export function readSetting(path: string): string | undefined {
  try {
    return readFileSync(`${PROC_SYS}/net/${path}`, 'utf8').trim();
  } catch {
    return undefined; // this kernel does not have it
  }
}

/** @returns what went wrong. A setting that does not exist is not an error. */
export function writeSetting(path: string, value: string): string | undefined {
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
