/**
 * One DHCP client with the watch over its address. The lease service keeps one for each lease.
 */
import type { Clock } from '../clock.ts';
import { type Lease, withoutRenewal } from '../vocabulary/lease.ts';
import type { Logger } from '../logger.ts';
import type { Failures } from './client-failures.ts';
import { ClientRunner, type LeaseChange, type RunnerDeps } from './client-runner.ts';
import { ConflictWatch, type OpenArpSocket } from './segment/conflict-watch.ts';
import type { OpenSocket, SocketPlace } from './sockets/frame-socket.ts';
import { guardedClock, guardedOpenArpSocket, guardedOpenSocket, type Guard } from './guarded.ts';
import type { DeclineBudget } from './segment/decline-budget.ts';
import { clientConfig, type LeaseSubject } from './lease-subject.ts';
import type { LinkSocket } from './sockets/link-socket.ts';
import type { SandboxPlace, SandboxSocket } from './sockets/sandbox-socket.ts';
import { bothSeats, type Seats } from './sockets/seats.ts';
import { GuardedIpv6 } from './ipv6/guarded-ipv6.ts';
import type { Ipv6Change } from './ipv6/ipv6-subject.ts';
import type { SegmentRouters } from './ipv6/segment-routers.ts';

type RunnerCallback = 'onLease' | 'onRefused' | 'onStranger' | 'onCheck' | 'onMoved' | 'mayDecline';

export interface LeaseClientDeps extends Omit<RunnerDeps, RunnerCallback> {
  readonly openArpSocket: OpenArpSocket;
  readonly openIpv6Socket: OpenSocket;
  readonly routers: SegmentRouters;
  readonly declines: DeclineBudget;
  /** Told of what a client has of IPv6 after its `acquire`. */
  onIpv6Change(key: string, change: Ipv6Change): void;
  /** Told of changes after the first acquisition; the key is the subject's. */
  onChange(key: string, change: LeaseChange): void;
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

interface Waiting {
  done(lease: Lease): void;
  failed(reason: unknown): void;
}

export interface LeaseClient {
  subject: LeaseSubject;
  /** What is called back for this client runs under it. */
  readonly guard: Guard;
  /** Its timers run under the guard. */
  readonly clock: Clock;
  readonly runner: ClientRunner;
  /** Undefined without IPv6. */
  readonly ipv6: GuardedIpv6 | undefined;
  /** The sockets of both families move together. */
  readonly seats: Seats;
  readonly log: Logger;
  readonly watch: ConflictWatch;
  /** What the machine holds now. */
  lease: Lease | undefined;
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
  const { random } = deps;
  const guard: Guard = (work) => {
    try {
      work();
    } catch (error) {
      onFailure(client, error);
    }
  };
  const clock = guardedClock(deps.clock, guard);
  const openSocket = guardedOpenSocket(deps.openSocket, guard);
  const openArpSocket = guardedOpenArpSocket(deps.openArpSocket, guard);
  // The MAC stays when an address becomes an endpoint's, and a server's log goes by it.
  const log = deps.log.child({ endpoint: subject.key.slice(0, 12), mac: subject.identity.mac });
  const runner = new ClientRunner(clientConfig(subject), {
    clock,
    random,
    openSocket,
    log,
    onLease: (change) => {
      client.lease = change.change === 'lost' ? undefined : change.lease;
      if (client.lease === undefined) client.watch.stop();
      if (change.change === 'acquired' && client.waiting !== undefined) {
        client.waiting.done(change.lease);
      } else {
        deps.onChange(client.subject.key, change);
      }
    },
    onRefused: (by, text) => log.warn({ by, text }, 'dhcp server refused (NAK)'),
    onStranger: (server, type) => {
      log.warn({ server, type }, 'offer of a server that is not in dhcp_server ignored');
    },
    onCheck: (address) => {
      client.watch.check(address);
      const isUsedAtOnce = subject.acd === 'optimistic' && !client.watch.isContested(address);
      if (isUsedAtOnce) runner.dispatch({ type: 'checked', inUse: false });
    },
    onMoved: (place) => client.watch.moved(place),
    mayDecline: () => deps.declines.take(subject.segment),
  });
  const ipv6 = makeIpv6Client(subject, deps, log);
  const client: LeaseClient = {
    subject,
    guard,
    clock,
    runner,
    ipv6,
    seats: ipv6 === undefined ? runner : bothSeats(runner, ipv6),
    log,
    watch: new ConflictWatch({
      clock,
      random,
      openArpSocket,
      log,
      mac: subject.identity.mac,
      mode: subject.acd,
      onClaim: subject.onConflict ?? 'defend',
      defends: subject.isForeign !== true,
      send: (frame) => runner.sendFrame(frame),
      onFree: () => runner.dispatch({ type: 'checked', inUse: false }),
      onConflict: (address, by) => {
        runner.trace.conflict(address, by);
        runner.dispatch({ type: 'checked', inUse: true });
      },
      onLost: () => runner.checkSocket(),
      onDeaf: (err) => {
        log.warn({ err }, 'address conflicts cannot be heard');
        if (subject.acd !== 'optimistic') client.waiting?.failed(err);
      },
    }),
    lease: undefined,
    follower: undefined,
    waiting: undefined,
    where: {},
    failures: undefined,
    cancelRestart: () => undefined,
  };
  return client;
}

export function makeIpv6Client(
  { key, segment, identity, acd, rapidCommit, ipv6 }: LeaseSubject,
  deps: LeaseClientDeps,
  log: Logger,
): GuardedIpv6 | undefined {
  if (ipv6 === undefined) return undefined;
  const { clock, random, routers, declines, openIpv6Socket: openSocket } = deps;
  return new GuardedIpv6(ipv6, {
    ...{ clock, random, log, routers, openSocket, mac: identity.mac, acd, rapidCommit },
    onChange: (change) => deps.onIpv6Change(key, change),
    mayDecline: () => declines.take(`${segment}, IPv6`),
  });
}

/** Nothing but the address that is leased will do, also after a failure of the client. */
export function pinAddress(client: LeaseClient): void {
  if (client.lease === undefined) return;
  const { address } = client.lease;
  client.runner.pin(address);
  const identity = { ...client.subject.identity, requestedAddress: address };
  client.subject = { ...client.subject, identity };
}

/** Ends all parts of a client without a word to the server. */
export function endClient({ cancelRestart, follower, watch, runner, ipv6 }: LeaseClient): void {
  cancelRestart();
  follower?.cancel();
  watch.stop();
  runner.stop();
  ipv6?.stop();
}

/** Sends a RELEASE through `link`. A failure is logged: the server keeps the lease to its end. */
export function giveBack(client: LeaseClient, link: string): void {
  const { follower, watch, runner, lease, log } = client;
  follower?.cancel();
  watch.stop();
  try {
    runner.open({ link }, () => undefined);
    // A machine that failed and is not started again yet has forgotten the lease.
    if (lease !== undefined && runner.stateName === 'INIT') {
      runner.dispatch({ type: 'resume', lease: withoutRenewal(lease) });
    }
    runner.dispatch({ type: 'release' });
  } catch (error) {
    log.warn({ err: error }, 'lease not given back; the server keeps it until it expires');
  }
}
