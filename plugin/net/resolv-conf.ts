/**
 * Reads the name servers of the host, where dockerd reads them, too. dockerd gives a managed plugin
 * the host's file as a mount.
 */
import { readFileSync, statSync } from 'node:fs';
import { isIpv6Server, type DnsServer } from '../vocabulary/dns-redirect.ts';
import { parseIpv4, type Ipv4 } from '../wire/address.ts';
import { parseIpv6 } from '../wire/address6.ts';

const RESOLV_CONF = '/etc/resolv.conf';
/**
 * Where resolv.conf names only systemd-resolved, engines compare a pool with the servers that
 * systemd-resolved asks.
 */
const RESOLVED_STUB = '127.0.0.53';
const RESOLVED_RESOLV_CONF = '/run/systemd/resolve/resolv.conf';

export interface HostDns {
  /** In the order of the file. */
  readonly servers: readonly DnsServer[];
  /**
   * True if the host has another file by now. A mount shows the file that was there when the plugin
   * started, and programs replace it by renaming.
   */
  readonly isOutdated: boolean;
}

/** Starts no process and does not wait. */
export function readHostDns(path = RESOLV_CONF): HostDns {
  return { servers: parseNameServers(readIfThere(path)), isOutdated: isReplaced(path) };
}

/** The IPv4 servers that are asked in the end, as far as files tell. */
export function readNameServers(): readonly Ipv4[] {
  const servers = readHostDns().servers.filter(isIpv4);
  const isStub = servers.length === 1 && servers[0] === RESOLVED_STUB;
  return isStub ? parseNameServers(readIfThere(RESOLVED_RESOLV_CONF)).filter(isIpv4) : servers;
}

/** Returns the name servers of a resolv.conf(5), but not those of a link (`fe80::1%eth0`). */
export function parseNameServers(text: string): readonly DnsServer[] {
  return text.split('\n').flatMap((line) => {
    const [, address = ''] = /^\s*nameserver\s+([0-9A-Fa-f.:]+)\s*([#;].*)?$/.exec(line) ?? [];
    return parseIpv4(address) ?? parseIpv6(address) ?? [];
  });
}

function isIpv4(server: DnsServer): server is Ipv4 {
  return !isIpv6Server(server);
}

/** A missing file counts as empty: a host without name servers has nothing to compare with. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** A file that no folder names any more was replaced. */
function isReplaced(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.nlink === 0;
}
