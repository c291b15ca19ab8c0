/**
 * The client of one container: IPv4, IPv6 or both. The lease service keeps one for each lease.
 */
import type { Clock } from '../clock.ts';
import type { Lease } from '../vocabulary/lease.ts';
import type { Emit } from '../events/events.ts';
import { leaseEvent6, ofLease } from '../events/lease-events.ts';
import type { Logger } from '../logger.ts';
import type { Failures } from './client-failures.ts';
import type { LeaseChange, RunnerDeps } from './client-runner.ts';
import { hostNameFrom } from '../vocabulary/dhcp/host-name.ts';
import type { Ipv4 } from '../wire/address.ts';
import { Ipv4Client } from './ipv4-client.ts';
import type { OpenArpSocket } from './segment/conflict-watch.ts';
import type { OpenSocket, SocketPlace } from './sockets/frame-socket.ts';
import { guardedClock, guardedOpenArpSocket, guardedOpenSocket, type Guard } from './guarded.ts';
import type { FrameWatch, WatchedClient } from './frames/frame-watch.ts';
import type { DeclineBudget } from './segment/decline-budget.ts';
import type { LeaseSubject } from './lease-subject.ts';
import type { LinkSocket } from './sockets/link-socket.ts';
import type { SandboxPlace, SandboxSocket } from './sockets/sandbox-socket.ts';
import { seatsOf, type Seats } from './sockets/seats.ts';
import { GuardedIpv6 } from './ipv6/guarded-ipv6.ts';
import type { Ipv6Change } from './ipv6/ipv6-subject.ts';
import type { SegmentRouters } from './ipv6/segment-routers.ts';

type RunnerCallback =
  'onLease' | 'onUnused' | 'onRefused' | 'onStranger' | 'onCheck' | 'onMoved' | 'mayDecline';

export interface LeaseClientDeps extends Omit<RunnerDeps, RunnerCallback> {
  readonly openArpSocket: OpenArpSocket;
  readonly openIpv6Socket: OpenSocket;
  readonly routers: SegmentRouters;
  /** Shows operators what is sent and heard. */
  readonly frames?: FrameWatch | undefined;
  readonly declines: DeclineBudget;
  readonly emit?: Emit | undefined;
  /** Told of what a client has of IPv6 after its `acquire`. */
  onIpv6Change(key: string, change: Ipv6Change): void;
  /** Told of changes after the first acquisition; the key is the subject's. */
  onChange(key: string, change: LeaseChange): void;
  /** Told of the link-local address that stands in for a lease. Undefined: none for now. */
  onLinkLocal?(key: string, address: Ipv4 | undefined): void;
}

/** Where a client's link is, or where it is going. */
export interface Where {
  readonly place?: SocketPlace;
  readonly follow?: FollowTarget;
  /** A link of the host's that may go and come. */
  readonly stay?: SocketPlace;
}

/** Where an endpoint's link will be, and the place in the host to fall back to. */
export interface FollowTarget extends SandboxPlace {
  readonly fallback: SocketPlace;
  readonly inside: Pick<SocketPlace, 'speaksVia' | 'defendsFrom'>;
}

/** Whoever waits for the first answer of a new client. */
interface Waiting {
  /** The IPv4 lease is there. */
  done(lease: Lease): void;
  failed(reason: unknown): void;
}

export interface LeaseClient {
  subject: LeaseSubject;
  /** What is called back for this client runs under it. */
  readonly guard: Guard;
  /** Its timers run under the guard. */
  readonly clock: Clock;
  /** Undefined without IPv4. */
  readonly ipv4: Ipv4Client | undefined;
  /** Undefined without IPv6. */
  readonly ipv6: GuardedIpv6 | undefined;
  /** The sockets of both families move together. */
  readonly seats: Seats;
  readonly log: Logger;
  /** What keeps the socket where the link is. */
  follower: SandboxSocket | LinkSocket | undefined;
  /** While `acquire` waits: whom to tell. */
  waiting: Waiting | undefined;
  /** Where it was told to be last; a restart begins there. */
  where: Where;
  failures: Failures | undefined;
  cancelRestart: () => void;
}

/**
 * @param onFailure told what is thrown when a timer or a socket calls back.
 *
 * Written out field by field. V8 describes an object with a spread anew each time, in 400 bytes.
 */
export function makeLeaseClient(
  subject: LeaseSubject,
  deps: LeaseClientDeps,
  onFailure: (client: LeaseClient, error: unknown) => void,
): LeaseClient {
  const guard: Guard = (work) => {
    try {
      work();
    } catch (error) {
      onFailure(client, error);
    }
  };
  const clock = guardedClock(deps.clock, guard);
  // The MAC stays when an address becomes an endpoint's, and a server's log goes by it.
  const log = deps.log.child({ endpoint: subject.key.slice(0, 12), mac: subject.identity.mac });
  const { frames } = deps;
  const whose = () => watchedClient(client.subject);
  const makeIpv4 = () =>
    new Ipv4Client(subject, {
      clock,
      random: deps.random,
      openSocket: guardedOpenSocket(
        frames?.openSocket(deps.openSocket, whose) ?? deps.openSocket,
        guard,
      ),
      openArpSocket: guardedOpenArpSocket(
        frames?.openArpSocket(deps.openArpSocket, whose) ?? deps.openArpSocket,
        guard,
      ),
      log,
      emit: deps.emit,
      onUnused: (reason) => frames?.ignored(reason),
      onLease: (change) => {
        if (change.change === 'acquired' && client.waiting !== undefined) {
          client.waiting.done(change.lease);
        } else {
          deps.onChange(client.subject.key, change);
        }
      },
      onLinkLocal: (address) => deps.onLinkLocal?.(client.subject.key, address),
      onDeaf: (error) => client.waiting?.failed(error),
      mayDecline: () => deps.declines.take(subject.segment),
    });
  const ipv4 = subject.isIpv6Only === true ? undefined : makeIpv4();
  const ipv6 = makeIpv6Client(subject, deps, log);
  const client: LeaseClient = {
    subject,
    guard,
    clock,
    ipv4,
    ipv6,
    seats: seatsOf(ipv4?.runner, ipv6),
    log,
    follower: undefined,
    waiting: undefined,
    where: {},
    failures: undefined,
    cancelRestart: () => undefined,
  };
  return client;
}

/** Why messages are ignored that are not for the client at all. */
const OTHERS6: ReadonlySet<string> = new Set(['not-a-reply', 'client-id-mismatch']);

export function makeIpv6Client(
  subject: LeaseSubject,
  deps: LeaseClientDeps,
  log: Logger,
): GuardedIpv6 | undefined {
  const { key, segment, identity, acd, rapidCommit, ipv6 } = subject;
  if (ipv6 === undefined) return undefined;
  const { clock, random, routers, declines, frames, emit } = deps;
  const of6 = { family: 6, ...ofLease(subject) } as const;
  const openSocket =
    frames?.openSocket(deps.openIpv6Socket, () => watchedClient(subject)) ?? deps.openIpv6Socket;
  return new GuardedIpv6(ipv6, {
    ...{ clock, random, log, routers, openSocket, mac: identity.mac, acd, rapidCommit },
    onChange: (change) => {
      emit?.(leaseEvent6(subject, change));
      deps.onIpv6Change(key, change);
    },
    onRepeated: (message) => emit?.({ type: 'request.repeated', ...of6, message }),
    onUnused: (reason) => {
      frames?.ignored(reason);
      if (!OTHERS6.has(reason)) emit?.({ type: 'message.ignored', ...of6, reason });
    },
    mayDecline: () => declines.take(`${segment}, IPv6`),
  });
}

function watchedClient({ key, identity, segment }: LeaseSubject): WatchedClient {
  return { key, mac: identity.mac, segment };
}

/** Nothing but the address that is leased will do, also after a failure of the client. */
export function pinAddress(client: LeaseClient | undefined): void {
  const address = client?.ipv4?.pin();
  if (client === undefined || address === undefined) return;
  const identity = { ...client.subject.identity, requestedAddress: address };
  client.subject = { ...client.subject, identity };
}

/**
 * The name of the container is turned into a host name, which the client has from now on. A server
 * that leased to it is told by a renewal at once.
 */
export function renameClient(client: LeaseClient | undefined, name: string): void {
  if (client === undefined) return;
  const { subject } = client;
  const hostName = hostNameFrom(name);
  if (subject.identity.hostName === hostName) return;
  client.subject = { ...subject, identity: { ...subject.identity, hostName } };
  client.ipv4?.runner.rename(hostName);
  if (subject.site?.registersName === true) client.ipv6?.rename(hostName);
}

/** Ends all parts of a client without a word to the server. */
export function endClient({ cancelRestart, follower, ipv4, ipv6 }: LeaseClient): void {
  cancelRestart();
  follower?.cancel();
  ipv4?.stop();
  ipv6?.stop();
}

/** Sends a RELEASE of the IPv4 lease through `link`. */
export function giveBack({ follower, ipv4 }: LeaseClient, link: string): void {
  follower?.cancel();
  ipv4?.giveBack(link);
}
