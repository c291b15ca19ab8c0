/**
 * The vocabulary of changes to a container's link while the container runs: what happens to its
 * addresses and routes when a lease changes. It is plain data, in the order in which it is applied.
 */
import type { Route } from './lease.ts';
import type { Ipv4 } from '../wire/address.ts';
import type { Ipv6 } from '../wire/address6.ts';

export interface LinkAddress {
  readonly address: Ipv4;
  readonly prefixLength: number;
}

export type SandboxChange =
  | { readonly type: 'set-mtu'; readonly mtu: number }
  | { readonly type: 'add-address'; readonly to: LinkAddress }
  /** Another address of the same subnet. The link keeps an address and its routes all the time. */
  | { readonly type: 'replace-address'; readonly from: LinkAddress; readonly to: LinkAddress }
  | { readonly type: 'remove-address'; readonly from: LinkAddress }
  /**
   * Adds the route, or replaces the route to the same destination. If another link has a route
   * there, that one stays.
   */
  | { readonly type: 'set-route'; readonly route: Route }
  | { readonly type: 'remove-route'; readonly route: Route }
  /** Applies only if the default route uses our link, or if there is no default route. */
  | { readonly type: 'set-gateway'; readonly via: Ipv4 }
  | { readonly type: 'remove-gateway'; readonly via: Ipv4 };

/** An IPv6 address of a container's link. Undefined seconds: without end. */
/**
 * What became of a container's IPv6: it has what it is to have, IPv6 is switched off there and was
 * left so, or the link is not in the sandbox.
 */
export type SandboxIpv6Result = 'set' | 'off' | 'away';

export interface AddressToHave6 {
  readonly address: Ipv6;
  readonly prefixLength: number;
  /** From then on no new connection should use it. */
  readonly preferredSeconds: number | undefined;
  readonly validSeconds: number | undefined;
}
