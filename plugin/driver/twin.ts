/**
 * Two containers under one MAC: the server would give both one lease, also from two networks on one segment.
 */
import { PluginError } from '../errors.ts';
import type { Mac } from '../wire/address.ts';
import type { EndpointRecord } from './records.ts';
import type { Registry } from './registry.ts';

export function findTwin(registry: Registry, bridge: string, mac: Mac): EndpointRecord | undefined {
  return registry
    .endpoints()
    .filter((endpoint) => endpoint.mac === mac)
    .find(({ networkId }) => registry.findNetwork(networkId)?.options.bridge === bridge);
}

export function twinRefusal({ id, mac, lease }: EndpointRecord): PluginError {
  const address = lease?.address ?? 'without an address';
  return new PluginError(
    'INVALID_OPTION',
    `MAC ${mac} is worn by another container on this segment (endpoint ${id.slice(0, 12)}, ${address}); give each its own id or --mac-address`,
  );
}
