/**
 * The vocabulary of `dns=lease`: which DNS server is asked in place of which. Plain data, and the
 * rule that makes it.
 */
import type { Ipv4 } from '../wire/address.ts';

export interface DnsRedirect {
  /** The server that Docker's resolver asks. */
  readonly from: Ipv4;
  /** The server of the lease that is asked instead. */
  readonly to: Ipv4;
}

/**
 * The first server of Docker is replaced by the first of the lease, and so on. Where the lease has
 * fewer, its last one replaces the rest. A server that is in both lists at its place is left alone.
 * @returns none if the lease has no DNS.
 */
export function redirectsFor(
  asked: readonly Ipv4[],
  leased: readonly Ipv4[],
): readonly DnsRedirect[] {
  return asked.flatMap((from, index) => {
    const to = leased[Math.min(index, leased.length - 1)];
    if (to === undefined || to === from || asked.indexOf(from) < index) return [];
    return [{ from, to }];
  });
}
