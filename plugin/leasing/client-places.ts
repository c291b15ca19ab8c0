/** Where a client's sockets are: on a link of the host, or in the container's sandbox. */
import type { Lease } from '../vocabulary/lease.ts';
import type { Ipv6Terms } from './ipv6/ipv6-subject.ts';
import type { FollowTarget, LeaseClient, Where } from './lease-client.ts';
import type { SocketPlace } from './sockets/frame-socket.ts';
import { LinkSocket } from './sockets/link-socket.ts';
import { SandboxSocket, type SandboxProbe } from './sockets/sandbox-socket.ts';

export interface FollowDeps {
  readonly probeSandbox: SandboxProbe;
  /** Told when the client has entered the sandbox. The link there can be changed from now on. */
  onEntered(key: string, link: string): void;
}

/** A link of the host that may go and come. */
export function stayAt(client: LeaseClient, place: SocketPlace): void {
  client.follower?.cancel();
  client.follower = new LinkSocket(client.seats, place, client.clock);
}

/**
 * A link of the host.
 * @param tell called if the container has its address already.
 * @throws PluginError SOCKET_FAILED.
 */
export function placeAt({ seats, log }: LeaseClient, place: SocketPlace, tell: () => void): void {
  seats.open(place, (error) => log.debug({ err: error }, 'lease socket lost its link'));
  // From a bridge we speak for a container that has the address already.
  if (place.promiscuous === true) tell();
}

/** The sandbox, once libnetwork has moved the link there. @param tell called then. */
export function followInto(
  client: LeaseClient,
  target: FollowTarget,
  tell: () => void,
  deps: FollowDeps,
): void {
  const { seats, log, subject, clock } = client;
  client.follower?.cancel();
  const entered = (link: string) => {
    tell();
    deps.onEntered(subject.key, link);
  };
  client.follower = new SandboxSocket(
    { seats, log, unreachable: tell, entered, ...target },
    { clock, probe: deps.probeSandbox },
  );
}

/**
 * Goes on with what was there before, at that place.
 * @throws PluginError SOCKET_FAILED if the place cannot be used. It is tried again.
 */
export function takeUp(
  client: LeaseClient,
  lease: Lease | undefined,
  where: Where,
  ipv6: Ipv6Terms,
  deps: FollowDeps,
): void {
  const { ipv4 } = client;
  if (ipv4 !== undefined) ipv4.lease = lease;
  client.where = where;
  const remind = () => ipv4?.remind();
  if (where.stay !== undefined) stayAt(client, where.stay);
  try {
    if (where.place !== undefined) placeAt(client, where.place, remind);
  } catch (error) {
    if (where.place !== undefined && where.follow === undefined) stayAt(client, where.place);
    throw error;
  } finally {
    client.guard(() => {
      if (where.follow !== undefined) followInto(client, where.follow, remind, deps);
      ipv4?.resume(lease);
      client.ipv6?.resume(ipv6);
    });
  }
}
