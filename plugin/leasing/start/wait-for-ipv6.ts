/** Starts a client without IPv4, and waits until it has an address, or has none in time. */
import type { Clock } from '../../clock.ts';
import { PluginError } from '../../vocabulary/errors.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { LeaseClient } from '../lease-client.ts';
import type { Late } from '../lease-subject.ts';
import type { SocketPlace } from '../sockets/frame-socket.ts';
import { ipv6Failure, refusedWish } from './ipv6-failure.ts';

/**
 * @param limits.rest how long to wait for more, once there is an address, or for another router
 * once it is clear that there will be none.
 * @param limits.late goes on without an address. What a person typed must be had all the same.
 * @throws PluginError as `LeaseService.acquireIpv6`; what a socket of the client throws.
 */
export async function waitForIpv6(
  client: LeaseClient,
  place: SocketPlace,
  limits: Late & { readonly rest: Ms },
  clock: Clock,
): Promise<void> {
  const { subject, ipv6 } = client;
  if (ipv6 === undefined) throw new Error('this client has no IPv6');
  const { by, signal, previousIpv6, patience = Infinity, rest, late } = limits;
  const startedAt = clock.now();
  const whenDone: (() => void)[] = [];
  const ended = new Promise<never>((_resolve, reject) => {
    const cancelled = () => {
      const why = signal.reason instanceof Error ? signal.reason.message : 'cancelled';
      reject(new PluginError('CANCELLED', `${why}, while asking for IPv6 on ${subject.segment}`));
    };
    if (signal.aborted) return cancelled();
    signal.addEventListener('abort', cancelled, { once: true });
    whenDone.push(() => signal.removeEventListener('abort', cancelled));
    client.waiting = { done: () => undefined, failed: reject };
  });
  const until = (at: Instant) =>
    new Promise<void>((resolve) => whenDone.push(clock.at(at, resolve)));
  try {
    client.where = { place };
    client.seats.open(place, (error) => client.waiting?.failed(error));
    ipv6.start(previousIpv6, patience);
    await Promise.race([ipv6.reached('answered'), until(by), ended]);
    const enough = Math.min(by, clock.now() + rest);
    await Promise.race([ipv6.reached('complete'), until(enough), ended]);
    const { segment, identity } = subject;
    const asked = { segment, mac: identity.mac, waitedMs: clock.now() - startedAt };
    const refusal = refusedWish(ipv6, asked);
    if (refusal !== undefined) throw refusal;
    if (ipv6.terms.address !== undefined) return;
    const failure = ipv6Failure(ipv6, asked);
    if (!late) throw failure;
    client.log.info({}, `IPv6 address is added when it comes: ${failure.message}`);
  } finally {
    ended.catch(() => undefined);
    client.waiting = undefined;
    for (const finish of whenDone) finish();
  }
}
