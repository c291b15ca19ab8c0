/** Waits for the IPv6 of a new endpoint, as long as IPv4 allows it. It never fails a start. */
import type { Clock } from '../clock.ts';
import type { Ipv6Client } from '../leasing/ipv6/ipv6-client.ts';
import type { Logger } from '../logger.ts';
import type { NetworkRecord } from '../state/records.ts';
import { storeIpv6, type StoredIpv6 } from '../state/stored-ipv6.ts';
import type { Instant } from '../vocabulary/time.ts';

export interface FirstIpv6Deps {
  readonly leases: { ipv6(key: string): Ipv6Client | undefined };
  readonly clock: Clock;
  readonly log: Logger;
}

/**
 * The IPv4 lease is there.
 * @param by the end of the whole call.
 * @returns what the container starts with; undefined if its network has no IPv6.
 */
export async function firstIpv6(
  { leases, clock, log }: FirstIpv6Deps,
  leaseId: string,
  { id, options }: NetworkRecord,
  by: Instant,
): Promise<StoredIpv6 | undefined> {
  const client = leases.ipv6(leaseId);
  if (options.ipv6 === undefined || client === undefined) return undefined;
  await settledBy(client, Math.min(by, clock.now() + options.ipv6PatienceMs), clock);
  const stored = storeIpv6(client.terms, clock);
  const { address } = stored;
  if (address === undefined) {
    const fields = { network: id.slice(0, 12), endpoint: leaseId.slice(0, 12) };
    log.warn(fields, 'no IPv6 address within ipv6_patience; it is added when it comes');
  }
  return { ...stored, answered: address, configured: undefined };
}

function settledBy(client: Ipv6Client, until: Instant, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.at(until, resolve);
    void client.settled().then(() => {
      cancel();
      resolve();
    });
  });
}
