/**
 * Splits changes of a container's link into single steps for the kernel, given what the sandbox has
 * now (pure).
 *
 * The kernel does two things that decide the order within an address change. It may remove an
 * address together with another one of the same subnet. With the last address, it removes all
 * routes of the link.
 */
import { assertNever } from '../../vocabulary/errors.ts';
import type { Route } from '../../vocabulary/lease.ts';
import type { LinkAddress, SandboxChange } from '../../vocabulary/sandbox-change.ts';
import { IPV4_ANY, type Ipv4 } from '../../wire/address.ts';
import type { RouteEntry } from '../netlink/address-messages.ts';

export interface SandboxState {
  /** The addresses of our link. */
  readonly addresses: readonly LinkAddress[];
  /** The routes of the main table, of every link. */
  readonly routes: readonly RouteEntry<Ipv4>[];
}

export type SandboxStep =
  | { readonly type: 'set-mtu'; readonly mtu: number }
  /** Adding an existing address is no error. Removing a missing one is none, either. */
  | { readonly type: 'add-address' | 'remove-address'; readonly address: LinkAddress }
  /** Replaces the route of our link to the same destination. */
  | { readonly type: 'set-route'; readonly route: Route }
  | { readonly type: 'remove-route'; readonly route: RouteEntry<Ipv4> };

/** @param link its index inside the sandbox. */
export function sandboxSteps(
  changes: readonly SandboxChange[],
  link: number,
  state: SandboxState,
): readonly SandboxStep[] {
  return changes.flatMap((change) => stepsFor(change, link, state));
}

function stepsFor(
  change: SandboxChange,
  link: number,
  state: SandboxState,
): readonly SandboxStep[] {
  const has = (address: LinkAddress) => state.addresses.some((other) => isSame(address, other));
  switch (change.type) {
    case 'set-mtu':
      return [change];
    case 'add-address':
      return has(change.to) ? [] : [add(change.to)];
    case 'remove-address':
      return has(change.from) ? [remove(change.from)] : [];
    case 'replace-address': {
      const { from, to } = change;
      if (!has(from)) return has(to) ? [] : [add(to)];
      return replaceBy(to, [...(has(to) ? [remove(to)] : []), remove(from)]);
    }
    case 'set-route':
      return isOfAnotherLink(change.route, link, state) ? [] : [change];
    case 'remove-route':
      return state.routes
        .filter((route) => route.link === link && isRoute(route, change.route))
        .map((route) => ({ type: 'remove-route', route }));
    case 'set-gateway': {
      const [present] = state.routes
        .filter(isDefault)
        .sort((one, other) => one.metric - other.metric);
      const route: Route = { destination: IPV4_ANY, prefixLength: 0, via: change.via };
      return present === undefined || present.link === link ? [{ type: 'set-route', route }] : [];
    }
    case 'remove-gateway':
      return state.routes
        .filter((route) => route.link === link && isDefault(route) && route.via === change.via)
        .map((route) => ({ type: 'remove-route', route }));
    default:
      return assertNever(change);
  }
}

/**
 * Adds the new address first as a single host. So it is outside the old subnet and stays when the
 * old address is removed.
 */
function replaceBy(to: LinkAddress, removals: readonly SandboxStep[]): readonly SandboxStep[] {
  if (to.prefixLength === 32) return [add(to), ...removals];
  const alone = { address: to.address, prefixLength: 32 };
  return [add(alone), ...removals, add(to), remove(alone)];
}

function add(address: LinkAddress): SandboxStep {
  return { type: 'add-address', address };
}

function remove(address: LinkAddress): SandboxStep {
  return { type: 'remove-address', address };
}

function isSame(one: LinkAddress, other: LinkAddress): boolean {
  return one.address === other.address && one.prefixLength === other.prefixLength;
}

/** The kernel would replace it. A server may send a route to the subnet of any other network. */
function isOfAnotherLink(
  { destination, prefixLength }: Route,
  link: number,
  { routes }: SandboxState,
): boolean {
  return routes.some(
    (route) =>
      route.destination === destination &&
      route.prefixLength === prefixLength &&
      route.metric === 0 &&
      route.link !== link,
  );
}

function isDefault({ prefixLength }: RouteEntry<Ipv4>): boolean {
  return prefixLength === 0;
}

function isRoute(present: RouteEntry<Ipv4>, { destination, prefixLength, via }: Route): boolean {
  const isThere = present.destination === destination && present.prefixLength === prefixLength;
  return isThere && present.via === via && !present.isKernels;
}
