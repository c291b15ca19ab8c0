/**
 * What a new endpoint will be, before its lease is known: its MAC, its client-id, its link. All
 * wishes of a person are checked here.
 */
import { randomBytes } from 'node:crypto';
import type { Clock } from '../../clock.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import { macNotChosen, sharedIdentity } from '../../leases/address-identity.ts';
import { chooseMac, linkEnds, macClientId } from '../../options/endpoint-identity.ts';
import type { Host } from '../../host.ts';
import { attachmentOf } from '../../state/attachments/attachments.ts';
import { refuseLateWishes, refuseOtherFamily } from '../../options/endpoint-fit.ts';
import { parseEndpointOptions, type EndpointOptions } from '../../options/endpoint-options.ts';
import { ipv6IdentityOf } from '../../state/lease-scope.ts';
import { NO_IPV6 } from '../../state/stored-ipv6.ts';
import type { Mac } from '../../wire/address.ts';
import { clientIdFrom, needsName } from '../../options/site/client-id-template.ts';
import type { NetworkRecord } from '../../state/records.ts';
import type { Registry } from '../../state/registry.ts';
import type { AddressRecord, EndpointRecord } from '../../state/lease-records.ts';

export interface CreateEndpointRequest {
  readonly networkId: string;
  readonly endpointId: string;
  readonly interface: {
    readonly address: string;
    readonly addressIpv6: string;
    readonly macAddress: string;
  };
  /** The MAC if a person chose it. `interface.macAddress` may be one that libnetwork made up. */
  readonly userMac: string | undefined;
  readonly options: Readonly<Record<string, unknown>>;
}

/** An endpoint whose lease is not known yet. */
export type EndpointDraft = Omit<EndpointRecord, 'lease' | 'lost' | 'terms'>;

export function draftEndpoint(
  network: NetworkRecord,
  request: CreateEndpointRequest,
  { clock, registry, host }: { clock: Clock; registry: Registry; host: Host },
  leased: AddressRecord | undefined,
): EndpointDraft {
  const options = parseEndpointOptions(request.options);
  const { mode } = network.options;
  refuseOwnGuard(options, network);
  refuseOtherFamily(options, network.options);
  if (leased !== undefined) refuseLateWishes(options, leased);
  const given = request.interface.macAddress;
  refuseUnchosenMac(network, leased === undefined ? given : (request.userMac ?? ''), options);
  const identity = leased ?? identityOf(network, given, options, host);
  const { mac, clientId, isMacShared } = identity;
  const macGiven = given !== '';
  return {
    id: request.endpointId,
    leaseId: leased?.id ?? newLeaseId(request.endpointId, registry),
    networkId: network.id,
    mode,
    ...linkEnds(request.endpointId, mode),
    mac,
    isMacShared,
    macGiven,
    addressGiven: leased !== undefined,
    // With our IPAM Docker gives every container a MAC, chosen or random.
    isStable:
      leased === undefined
        ? macGiven || (options.mac ?? options.id) !== undefined || isNamed(network)
        : leased.isStable || request.userMac !== undefined,
    clientId,
    isClientIdTyped: network.options.clientId === undefined ? undefined : true,
    hostName: options.hostName,
    isHostNameTyped: options.hostName === undefined ? undefined : true,
    requestedAddress: leased?.requestedAddress ?? options.address,
    guard: options.guard,
    ifName: options.ifName,
    ...familiesOf(mac, options, network.options),
    mtu: network.mtu,
    createdAt: clock.wall(),
    sandboxKey: undefined,
  };
}

/** What the lease's record says of the families before anything is leased. */
function familiesOf(
  mac: Mac,
  { token, address6 }: EndpointOptions,
  { ipv4, ipv6 }: NetworkRecord['options'],
): Pick<EndpointRecord, 'family' | 'ipv6'> {
  const isChosen = token !== undefined || address6 !== undefined;
  const wish = isChosen ? { token, address: address6 } : undefined;
  const identity = ipv6IdentityOf(mac);
  const none = ipv6 === undefined ? undefined : { ...NO_IPV6, identity, wish };
  return { family: ipv4 ? 4 : 6, ipv6: none };
}

/** @throws PluginError INVALID_OPTION for a guard where there is no port to keep it. */
function refuseOwnGuard({ guard }: EndpointOptions, network: NetworkRecord): void {
  const { mode, guard: ofNetwork } = network.options;
  if (guard === undefined || guard === ofNetwork) return;
  if (attachmentOf(network).bridgeOfPorts(network) !== undefined) return;
  throw new PluginError(
    'INVALID_OPTION',
    `driver-opt guard=${guard} is for a port of a bridge, and with mode=${mode} a container has none; leave it out, or take mode=bridge`,
  );
}

/** @throws PluginError INVALID_OPTION, PARENT_LINK_UNUSABLE. */
function identityOf(
  network: NetworkRecord,
  given: string,
  options: EndpointOptions,
  host: Pick<Host, 'linkMac'>,
): Pick<EndpointRecord, 'mac' | 'clientId' | 'isMacShared'> {
  const attachment = attachmentOf(network);
  if (attachment.isMacShared) {
    const chosen = given || options.mac;
    if (chosen !== undefined && chosen !== '') throw macNotChosen(chosen);
    return sharedIdentity(attachment.speaker(network), network, nameOf(options), host);
  }
  const mac = chooseMac(given, options);
  const { clientId: template, vlan } = network.options;
  const facts = { name: nameOf(options), mac, networkId: network.id, vlan };
  const clientId = template === undefined ? macClientId(mac) : clientIdFrom(template, facts);
  return { mac, clientId, isMacShared: undefined };
}

/** The name that a person gave. The client-id of a network with `client_id` may be made of it. */
function nameOf({ id, hostName }: EndpointOptions): string | undefined {
  return id ?? hostName;
}

/** True if containers of the network are told apart by their names. */
export function isNamed({ options: { clientId } }: NetworkRecord): boolean {
  return clientId !== undefined && needsName(clientId);
}

/** @throws PluginError INVALID_OPTION if the network takes only MACs that a person chose. */
function refuseUnchosenMac(
  { options: { requireMac } }: NetworkRecord,
  chosen: string,
  { id, mac }: EndpointOptions,
): void {
  if (!requireMac || chosen !== '' || (mac ?? id) !== undefined) return;
  throw new PluginError(
    'INVALID_OPTION',
    'this network has require_mac=true and no MAC was chosen for the container; type --mac-address MAC, or driver-opt id=NAME with --ipam-driver null',
  );
}

/**
 * Returns an id for a new lease. The id of the endpoint may still be in use by an earlier lease
 * that now has another holder.
 */
function newLeaseId(endpointId: string, registry: Registry): string {
  const isFree = registry.findLease(endpointId) === undefined;
  return isFree ? endpointId : randomBytes(8).toString('hex');
}
