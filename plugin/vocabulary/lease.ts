/**
 * The vocabulary of leases: what a DHCP server granted (RFC 2131 §3.1, RFC 2132). It is plain data:
 * it is logged, compared and stored without conversion.
 */
import type { Ipv4, Mac } from '../wire/address.ts';
import type { Subnet } from '../wire/subnet.ts';
import type { Instant } from './time.ts';

/**
 * One entry of option 121 (RFC 3442) or option 33. `via` undefined means on-link (next hop
 * 0.0.0.0).
 */
export interface Route {
  readonly destination: Ipv4; // host bits already cleared
  readonly prefixLength: number;
  readonly via: Ipv4 | undefined;
}

/** What a lease configures in the container: all of the lease without its times. */
export interface LeaseTerms {
  readonly address: Ipv4;
  readonly prefixLength: number;
  /** Default gateway: from option 121's default route, else the first router of option 3. */
  readonly gateway: Ipv4 | undefined;
  /** Other routes: from option 121, else option 33. Never a default route. */
  readonly routes: readonly Route[];
  /** Option 26 as sent. Limits are applied where the link is known. */
  readonly mtu: number | undefined;
  readonly dnsServers: readonly Ipv4[];
  readonly domainName: string | undefined;
  readonly domainSearch: readonly string[];
  /** Options that nothing applies. Operators are shown them. If undefined: none. */
  readonly others?: readonly OtherOption[] | undefined;
  /** Option 54. RENEW and RELEASE go to this address. */
  readonly serverId: Ipv4;
  /**
   * Source MAC of the frame that carried the ACK: the server's, or the relay's. Deviation: our
   * unicasts go to this MAC without a neighbour lookup. If that host is gone, REBINDING finds
   * another.
   */
  readonly serverMac: Mac;
}

export interface OtherOption {
  readonly code: number;
  /** The value as text on one line. */
  readonly value: string;
}

/** What a site wants to be different from what its servers say. */
export interface TermsWishes {
  /** In place of the server's default gateway. `none`: there is none. */
  readonly gateway?: Ipv4 | 'none' | undefined;
  /** `none`: no routes beside the default gateway. If undefined: `lease`. */
  readonly routes?: 'lease' | 'none' | undefined;
}

/** What the link of a container is given, by a lease or without one. */
export type LinkTerms = Pick<
  LeaseTerms,
  'address' | 'prefixLength' | 'gateway' | 'routes' | 'mtu'
> &
  Partial<Pick<LeaseTerms, 'dnsServers'>>;

/** Which addresses are acceptable. */
export interface AddressBounds {
  /** The address must lie in every one of them. */
  readonly within: readonly Subnet[];
  readonly except: readonly Ipv4[];
}

/** A lease with its times on the monotonic clock. For an infinite lease all times are Infinity. */
export interface Lease extends LeaseTerms {
  /**
   * When the acknowledged REQUEST was sent. The times of a lease count from it (RFC 2131 §4.4.1).
   */
  readonly requestedAt: Instant;
  readonly t1At: Instant;
  readonly t2At: Instant;
  readonly expiresAt: Instant;
}

/** The same lease without renewal times: it can only be given back. */
export function withoutRenewal(lease: Lease): Lease {
  return { ...lease, t1At: Infinity, t2At: Infinity };
}
