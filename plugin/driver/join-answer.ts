/**
 * What libnetwork is to configure in the sandbox, from the lease: link, gateway and routes.
 *
 * Never a default route among the static routes (engines from 28 refuse the start) and never an empty
 * destination (it panics dockerd).
 */
import { isInSubnet, type Ipv4 } from '../wire/address.ts';
import type { LeaseTerms, Route } from '../lease.ts';
import type { EndpointRecord } from './records.ts';

export interface JoinAnswer {
  /** The link's name in the host's namespace. */
  readonly srcName: string;
  /** Undefined: none, and the container is to have none. */
  readonly gateway: Ipv4 | undefined;
  readonly staticRoutes: readonly Route[];
}

/** @param internal `--internal`: the container reaches its own segment only. */
export function joinAnswer(record: EndpointRecord, internal: boolean): JoinAnswer {
  const { containerEnd: srcName, lease } = record;
  if (internal) return { srcName, gateway: undefined, staticRoutes: onLinkRoutes(lease) };
  return { srcName, gateway: lease.gateway, staticRoutes: [...nextHops(lease), ...lease.routes] };
}

function onLinkRoutes({ routes }: LeaseTerms): Route[] {
  return routes.filter(({ via }) => via === undefined);
}

/** Host routes to the next hops that no subnet or on-link route covers: a router outside the mask. */
function nextHops(lease: LeaseTerms): Route[] {
  const { gateway, routes } = lease;
  const connected = [
    { destination: lease.address, prefixLength: lease.prefixLength },
    ...onLinkRoutes(lease),
  ];
  const isReachable = (hop: Ipv4) =>
    connected.some(({ destination, prefixLength }) => isInSubnet(hop, destination, prefixLength));
  const hops = [gateway, ...routes.map(({ via }) => via)].filter((hop) => hop !== undefined);
  return [...new Set(hops)]
    .filter((hop) => !isReachable(hop))
    .map((destination) => ({ destination, prefixLength: 32, via: undefined }));
}
