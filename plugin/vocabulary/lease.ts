/**
 * The vocabulary of leases: what a DHCP server granted, in our words (RFC 2131 §3.1, RFC 2132).
 * Plain data: it is logged, compared and stored as it is.
 */
import type { Ipv4, Mac } from '../wire/address.ts';
import type { Subnet } from '../wire/subnet.ts';
import type { Instant } from './time.ts';

/** One entry of option 121 (RFC 3442) or option 33. `via` undefined: on-link (next hop 0.0.0.0). */
export interface Route {
  readonly destination: Ipv4; // host bits already cleared
  readonly prefixLength: number;
  readonly via: Ipv4 | undefined;
}

/** Everything about a lease but its times: what the container is configured with. */
export interface LeaseTerms {
  readonly address: Ipv4;
  readonly prefixLength: number;
  /** Default gateway: from option 121's default route, else option 3's first router. */
  readonly gateway: Ipv4 | undefined;
  /** Other routes, from option 121, else option 33; never a default route. */
  readonly routes: readonly Route[];
  /** Option 26 as sent; limits are applied where the link is known. */
  readonly mtu: number | undefined;
  readonly dnsServers: readonly Ipv4[];
  readonly domainName: string | undefined;
  readonly domainSearch: readonly string[];
  /** Option 54: where RENEW and RELEASE go. */
  readonly serverId: Ipv4;
  /**
   * Source MAC of the frame that carried the ACK: the server, or the relay in front of it.
   * Deviation: our unicasts go there without a neighbour lookup; if that host is gone, REBINDING finds another.
   */
  readonly serverMac: Mac;
}

/** Which addresses will do. */
export interface AddressBounds {
  /** Every one of them must have the address in it. */
  readonly within: readonly Subnet[];
  readonly except: readonly Ipv4[];
}

/** A lease with its times on the monotonic clock. All of them are Infinity for an infinite lease. */
export interface Lease extends LeaseTerms {
  /** When the REQUEST that the server acknowledged was sent (RFC 2131 §4.4.1 counts from there). */
  readonly requestedAt: Instant;
  readonly t1At: Instant;
  readonly t2At: Instant;
  readonly expiresAt: Instant;
}

/** The same lease, never to be extended: all that is left to do with it is to give it back. */
export function withoutRenewal(lease: Lease): Lease {
  return { ...lease, t1At: Infinity, t2At: Infinity };
}
