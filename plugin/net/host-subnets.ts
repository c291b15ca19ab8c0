/**
 * Reads the host's own subnets that libnetwork compares with a new pool: routes of scope link, and
 * name servers. If a pool overlaps with one of them, engines up to 26 ask for another pool, again
 * and again.
 */
import { readFileSync } from 'node:fs';
import { parseIpv4, type Ipv4 } from '../wire/address.ts';
import { ipJson } from './ip.ts';

export interface HostSubnet {
  readonly destination: Ipv4;
  readonly prefixLength: number;
  /** The source of the subnet, for a message. */
  readonly what: string;
  /** The link of the route. Undefined for a name server. */
  readonly link?: string | undefined;
}

const RESOLV_CONF = '/etc/resolv.conf';
/**
 * Where resolv.conf names only systemd-resolved, engines read the servers that systemd-resolved
 * asks.
 */
const RESOLVED_STUB = '127.0.0.53';
const RESOLVED_RESOLV_CONF = '/run/systemd/resolve/resolv.conf';

/** @throws PluginError IP_COMMAND_FAILED. */
export async function readHostSubnets(): Promise<readonly HostSubnet[]> {
  const routes = await ipJson(['-4', 'route', 'show', 'table', 'main', 'scope', 'link']);
  return [...decodeRoutes(routes), ...nameServerSubnets(readNameServers())];
}

/** Decodes the entries of `ip -j route`. A default route has no destination to compare with. */
export function decodeRoutes(entries: readonly unknown[]): HostSubnet[] {
  return entries.flatMap((entry) => {
    const { dst, dev } = entry as { dst?: unknown; dev?: unknown };
    const [address = '', length = '32'] = String(dst).split('/');
    const destination = parseIpv4(address);
    if (destination === undefined) return [];
    const prefixLength = Number(length);
    const link = typeof dev === 'string' ? dev : undefined;
    const what = `the route ${destination}/${prefixLength}${link === undefined ? '' : ` of ${link}`}`;
    return [{ destination, prefixLength, what, link }];
  });
}

function nameServerSubnets(servers: readonly Ipv4[]): HostSubnet[] {
  return servers.map((destination) => ({
    destination,
    prefixLength: 32,
    what: `the name server ${destination}`,
  }));
}

function readNameServers(): readonly Ipv4[] {
  const servers = parseNameServers(readIfThere(RESOLV_CONF));
  const isStub = servers.length === 1 && servers[0] === RESOLVED_STUB;
  return isStub ? parseNameServers(readIfThere(RESOLVED_RESOLV_CONF)) : servers;
}

/** Returns the IPv4 name servers of a resolv.conf(5). */
export function parseNameServers(text: string): readonly Ipv4[] {
  return text.split('\n').flatMap((line) => {
    const [, address = ''] = /^\s*nameserver\s+([0-9.]+)\s*([#;].*)?$/.exec(line) ?? [];
    return parseIpv4(address) ?? [];
  });
}

/** A missing file counts as empty: a host without name servers has nothing to compare with. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
