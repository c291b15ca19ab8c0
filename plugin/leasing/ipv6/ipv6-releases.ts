/**
 * Gives leases of DHCPv6 servers back, after their containers have gone. A server is told up to
 * four times (RFC 9915 §18.2.7), so a release outlives the client that held the lease. The number
 * of releases is limited by the containers that end within some 15 s.
 */
import type { Lease6 } from '../../vocabulary/ipv6/lease6.ts';
import type { Ipv6Client } from './ipv6-client.ts';

export class Ipv6Releases {
  readonly #running = new Set<Ipv6Client>();

  /** @param client a new one, which holds nothing. @param link of the host, on that segment. */
  give(client: Ipv6Client, lease: Lease6, link: string): void {
    this.#running.add(client);
    client.release(link, lease, () => this.#running.delete(client));
  }

  /** The servers keep what is not given back yet until it ends. */
  close(): void {
    for (const client of this.#running) client.stop();
    this.#running.clear();
  }
}
