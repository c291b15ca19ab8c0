/** The leases of a segment that bear witness to a server: it was there, and has said nothing to one more client. */
import type { LivingLeases } from '../lease-failure.ts';
import type { LeaseClient } from '../lease-client.ts';
import type { Instant } from '../../vocabulary/time.ts';

/** @returns undefined where there are none, or where one of them waits for its server in vain: that one is down. */
export function livingLeases(
  clients: Iterable<LeaseClient>,
  segment: string,
  now: Instant,
): LivingLeases | undefined {
  const here = [...clients].filter((client) => client.subject.segment === segment);
  const isDown = here.some(({ runner }) => runner.stateName === 'REBINDING');
  const leases = here.flatMap(({ runner, lease }) =>
    runner.stateName === 'BOUND' && lease !== undefined ? [lease] : [],
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
