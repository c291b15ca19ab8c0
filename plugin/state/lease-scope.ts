/**
 * The place and the rules for a lease: one of our networks, or a pool that a network of another
 * driver uses.
 */
import type { AddressBounds } from '../vocabulary/lease.ts';
import type { SocketPlace } from '../leasing/sockets/frame-socket.ts';
import type { LeaseSubject, SiteWishes } from '../leasing/lease-subject.ts';
import type { NetworkOptions } from '../options/options.ts';
import { outerTagOf } from '../vocabulary/vlan-tags.ts';
import { attachmentOf } from './attachments/attachments.ts';
import { segmentOf, type NetworkRecord } from './records.ts';
import type { HeldRecord } from './lease-records.ts';
import type { Ipv6Subject } from '../leasing/ipv6/ipv6-subject.ts';
import { duidOfMac, iaidOfMac } from '../vocabulary/ipv6/duid.ts';
import type { Ipv6Identity } from './stored-ipv6.ts';
import type { Mac } from '../wire/address.ts';
import type { Subnet6 } from '../wire/address6.ts';

export interface LeaseScope {
  /** The NetworkID, or the id of the pool's record. */
  readonly id: string;
  /** `VLAN 500 of eth1`. Scopes on one segment share their DHCP servers, MACs and addresses. */
  readonly segment: string;
  /**
   * The link of the host that sends for containers: the bridge, or the link that carries the VLAN.
   */
  readonly link: string;
  /** The place on that link from which the host sends for containers. */
  readonly place: SocketPlace;
  readonly options: NetworkOptions;
  /** The addresses that may be leased. If undefined: any. */
  readonly bounds: AddressBounds | undefined;
  /** The IPv6 subnet that Docker was told. Undefined without one. */
  readonly subnet6?: Subnet6 | undefined;
  /** True if the network is another driver's. */
  readonly isForeign: boolean;
}

export function scopeOfNetwork(network: NetworkRecord): LeaseScope {
  const { id, options, bounds, subnet6 } = network;
  const attachment = attachmentOf(network);
  const [link, place] = [attachment.speaker(network), attachment.placeInHost(network)];
  return {
    ...{ id, segment: segmentOf(options), link, place, options },
    ...{ bounds, subnet6, isForeign: false },
  };
}

/** Describes an endpoint, an address or a held lease to the lease service. */
export function subjectOf(
  record: Pick<
    HeldRecord,
    'id' | 'mac' | 'clientId' | 'hostName' | 'requestedAddress' | 'mtu' | 'isMacShared' | 'ipv6'
  >,
  { id, options, segment, bounds, subnet6, isForeign, link }: LeaseScope,
): LeaseSubject {
  return {
    key: record.id,
    network: id,
    identity: {
      mac: record.mac,
      clientId: Uint8Array.from(Buffer.from(record.clientId, 'hex')),
      hostName: record.hostName,
      requestedAddress: record.requestedAddress,
    },
    mtu: record.mtu,
    segment,
    isBehind8021ad: outerTagOf(options.vlan)?.protocol === '802.1ad',
    acd: options.acd,
    onConflict: options.onConflict,
    allowedServers: options.dhcpServers,
    rapidCommit: options.rapidCommit,
    site: siteOf(options),
    lenientServerId: options.serverId === 'lenient',
    bounds,
    isForeign,
    broadcast: record.isMacShared ?? false,
    isIpv6Only: !options.ipv4,
    linkLocal:
      options.onNoServer === 'link-local'
        ? { afterExpiry: options.onExpiry !== 'keep' }
        : undefined,
    ipv6: isForeign ? undefined : ipv6Of(record, options, link, subnet6),
  };
}

/** What the site's options add to each request on the segment. */
export function siteOf(options: NetworkOptions): SiteWishes {
  const { vendorClass, userClass, registerDns, request, dhcpDeny, gateway, routes } = options;
  return {
    vendorClass: vendorClass === 'none' ? undefined : vendorClass,
    userClass,
    registersName: registerDns,
    alsoAsked: request,
    deniedServers: dhcpDeny,
    terms: { gateway, routes },
  };
}

/** The identity of a new container. It is as stable as the MAC. */
export function ipv6IdentityOf(mac: Mac): Ipv6Identity {
  return { duid: duidOfMac(mac), iaid: iaidOfMac(mac) };
}

/** Undefined without IPv6. */
function ipv6Of(
  { mac, hostName, ipv6: stored }: Pick<HeldRecord, 'mac' | 'hostName' | 'ipv6'>,
  { ipv6, registerDns }: NetworkOptions,
  routersOn: string,
  subnet: Subnet6 | undefined,
): Ipv6Subject | undefined {
  if (ipv6 === undefined) return undefined;
  const identity = stored?.identity ?? ipv6IdentityOf(mac);
  const { token, address } = stored?.wish ?? {};
  const told = registerDns ? hostName : undefined;
  const wishes = { token, wishedAddress: address, hostName: told };
  return { mode: ipv6, routersOn, ...identity, ...wishes, subnet };
}
