/** Starts a client, and waits until it has a lease, or has none in time. */
import type { Clock } from '../../clock.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import type { Lease } from '../../vocabulary/lease.ts';
import type { Ms } from '../../vocabulary/time.ts';
import type { Logger } from '../../logger.ts';
import type { Ipv4Client } from '../ipv4-client.ts';
import type { LeaseClient } from '../lease-client.ts';
import { leaseFailure } from './lease-failure.ts';
import type { Limits } from '../lease-subject.ts';
import type { SocketPlace } from '../sockets/frame-socket.ts';

/** Between the machine's decision and the end of the wait. */
const LAST_MOMENT: Ms = 100;

/**
 * @param living the leases that other clients of the segment hold, for the error.
 * @throws PluginError as `LeaseService.acquire`; what a socket or a timer of the client throws.
 */
export async function waitForLease(
  client: LeaseClient,
  place: SocketPlace,
  { by, signal, previous, patience = Infinity, previousIpv6 }: Limits,
  clock: Clock,
  living: () => Parameters<typeof leaseFailure>[3],
): Promise<Lease> {
  const { subject, ipv4 } = client;
  if (ipv4 === undefined) throw new Error('this client has no IPv4');
  const startedAt = clock.now();
  const whenDone: (() => void)[] = [];
  try {
    return await new Promise<Lease>((resolve, reject) => {
      const cancelled = () => {
        const why = signal.reason instanceof Error ? signal.reason.message : 'cancelled';
        reject(new PluginError('CANCELLED', `${why}, while leasing on ${subject.segment}`));
      };
      if (signal.aborted) return cancelled();
      signal.addEventListener('abort', cancelled, { once: true });
      whenDone.push(() => signal.removeEventListener('abort', cancelled));
      const waitedEnough = () => {
        useUnchecked(ipv4.runner, client.log);
        const waitedMs = Math.round(clock.now() - startedAt);
        reject(leaseFailure(ipv4.runner.trace, subject, waitedMs, living())); // unless that was a lease
      };
      whenDone.push(clock.at(by, waitedEnough));
      client.waiting = { done: resolve, failed: reject };
      client.where = { place };
      client.seats.open(place, reject);
      client.ipv6?.start(previousIpv6, patience);
      // With a lease from before the machine decides a little before our patience ends.
      const atMost = Math.max(0, Math.min(patience, by - startedAt - LAST_MOMENT));
      ipv4.start(previous, atMost);
    });
  } finally {
    client.waiting = undefined;
    for (const finish of whenDone) finish();
  }
}

/** Deviation: time is up, so the lease counts before its probe is over (RFC 5227 §2.1). */
function useUnchecked(runner: Ipv4Client['runner'], log: Logger): void {
  if (runner.stateName !== 'CHECKING') return;
  log.warn({}, 'address taken before all probes were sent: lease_timeout is over');
  runner.dispatch({ type: 'checked', inUse: false });
}
