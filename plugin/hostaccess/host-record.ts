/**
 * The record of the host's own lease on a network, and the link that goes with it: who the host is
 * there, what a lease changes, and whether its subnet can be used. Decisions only.
 */
import { scopeOfNetwork, type LeaseScope } from '../state/lease-scope.ts';
import type { Clock } from '../clock.ts';
import type { HostLinkSpec, HostSubnet } from '../host.ts';
import type { LeaseChange } from '../leasing/client-runner.ts';
import type { SocketPlace } from '../leasing/sockets/frame-socket.ts';
import { hostLinkName, macClientId } from '../options/endpoint-identity.ts';
import { macFromId } from '../options/endpoint-options.ts';
import { attachmentOf } from '../state/attachments/attachments.ts';
import { hostLeaseId, type HostRecord } from '../state/lease-records.ts';
import { segmentOf, type NetworkRecord } from '../state/records.ts';
import { storeLease } from '../state/stored-lease.ts';
import type { Lease } from '../vocabulary/lease.ts';
import type { LinkAddress } from '../vocabulary/sandbox-change.ts';
import type { Mac } from '../wire/address.ts';
import { formatSubnet, subnetOf, subnetsOverlap } from '../wire/subnet.ts';

/**
 * The host has no lease yet.
 * @param below the MAC of the link below. No other host of the segment has it. So the host's own
 * MAC there is the same whenever the network is made, and another one on each host.
 */
export function newHostRecord(
  network: NetworkRecord,
  below: Mac | undefined,
  clock: Clock,
): HostRecord {
  const mac = macFromId(`host access ${segmentOf(network.options)} ${below ?? network.id}`);
  return {
    ...{ id: hostLeaseId(network.id), family: 4, scopeId: network.id, mac },
    ...{ clientId: macClientId(mac), hostName: undefined, requestedAddress: undefined },
    ...{ mtu: network.mtu, isStable: true, lease: undefined },
    lost: { at: clock.wall(), cause: 'no-server', isAddressKept: false },
    holder: { is: 'host', link: hostLinkName(network.id), address: undefined },
  };
}

/** @param isUsable false if the host must not use the address. */
export function withLease(
  record: HostRecord,
  lease: Lease,
  isUsable: boolean,
  clock: Clock,
): HostRecord {
  const address = isUsable ? addressOf(lease) : undefined;
  const holder = { ...record.holder, address };
  return { ...record, lease: storeLease(lease, clock), lost: undefined, holder };
}

export function withoutLease(
  record: HostRecord,
  { cause = 'expired' }: Pick<LeaseChange, 'cause'>,
  { options }: NetworkRecord,
  clock: Clock,
): HostRecord {
  // Deviation: RFC 2131 §4.4.5 lets nobody use an address whose lease is over. An operator may.
  const isAddressKept = cause === 'expired' && options.onExpiry === 'keep';
  const address = isAddressKept ? record.holder.address : undefined;
  const lost = { at: clock.wall(), cause, isAddressKept };
  return { ...record, lease: undefined, lost, holder: { ...record.holder, address } };
}

/** True if the link is to have the address of the lease already. */
export function isAddressOf({ holder }: HostRecord, lease: Lease): boolean {
  const { address, prefixLength } = holder.address ?? {};
  return address === lease.address && prefixLength === lease.prefixLength;
}

function addressOf({ address, prefixLength }: Lease): LinkAddress {
  return { address, prefixLength };
}

export function hostLinkSpec(record: HostRecord, network: NetworkRecord): HostLinkSpec {
  const { mac, holder } = record;
  const rules = { mode: 'off', mac, addresses: [], leases: false, noServer: false } as const;
  const connection = attachmentOf(network).connection(network, rules);
  if (connection.kind !== 'macvlan') throw new Error('host access is for mode=macvlan only');
  return { link: holder.link, mac, mtu: network.mtu, connection, address: holder.address };
}

/**
 * Where the host's DHCP client hears and sends: on that link, as a container's does in its sandbox.
 * Its port is held while an answer is awaited. So the host does not answer the server with "port
 * unreachable".
 */
export function hostPlace({ holder }: HostRecord, network: NetworkRecord): SocketPlace {
  const attachment = attachmentOf(network);
  return {
    ...{ link: holder.link, netnsPath: OWN_NAMESPACE },
    ...{ speaksVia: attachment.requestsLeaveBy(network), defendsFrom: attachment.speaker(network) },
  };
}

const OWN_NAMESPACE = '/proc/self/ns/net';

/**
 * The kernel makes a route to the subnet of the lease. If the host has a route of another link to
 * some of it, one of the two would get the traffic of both.
 * @returns why the address cannot be used, in one sentence. Undefined if it can.
 */
export function subnetTrouble(
  { holder }: HostRecord,
  { options }: NetworkRecord,
  lease: Lease,
  subnets: readonly HostSubnet[],
): string | undefined {
  const own = subnetOf(lease.address, lease.prefixLength);
  const other = subnets.find(
    ({ link, destination, prefixLength }) =>
      link !== undefined &&
      link !== holder.link &&
      subnetsOverlap(own, subnetOf(destination, prefixLength)),
  );
  if (other === undefined) return undefined;
  return `the server of ${segmentOf(options)} leases ${formatSubnet(own)} to the host, which has ${other.what} already and could use only one of the two; leave host_access out, or remove that route`;
}

/** The scope of the host's own lease. The host's link has no IPv6, and no link-local address. */
export function scopeOfHost(network: NetworkRecord): LeaseScope {
  const scope = scopeOfNetwork(network);
  return { ...scope, options: { ...scope.options, ipv6: undefined, onNoServer: 'late' } };
}
