/** The tunnel network, and routes of this host that it would take traffic from (U12). */
import { decodeRoutes } from '../net/host-subnets.ts';
import { ipJson } from '../net/ip.ts';
import { networkOf, type Ipv4 } from '../wire/address.ts';
import { TUNNEL_PREFIX } from './desired.ts';

/** A site that routes all of 10.0.0.0/8 leaves no room but inside of that. */
const WIDEST_PREFIX = 9;

/**
 * @param address any address of the tunnel network.
 * @param own links whose routes are those of the tunnel itself.
 * @returns words for a sentence; undefined if there is no such route.
 */
export async function subnetClash(
  address: string,
  own: readonly string[],
): Promise<string | undefined> {
  const routes = decodeRoutes(await ipJson(['-4', 'route', 'show', 'table', 'main']));
  return routes.find(
    ({ destination, prefixLength, link }) =>
      prefixLength >= WIDEST_PREFIX &&
      !own.includes(link ?? '') &&
      tunnelNetwork(destination, Math.min(prefixLength, TUNNEL_PREFIX)) ===
        tunnelNetwork(address, Math.min(prefixLength, TUNNEL_PREFIX)),
  )?.what;
}

/**
 * The tunnel network in CIDR form.
 * @param address any address of it, as a schema has checked it.
 */
export function tunnelNetwork(address: string, prefixLength: number): string {
  return `${networkOf(address as Ipv4, prefixLength)}/${prefixLength}`;
}
