/**
 * Gives leases of DHCPv6 servers back, after their containers have gone. A server is told up to
 * four times (RFC 9915 §18.2.7), so a release outlives the client that held the lease. The number
 * of releases is limited by the containers that end within some 15 s.
 */
import type { Emit } from '../../events/events.ts';
import { leaseEvent6 } from '../../events/lease-events.ts';
import type { Lease6 } from '../../vocabulary/ipv6/lease6.ts';
import type { LeaseSubject } from '../lease-subject.ts';
import type { GuardedIpv6 } from './guarded-ipv6.ts';
import type { Ipv6Subject } from './ipv6-subject.ts';

export class Ipv6Releases {
  /** By segment and DUID. */
  readonly #running = new Map<string, GuardedIpv6>();
  readonly #make: (subject: LeaseSubject) => GuardedIpv6 | undefined;
  readonly #emit: Emit | undefined;

  /** @param make a client that holds nothing; undefined for a subject without IPv6. */
  constructor(make: (subject: LeaseSubject) => GuardedIpv6 | undefined, emit?: Emit) {
    this.#make = make;
    this.#emit = emit;
  }

  /** @param link of the host, on that segment. */
  give(subject: LeaseSubject, lease: Lease6 | undefined, link: string): void {
    if (lease === undefined) return;
    const client = this.#make(subject);
    if (client === undefined) return;
    const key = keyOf(client.subject);
    this.stop(subject);
    this.#running.set(key, client);
    const [address] = lease.addresses;
    this.#emit?.(leaseEvent6(subject, { change: 'lost', cause: 'released', address, lease }));
    client.release(link, lease, () => {
      if (this.#running.get(key) === client) this.#running.delete(key);
    });
  }

  /**
   * That identity asks for a lease again. A RELEASE that is repeated would end the new lease: the
   * server knows both by the DUID.
   */
  stop({ ipv6 }: Pick<LeaseSubject, 'ipv6'>): void {
    if (ipv6 === undefined) return;
    const key = keyOf(ipv6);
    this.#running.get(key)?.stop();
    this.#running.delete(key);
  }

  /** The servers keep what is not given back yet until it ends. */
  close(): void {
    for (const client of this.#running.values()) client.stop();
    this.#running.clear();
  }
}

function keyOf({ routersOn, duid }: Ipv6Subject): string {
  return `${routersOn} ${duid}`;
}
