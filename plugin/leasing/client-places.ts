/** Where a client's sockets are: on a link of the host, or in the container's sandbox. */
import type { FollowTarget, LeaseClient } from './lease-client.ts';
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
    { ...target, seats, log, unreachable: tell, entered },
    { clock, probe: deps.probeSandbox },
  );
}
