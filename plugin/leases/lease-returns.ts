/**
 * Giving a lease back for a container that is not the one whose link just went: it may have come back on another
 * host, with the same identity and so with the same lease. The segment is asked first; what somebody wears is
 * forgotten without a word to the server, and belongs to whoever wears it.
 *
 * Not asked with `acd=off`, which is for segments where a router answers ARP for every address.
 */
import type { Clock } from '../clock.ts';
import type { LeaseSubject } from '../leasing/lease-subject.ts';
import type { SegmentInquiry } from '../leasing/segment/segment-inquiry.ts';
import type { Logger } from '../logger.ts';
import type { Host } from '../host.ts';
import type { LeaseHolder } from '../state/lease-records.ts';
import { subjectOf, type LeaseScope } from '../state/lease-scope.ts';
import { restoreLease } from '../state/stored-lease.ts';
import type { Lease } from '../vocabulary/lease.ts';
import type { Ipv4 } from '../wire/address.ts';

export interface LeaseReturnsDeps {
  readonly host: Pick<Host, 'linkMac'>;
  readonly inquiry: Pick<SegmentInquiry, 'wearer'>;
  readonly leases: {
    leaseOf(key: string): Lease | undefined;
    release(subject: LeaseSubject, lease: Lease | undefined, link: string): void;
    forget(key: string): void;
  };
  readonly clock: Clock;
  readonly log: Logger;
}

export class LeaseReturns {
  readonly #deps: LeaseReturnsDeps;
  /** By segment. Bounded by the leases of this host. */
  readonly #pending = new Map<Promise<void>, string>();

  constructor(deps: LeaseReturnsDeps) {
    this.#deps = deps;
  }

  /** Takes some 0.35 s; questions at the same time take no longer. */
  async isWorn({ link, options, segment }: LeaseScope, address: Ipv4): Promise<boolean> {
    const { host, inquiry, log } = this.#deps;
    const mac = options.acd === 'off' ? undefined : host.linkMac(link);
    if (mac === undefined) return false;
    const by = await inquiry.wearer(link, mac, address);
    if (by === undefined) return false;
    log.info({ segment, address, by }, 'lease not given back: somebody on the segment wears it');
    return true;
  }

  /** Gives the lease back at once: its own container is what had the address until now. */
  now(holder: LeaseHolder, scope: LeaseScope): void {
    this.#deps.leases.release(subjectOf(holder, scope), this.#leaseOf(holder), scope.link);
  }

  /** Asks the segment, and gives the lease back if nobody wears the address. No call waits for it. */
  unlessWorn(holder: LeaseHolder, scope: LeaseScope): void {
    const { leases, log } = this.#deps;
    const lease = this.#leaseOf(holder);
    // Its client would defend the address against the one who wears it.
    leases.forget(holder.id);
    if (lease === undefined) return;
    const { address } = lease;
    const work = this.isWorn(scope, address)
      .then((isWorn) => {
        if (!isWorn) leases.release(subjectOf(holder, scope), lease, scope.link);
      })
      .catch((err: unknown) => log.error({ err, address }, 'lease not given back'))
      .finally(() => void this.#pending.delete(work));
    this.#pending.set(work, scope.segment);
  }

  /** All that was started is done, on that segment or on all: links may go, and the same identity may lease anew. */
  async settled(segment?: string): Promise<void> {
    const started = [...this.#pending];
    await Promise.all(
      started.filter(([, on]) => segment === undefined || on === segment).map(([work]) => work),
    );
  }

  /** As its client knows it, or as it is stored. */
  #leaseOf({ id, lease }: LeaseHolder): Lease | undefined {
    const { leases, clock } = this.#deps;
    return leases.leaseOf(id) ?? (lease && restoreLease(lease, clock));
  }
}
