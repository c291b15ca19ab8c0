/**
 * The vocabulary of changes to a container's link while the container runs: what is to become of its
 * addresses and routes when a lease changes. Plain data, in the order in which it is to be done.
 */
import type { Route } from './lease.ts';
import type { Ipv4 } from '../wire/address.ts';

export interface LinkAddress {
  readonly address: Ipv4;
  readonly prefixLength: number;
}

export type SandboxChange =
  | { readonly type: 'set-mtu'; readonly mtu: number }
  | { readonly type: 'add-address'; readonly to: LinkAddress }
  /** Another address of the same subnet: neither the link nor its routes are left without one. */
  | { readonly type: 'replace-address'; readonly from: LinkAddress; readonly to: LinkAddress }
  | { readonly type: 'remove-address'; readonly from: LinkAddress }
  /** Adds it, or takes the place of the one to the same destination. */
  | { readonly type: 'set-route'; readonly route: Route }
  | { readonly type: 'remove-route'; readonly route: Route }
  /** Only where the default route is ours to set: it goes over our link, or there is none. */
  | { readonly type: 'set-gateway'; readonly via: Ipv4 }
  | { readonly type: 'remove-gateway'; readonly via: Ipv4 };
