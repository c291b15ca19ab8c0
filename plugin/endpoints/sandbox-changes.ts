/**
 * Finds the differences between two configurations of a container's link. Their order keeps
 * everything working that both have. New parts come before old parts go.
 */
import type { LinkTerms, Route } from '../vocabulary/lease.ts';
import type { LinkAddress, SandboxChange } from '../vocabulary/sandbox-change.ts';
import { networkOf, type Ipv4 } from '../wire/address.ts';
import { routingOf } from './answers.ts';

/** The configuration of a link. Without terms it has no address. */
export interface LinkConfig {
  readonly terms: LinkTerms | undefined;
  readonly mtu: number;
}

/** What it is now. Its MTU is undefined if that is not known. */
type PresentConfig = Pick<LinkConfig, 'terms'> & { readonly mtu: number | undefined };

/** @param internal `--internal`: no gateway, and no route. */
export function sandboxChanges(
  from: PresentConfig,
  to: LinkConfig,
  internal: boolean,
): readonly SandboxChange[] {
  const old = { address: addressOf(from), ...routingOf(from.terms, internal) };
  const next = { address: addressOf(to), ...routingOf(to.terms, internal) };
  const address = addressChanges(old.address, next.address);
  return [
    ...(from.mtu === to.mtu ? [] : [{ type: 'set-mtu', mtu: to.mtu } as const]),
    ...address.before,
    ...missingIn(old.staticRoutes, next.staticRoutes, isSameRoute)
      .sort(onLinkFirst)
      .map((route) => ({ type: 'set-route', route }) as const),
    ...gatewayChanges(old.gateway, next.gateway),
    ...missingIn(next.staticRoutes, old.staticRoutes, isSameDestination)
      .sort(onLinkFirst)
      .reverse()
      .map((route) => ({ type: 'remove-route', route }) as const),
    ...address.after,
  ];
}

function addressOf({ terms }: PresentConfig): LinkAddress | undefined {
  return terms && { address: terms.address, prefixLength: terms.prefixLength };
}

/**
 * `before`: changes that the routes may need. `after`: changes that would break routes still in
 * use.
 */
function addressChanges(
  from: LinkAddress | undefined,
  to: LinkAddress | undefined,
): { before: readonly SandboxChange[]; after: readonly SandboxChange[] } {
  if (from === undefined && to === undefined) return { before: [], after: [] };
  if (from === undefined || to === undefined) {
    return {
      before: to === undefined ? [] : [{ type: 'add-address', to }],
      after: from === undefined ? [] : [{ type: 'remove-address', from }],
    };
  }
  if (from.prefixLength === to.prefixLength) {
    if (from.address === to.address) return { before: [], after: [] };
    const isSameSubnet =
      networkOf(from.address, from.prefixLength) === networkOf(to.address, to.prefixLength);
    if (isSameSubnet) return { before: [{ type: 'replace-address', from, to }], after: [] };
  }
  return { before: [{ type: 'add-address', to }], after: [{ type: 'remove-address', from }] };
}

function gatewayChanges(from: Ipv4 | undefined, to: Ipv4 | undefined): readonly SandboxChange[] {
  if (from === to) return [];
  if (to !== undefined) return [{ type: 'set-gateway', via: to }];
  return from === undefined ? [] : [{ type: 'remove-gateway', via: from }];
}

/** Returns the routes of `wanted` that `present` lacks. */
function missingIn(
  present: readonly Route[],
  wanted: readonly Route[],
  isSame: (one: Route, other: Route) => boolean,
): Route[] {
  return wanted.filter((route) => !present.some((other) => isSame(route, other)));
}

function isSameDestination(one: Route, other: Route): boolean {
  return one.destination === other.destination && one.prefixLength === other.prefixLength;
}

function isSameRoute(one: Route, other: Route): boolean {
  return isSameDestination(one, other) && one.via === other.via;
}

/** Sorts routes. A route through a router needs the route to that router first. */
function onLinkFirst(one: Route, other: Route): number {
  return Number(one.via !== undefined) - Number(other.via !== undefined);
}

/** RFC 2132 §5.1: a lower value is not credible. */
const LEAST_MTU = 576;
/** RFC 8200 §5: below it the kernel takes all of IPv6 from a link. */
const LEAST_MTU_WITH_IPV6 = 1280;

/**
 * Returns the MTU of the lease if it can be used. A value above the link's cannot be used.
 * @param hasIpv6 the container has an IPv6 address, which a DHCPv4 server must not take away.
 */
export function usableMtu(offered: number | undefined, linkMtu: number, hasIpv6 = false): number {
  const least = hasIpv6 ? LEAST_MTU_WITH_IPV6 : LEAST_MTU;
  return offered !== undefined && offered >= least && offered < linkMtu ? offered : linkMtu;
}
