/**
 * Reads the host's own subnets that libnetwork compares with a new pool: routes of scope link, and
 * name servers. If a pool overlaps with one of them, engines up to 26 ask for another pool, again
 * and again.
 */
import { parseIpv4, type Ipv4 } from '../wire/address.ts';
import { ipJson } from './ip.ts';
import { readNameServers } from './resolv-conf.ts';

export interface HostSubnet {
  readonly destination: Ipv4;
  readonly prefixLength: number;
  /** The source of the subnet, for a message. */
  readonly what: string;
  /** The link of the route. Undefined for a name server. */
  readonly link?: string | undefined;
}

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
