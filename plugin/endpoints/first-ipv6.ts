/**
 * Waits for the IPv6 of a new endpoint, as long as IPv4 allows it. It never fails a start, unless a
 * server refuses the address that was typed for the container.
 */
import type { Clock } from '../clock.ts';
import type { Host } from '../host.ts';
import type { GuardedIpv6 } from '../leasing/ipv6/guarded-ipv6.ts';
import type { Logger } from '../logger.ts';
import type { Ipv6Evidence } from '../leasing/start/ipv6-evidence.ts';
import { refusedWish } from '../leasing/start/ipv6-failure.ts';
import type { AddressRecord, EndpointRecord } from '../state/lease-records.ts';
import { segmentOf, type NetworkRecord } from '../state/records.ts';
import { NOT_ON_THIS_LINK } from '../vocabulary/ipv6/addressing.ts';
import { NO_IPV6, storeIpv6, type StoredIpv6 } from '../state/stored-ipv6.ts';
import { PluginError } from '../vocabulary/errors.ts';
import type { Instant } from '../vocabulary/time.ts';

export interface FirstIpv6Deps {
  readonly leases: { ipv6(key: string): GuardedIpv6 | undefined };
  readonly host: Pick<Host, 'hasIpv6'>;
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The IPv4 lease is there.
 * @param network.mtu of the container's link. @param by the end of the whole call.
 * @param leased what our IPAM leased for the endpoint before.
 * @returns what the container starts with; undefined if its network has no IPv6.
 * @throws PluginError ADDRESS_NOT_OFFERED, and as givenIpv6.
 */
export async function firstIpv6(
  { leases, host, clock, log }: FirstIpv6Deps,
  { leaseId, mac }: Pick<EndpointRecord, 'leaseId' | 'mac'>,
  { id, options, mtu }: Pick<NetworkRecord, 'id' | 'options' | 'mtu'>,
  by: Instant,
  leased?: Pick<AddressRecord, 'id' | 'ipv6'>,
): Promise<StoredIpv6 | undefined> {
  if (leased?.ipv6?.isGiven === true) return givenIpv6({ leases, host, clock }, leased, mtu);
  const client = leases.ipv6(leaseId);
  if (options.ipv6 === undefined || client === undefined) return undefined;
  const fields = { network: id.slice(0, 12), endpoint: leaseId.slice(0, 12) };
  if (!host.hasIpv6(mtu)) {
    // Docker would fail the start, because it cannot add the address.
    log.warn({ ...fields, mtu }, `started without IPv6: ${NOT_ON_THIS_LINK}`);
    return NO_IPV6;
  }
  const startedAt = clock.now();
  await client.settledBy(Math.min(by, clock.now() + options.ipv6PatienceMs));
  const refusal = refusedWish(client, {
    segment: segmentOf(options),
    mac,
    waitedMs: clock.now() - startedAt,
  });
  if (refusal !== undefined) throw refusal;
  const stored = storeIpv6(client.terms, clock);
  const { address } = stored;
  if (address === undefined) {
    log.warn(fields, whyNone(client.evidence));
  }
  return { ...stored, answered: address, configured: undefined };
}

/** Why the container starts without an IPv6 address. */
function whyNone({ routers, plan, conflict }: Ipv6Evidence): string {
  const isWaiting = plan.slaac !== undefined || plan.dhcp === 'lease' || routers.length === 0;
  if (!isWaiting) {
    return 'no IPv6 address: no prefix of a router has the A flag, and no DHCPv6 server is asked without the M flag; one is added when a router sets either';
  }
  return conflict !== undefined && conflict === plan.slaac && plan.dhcp !== 'lease'
    ? `no IPv6 address: another host has ${conflict}`
    : 'no IPv6 address within ipv6_patience; it is added when it comes';
}

/**
 * The IPv6 of an endpoint whose address our IPAM told Docker before.
 * @param mtu of the container's link.
 * @throws PluginError UNSUPPORTED. Docker would fail later: it cannot add the address.
 */
function givenIpv6(
  { leases, host, clock }: Omit<FirstIpv6Deps, 'log'>,
  { id, ipv6 = NO_IPV6 }: Pick<AddressRecord, 'id' | 'ipv6'>,
  mtu: number,
): StoredIpv6 {
  if (!host.hasIpv6(mtu)) {
    throw new PluginError(
      'UNSUPPORTED',
      `the container cannot have ${ipv6.answered?.address}, because of its link: ${NOT_ON_THIS_LINK} (MTU ${mtu}); create the network without --ipv6, or see to the MTU`,
    );
  }
  const client = leases.ipv6(id);
  return { ...ipv6, ...(client && storeIpv6(client.terms, clock)), configured: undefined };
}
