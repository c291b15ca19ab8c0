/**
 * The vocabulary of `dns=lease`: which DNS server is asked in place of which. Plain data, and the
 * rule that makes it.
 */
import type { Ipv4 } from '../wire/address.ts';
import type { Ipv6 } from '../wire/address6.ts';

export type DnsServer = Ipv4 | Ipv6;

/** Both are of one family: a query is not translated from one into the other. */
export interface DnsRedirect {
  /** The server that Docker's resolver asks. */
  readonly from: DnsServer;
  /** The server of the lease that is asked instead. */
  readonly to: DnsServer;
}

export function isIpv6Server(server: DnsServer): server is Ipv6 {
  return server.includes(':');
}

/**
 * The first server of Docker is replaced by the first of the lease, and so on. Where the lease has
 * fewer, its last one replaces the rest. A server that is in both lists at its place is left alone.
 * Each family is for itself.
 * @returns none if the lease has no DNS.
 */
export function redirectsFor(
  asked: readonly DnsServer[],
  leased: readonly DnsServer[],
): readonly DnsRedirect[] {
  const [asked6, leased6] = [asked.filter(isIpv6Server), leased.filter(isIpv6Server)];
  const isIpv4 = (server: DnsServer) => !isIpv6Server(server);
  return [
    ...redirectsOf(asked.filter(isIpv4), leased.filter(isIpv4)),
    ...redirectsOf(asked6, leased6),
  ];
}

function redirectsOf(
  asked: readonly DnsServer[],
  leased: readonly DnsServer[],
): readonly DnsRedirect[] {
  return asked.flatMap((from, index) => {
    const to = leased[Math.min(index, leased.length - 1)];
    if (to === undefined || to === from || asked.indexOf(from) < index) return [];
    return [{ from, to }];
  });
}
