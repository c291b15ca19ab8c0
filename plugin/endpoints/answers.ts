/**
 * What libnetwork is told of an endpoint: of a new one, and at Join what it is to configure in the sandbox: link,
 * gateway and routes from the lease.
 *
 * Never a default route among the static routes (engines from 28 refuse the start) and never an empty
 * destination (it panics dockerd).
 */
import { isInSubnet, networkOf, type Ipv4 } from '../wire/address.ts';
import type { LeaseTerms, Route } from '../vocabulary/lease.ts';
import type { EndpointRecord } from '../state/lease-records.ts';

/** Only what the request left empty: libnetwork refuses an answer that repeats what it set. */
export interface CreateEndpointAnswer {
  /** With its prefix length; undefined: it was given, or it comes later (`on_no_server=late`). */
  readonly address: string | undefined;
  readonly macAddress: string | undefined;
}

export function createAnswer(endpoint: EndpointRecord): CreateEndpointAnswer {
  const { terms, mac, macGiven, addressGiven } = endpoint;
  const { answered } = terms;
  return {
    address: addressGiven ? undefined : answered && `${answered.address}/${answered.prefixLength}`,
    macAddress: macGiven ? undefined : mac,
  };
}

export interface JoinAnswer {
  /** The link's name in the host's namespace. */
  readonly srcName: string;
  /** Undefined: none, and the container is to have none. */
  readonly gateway: Ipv4 | undefined;
  readonly staticRoutes: readonly Route[];
}

/** @param internal `--internal`: the container reaches its own segment only. */
export function joinAnswer(
  { containerEnd, terms }: Pick<EndpointRecord, 'containerEnd' | 'terms'>,
  internal: boolean,
): JoinAnswer {
  return { srcName: containerEnd, ...routingOf(terms.answered, internal) };
}

/** What a container with that lease can reach beyond its subnet; nothing without one. */
export function routingOf(
  lease: LeaseTerms | undefined,
  internal: boolean,
): Pick<JoinAnswer, 'gateway' | 'staticRoutes'> {
  if (lease === undefined) return { gateway: undefined, staticRoutes: [] };
  const routes = routesBeside(lease);
  if (internal) return { gateway: undefined, staticRoutes: onLinkRoutes(routes) };
  const hops = nextHops(lease, routes);
  // What leads to a next hop leads nowhere else, whatever the lease says.
  const others = routes.filter(
    ({ destination, prefixLength }) =>
      prefixLength !== 32 || !hops.some((hop) => hop.destination === destination),
  );
  return { gateway: lease.gateway, staticRoutes: [...hops, ...others] };
}

/**
 * What the lease routes beside the subnet of its own address: that route the kernel has already, and a
 * start fails over any route given twice (`file exists`).
 */
function routesBeside({ address, prefixLength, routes }: LeaseTerms): Route[] {
  const key = (route: Route) => `${route.destination}/${route.prefixLength}`;
  const seen = new Set([`${networkOf(address, prefixLength)}/${prefixLength}`]);
  return routes.filter((route) => {
    if (route.prefixLength === 0 || seen.has(key(route))) return false;
    seen.add(key(route));
    return true;
  });
}

function onLinkRoutes(routes: readonly Route[]): Route[] {
  return routes.filter(({ via }) => via === undefined);
}

/** Host routes to the next hops that no subnet or on-link route covers: a router outside the mask. */
function nextHops(lease: LeaseTerms, routes: readonly Route[]): Route[] {
  const connected = [
    { destination: lease.address, prefixLength: lease.prefixLength },
    ...onLinkRoutes(routes),
  ];
  const isReachable = (hop: Ipv4) =>
    connected.some(({ destination, prefixLength }) => isInSubnet(hop, destination, prefixLength));
  const hops = [lease.gateway, ...routes.map(({ via }) => via)].filter((hop) => hop !== undefined);
  return [...new Set(hops)]
    .filter((hop) => !isReachable(hop))
    .map((destination) => ({ destination, prefixLength: 32, via: undefined }));
}
