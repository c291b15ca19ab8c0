/**
 * Finds leases of a segment that prove that it has a server. The server answered them, but does not
 * answer the client that asks now.
 */
import type { LivingLeases } from '../start/lease-failure.ts';
import type { LeaseClient } from '../lease-client.ts';
import type { Instant } from '../../vocabulary/time.ts';

/**
 * @returns undefined if there are none. Also undefined if one of them waits for its server in vain,
 * because then the server is down.
 */
export function livingLeases(
  clients: Iterable<LeaseClient>,
  segment: string,
  now: Instant,
): LivingLeases | undefined {
  const here = [...clients].filter((client) => client.subject.segment === segment);
  const isDown = here.some(({ ipv4 }) => ipv4?.runner.stateName === 'REBINDING');
  const leases = here.flatMap(({ ipv4 }) =>
    ipv4?.runner.stateName === 'BOUND' && ipv4.lease !== undefined ? [ipv4.lease] : [],
  );
  const latest = leases.reduce<(typeof leases)[number] | undefined>(
    (best, lease) => (best !== undefined && best.requestedAt >= lease.requestedAt ? best : lease),
    undefined,
  );
  if (latest === undefined || isDown) return undefined;
  const { serverId: server, requestedAt } = latest;
  const count = leases.filter((lease) => lease.serverId === server).length;
  return { count, server, confirmedAgo: now - requestedAt };
}
