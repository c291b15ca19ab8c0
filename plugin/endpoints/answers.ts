/**
 * The answers to libnetwork about an endpoint. For a new endpoint: its address and MAC. At Join:
 * what to configure in the sandbox, which is link, gateway and routes from the lease.
 *
 * The static routes never have a default route, because engines from 28 then refuse the start. They
 * never have an empty destination, which would make dockerd panic.
 */
import { PluginError } from '../vocabulary/errors.ts';
import { isInSubnet, networkOf, type Ipv4 } from '../wire/address.ts';
import type { LinkTerms, Route } from '../vocabulary/lease.ts';
import type { EndpointRecord } from '../state/lease-records.ts';

/** Only what the request left empty. libnetwork refuses an answer that repeats what it set. */
export interface CreateEndpointAnswer {
  /**
   * The address with its prefix length. Undefined if the request had it, or if it comes later
   * (`on_no_server=late`).
   */
  readonly address: string | undefined;
  readonly macAddress: string | undefined;
  /** The IPv6 address with its prefix length. Undefined if there is none yet. */
  readonly addressIpv6: string | undefined;
}

export function createAnswer(endpoint: EndpointRecord): CreateEndpointAnswer {
  const { terms, mac, macGiven, isMacShared, addressGiven } = endpoint;
  const { answered } = terms;
  const six = endpoint.ipv6?.isGiven === true ? undefined : endpoint.ipv6?.answered;
  return {
    address: addressGiven ? undefined : answered && `${answered.address}/${answered.prefixLength}`,
    addressIpv6: six && `${six.address}/${six.prefixLength}`,
    // libnetwork would set it, and the kernel refuses that for ipvlan.
    macAddress: macGiven || isMacShared === true ? undefined : mac,
  };
}

export interface JoinAnswer {
  /** The link's name in the host's namespace. */
  readonly srcName: string;
  /** Its name in the container. Engines before 29.8 do not apply it. If undefined: any. */
  readonly dstName: string | undefined;
  /** Undefined if the container must not have a gateway. */
  readonly gateway: Ipv4 | undefined;
  readonly staticRoutes: readonly Route[];
}

/** @param internal `--internal`: the container reaches only its own segment. */
export function joinAnswer(
  { containerEnd, ifName, terms }: Pick<EndpointRecord, 'containerEnd' | 'ifName' | 'terms'>,
  internal: boolean,
): JoinAnswer {
  return { srcName: containerEnd, dstName: ifName, ...routingOf(terms.answered, internal) };
}

/** The routes of a container with that lease. Without a lease there are none. */
export function routingOf(
  lease: LinkTerms | undefined,
  internal: boolean,
): Pick<JoinAnswer, 'gateway' | 'staticRoutes'> {
  if (lease === undefined) return { gateway: undefined, staticRoutes: [] };
  // A server could name the whole internet on-link, and answer ARP for all of it.
  if (internal) return { gateway: undefined, staticRoutes: [] };
  const routes = routesBeside(lease);
  const hops = nextHops(lease, routes);
  // A route to a next hop goes only there, whatever the lease says.
  const others = routes.filter(
    ({ destination, prefixLength }) =>
      prefixLength !== 32 || !hops.some((hop) => hop.destination === destination),
  );
  return { gateway: lease.gateway, staticRoutes: [...hops, ...others] };
}

/**
 * The routes of the lease without the subnet of its own address. The kernel has that route already.
 * A start fails if any route is given twice (`file exists`).
 */
function routesBeside({ address, prefixLength, routes }: LinkTerms): Route[] {
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

/**
 * Host routes to next hops outside of all subnets and on-link routes: the router is outside the
 * mask.
 */
function nextHops(lease: LinkTerms, routes: readonly Route[]): Route[] {
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

export function endpointUnknown(id: string): PluginError {
  return new PluginError(
    'ENDPOINT_UNKNOWN',
    `endpoint ${id.slice(0, 12)} is not in this plugin's state; start the container again`,
  );
}
