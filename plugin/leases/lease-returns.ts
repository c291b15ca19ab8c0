/**
 * Gives back the lease of a container that may have come back on another host, with the same
 * identity and so with the same lease. The segment is asked first. If somebody has the address, the
 * lease is forgotten and nothing is sent to the server. It then belongs to that host.
 *
 * With `acd=off` nobody is asked, because a router of the segment may answer ARP for every address.
 */
import type { LeaseService } from '../leasing/lease-service.ts';
import type { Clock } from '../clock.ts';
import type { SegmentInquiry } from '../leasing/segment/segment-inquiry.ts';
import type { NeighbourInquiry } from '../leasing/segment/neighbour-inquiry.ts';
import type { Logger } from '../logger.ts';
import type { Host } from '../host.ts';
import type { EndpointRecord, LeaseHolder } from '../state/lease-records.ts';
import { subjectOf, type LeaseScope } from '../state/lease-scope.ts';
import type { Registry } from '../state/registry.ts';
import { addressShown, restoreIpv6 } from '../state/stored-ipv6.ts';
import { restoreLease } from '../state/stored-lease.ts';
import type { Lease } from '../vocabulary/lease.ts';
import type { Lease6 } from '../vocabulary/ipv6/lease6.ts';
import type { Ipv4, Mac } from '../wire/address.ts';

export interface LeaseReturnsDeps {
  readonly registry: Pick<Registry, 'leasesFound' | 'findScope'>;
  readonly host: Pick<Host, 'linkMac'>;
  readonly inquiry: Pick<SegmentInquiry, 'wearer'> & Pick<NeighbourInquiry, 'owner'>;
  readonly leases: {
    leaseOf(key: string): Lease | undefined;
    readonly release: LeaseService['release'];
    forget(key: string): void;
  };
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * True if another record has this lease: this one is a copy, or could not be removed. The lease
 * stays with the other.
 */
export function isLeaseOfAnother(
  record: EndpointRecord,
  { leasesFound }: Pick<Registry, 'leasesFound'>,
): boolean {
  const { leaseId, networkId, clientId } = record;
  return leasesFound.byClientId
    .find(clientId)
    .some(
      (other) =>
        other.id !== leaseId &&
        other.scopeId === networkId &&
        addressShown(other) === addressShown(record),
    );
}

export class LeaseReturns {
  readonly #deps: LeaseReturnsDeps;
  /** By segment. Its size is limited by the leases of this host. */
  readonly #pending = new Map<Promise<void>, string>();

  constructor(deps: LeaseReturnsDeps) {
    this.#deps = deps;
  }

  /**
   * True if somebody else on the segment has the address. Takes some 0.35 s. Questions at the same
   * time take no longer.
   * @param clientId of the container that had it.
   */
  async isWorn(
    { link, options, segment }: LeaseScope,
    address: Ipv4,
    clientId: string,
  ): Promise<boolean> {
    const { host, inquiry, log } = this.#deps;
    const mac = options.acd === 'off' ? undefined : host.linkMac(link);
    const heard = mac && (await inquiry.wearer(link, mac, address));
    const by = heard ?? this.ownerHere(segment, address, clientId);
    if (by === undefined) return false;
    log.info({ segment, address, by }, 'lease not given back: somebody on the segment wears it');
    return true;
  }

  /** The same for whatever the holder has: of IPv6 only without IPv4. */
  async isTaken(
    scope: LeaseScope,
    { clientId }: Pick<LeaseHolder, 'clientId'>,
    { lease, lease6 }: { readonly lease: Lease | undefined; readonly lease6: Lease6 | undefined },
  ): Promise<boolean> {
    if (lease !== undefined) return this.isWorn(scope, lease.address, clientId);
    const { host, inquiry, log } = this.#deps;
    const { link, options, segment } = scope;
    const mac = options.acd === 'off' ? undefined : host.linkMac(link);
    const address = lease6?.addresses[0]?.address;
    if (mac === undefined || address === undefined) return false;
    const by = await inquiry.owner(link, mac, address);
    if (by === undefined) return false;
    log.info({ segment, address, by }, 'lease not given back: somebody on the segment wears it');
    return true;
  }

  /** Gives the lease back at once. Its own container has had the address until now. */
  now(holder: LeaseHolder, scope: LeaseScope): void {
    this.#deps.leases.release(
      subjectOf(holder, scope),
      this.#leaseOf(holder),
      scope.link,
      this.#lease6Of(holder),
    );
  }

  /** Asks the segment, and gives the lease back if nobody has the address. No call waits for it. */
  unlessWorn(holder: LeaseHolder, scope: LeaseScope): void {
    const { leases, log } = this.#deps;
    const [lease, lease6] = [this.#leaseOf(holder), this.#lease6Of(holder)];
    // Its client would defend the address against the host that has it.
    leases.forget(holder.id);
    const giveBack = () => leases.release(subjectOf(holder, scope), lease, scope.link, lease6);
    if (lease === undefined && lease6 === undefined) return;
    const address = lease?.address ?? lease6?.addresses[0]?.address;
    const work = this.isTaken(scope, holder, { lease, lease6 })
      .then((isTaken) => {
        if (!isTaken) giveBack();
      })
      .catch((err: unknown) => log.error({ err, address }, 'lease not given back'))
      .finally(() => void this.#pending.delete(work));
    this.#pending.set(work, scope.segment);
  }

  /**
   * Waits until all returns are done, on that segment or on all. Then links may be removed, and the
   * same identity may get a new lease.
   */
  async settled(segment?: string): Promise<void> {
    const started = [...this.#pending];
    await Promise.all(
      started.filter(([, on]) => segment === undefined || on === segment).map(([work]) => work),
    );
  }

  /**
   * Another container of this host with a lease of the address. It may not use it yet: the record
   * of the one before could not be removed.
   */
  ownerHere(segment: string, address: Ipv4, clientId: string): Mac | undefined {
    const { registry } = this.#deps;
    return registry.leasesFound.byAddress
      .find(address)
      .filter((other) => other.clientId !== clientId)
      .find(({ scopeId }) => registry.findScope(scopeId)?.segment === segment)?.mac;
  }

  /** The lease of a DHCPv6 server, as it is stored. */
  #lease6Of({ ipv6 }: LeaseHolder): Lease6 | undefined {
    return restoreIpv6(ipv6, this.#deps.clock).lease;
  }

  /** The lease as its client knows it, or as it is stored. */
  #leaseOf({ id, lease }: LeaseHolder): Lease | undefined {
    const { leases, clock } = this.#deps;
    return leases.leaseOf(id) ?? (lease && restoreLease(lease, clock));
  }
}
