/** A container's IPv4: its DHCPv4 client, and the watch over its address. */
import type { Clock } from '../clock.ts';
import type { Emit } from '../events/events.ts';
import { leaseEvent4, ofLease } from '../events/lease-events.ts';
import type { Logger } from '../logger.ts';
import { withoutRenewal, type Lease } from '../vocabulary/lease.ts';
import type { Instant, Ms } from '../vocabulary/time.ts';
import type { Ipv4 } from '../wire/address.ts';
import { ClientRunner, type LeaseChange } from './client-runner.ts';
import { clientConfig, type LeaseSubject } from './lease-subject.ts';
import type { AddressClaims } from './segment/address-claims.ts';
import { ConflictWatch, type OpenArpSocket } from './segment/conflict-watch.ts';
import { LinkLocalAddress } from './segment/link-local-address.ts';
import type { OpenSocket } from './sockets/frame-socket.ts';

export interface Ipv4ClientDeps {
  readonly clock: Clock;
  readonly random: () => number;
  readonly openSocket: OpenSocket;
  readonly openArpSocket: OpenArpSocket;
  readonly log: Logger;
  readonly emit?: Emit | undefined;
  /** Told of each message that the client makes nothing of. */
  readonly onUnused?: ((reason: string) => void) | undefined;
  /** Told of each change of the lease. */
  readonly onLease: (change: LeaseChange) => void;
  /** Told of the link-local address that stands in for a lease. Undefined: none for now. */
  readonly onLinkLocal: (address: Ipv4 | undefined) => void;
  /** Conflicts cannot be heard. */
  readonly onDeaf: (error: unknown) => void;
  /** False: too many DECLINEs were sent on this segment. */
  readonly mayDecline: () => boolean;
}

const NOT_ALLOWED = 'offer of a server that is not in dhcp_server ignored';
const DENIED = 'offer of a server that is in dhcp_deny ignored';

/** True if the container lost its lease and has no address now. */
function isToStandIn({ linkLocal }: LeaseSubject, { change, cause }: LeaseChange): boolean {
  if (change !== 'lost' || cause === 'released' || linkLocal === undefined) return false;
  return cause !== 'expired' || linkLocal.afterExpiry;
}

export class Ipv4Client {
  readonly runner: ClientRunner;
  readonly watch: ConflictWatch;
  /** Undefined unless `on_no_server=link-local`. */
  readonly linkLocal: LinkLocalAddress | undefined;
  readonly #log: Logger;
  readonly #clock: Clock;
  /** Since when a lease is asked for. Undefined: not at all, or it is there. */
  #askingSince: Instant | undefined;
  /** What the machine holds now. */
  lease: Lease | undefined;

  constructor(subject: LeaseSubject, deps: Ipv4ClientDeps) {
    const { clock, random, openSocket, openArpSocket, log, emit } = deps;
    const { acd, onConflict, isForeign, identity } = subject;
    this.#log = log;
    this.#clock = clock;
    const of4 = { family: 4, ...ofLease(subject) } as const;
    const runner = new ClientRunner(clientConfig(subject), {
      clock,
      random,
      openSocket,
      log,
      onUnused: deps.onUnused,
      onLease: (change) => {
        emit?.(leaseEvent4(subject, change, this.lease?.address, this.#timesOf(change)));
        this.#askingSince = change.change === 'lost' ? clock.now() : undefined;
        this.lease = change.change === 'lost' ? undefined : change.lease;
        if (this.lease === undefined) this.watch.stop();
        else this.linkLocal?.end();
        deps.onLease(change);
        if (isToStandIn(subject, change)) this.linkLocal?.begin();
      },
      onRefused: (by, text) => {
        emit?.({ type: 'server.refused', ...ofLease(subject), server: by, text });
        log.warn({ by, text }, 'dhcp server refused (NAK)');
      },
      counters: {
        repeated: (message) => emit?.({ type: 'request.repeated', ...of4, message }),
        ignored: (reason) => emit?.({ type: 'message.ignored', ...of4, reason }),
      },
      onIgnored: (answer) => emit?.({ type: 'server.ignored', ...ofLease(subject), ...answer }),
      onStranger: (server, type, isDenied) => {
        log.warn({ server, type }, isDenied ? DENIED : NOT_ALLOWED);
      },
      onCheck: (address) => {
        this.watch.check(address);
        const isUsedAtOnce = acd === 'optimistic' && !this.watch.isContested(address);
        if (isUsedAtOnce) runner.dispatch({ type: 'checked', inUse: false });
      },
      onMoved: (place) => {
        this.watch.moved(place);
        this.linkLocal?.moved(place);
      },
      mayDecline: () => deps.mayDecline(),
    });
    this.runner = runner;
    this.watch = new ConflictWatch({
      clock,
      random,
      openArpSocket,
      log,
      mac: identity.mac,
      mode: acd,
      onClaim: onConflict ?? 'defend',
      defends: isForeign !== true,
      send: (frame) => runner.sendFrame(frame),
      onFree: () => runner.dispatch({ type: 'checked', inUse: false }),
      onConflict: (address, by) => {
        runner.trace.conflict(address, by);
        emit?.({ type: 'address.conflict', ...ofLease(subject), address, by });
        runner.dispatch({ type: 'checked', inUse: true });
      },
      onLost: () => runner.checkSocket(),
      onDeaf: (err) => {
        log.warn({ err }, 'address conflicts cannot be heard');
        if (acd !== 'optimistic') deps.onDeaf(err);
      },
    });
    this.linkLocal =
      subject.linkLocal === undefined
        ? undefined
        : new LinkLocalAddress({
            ...{ clock, random, openArpSocket, log, mac: identity.mac, seed: identity.clientId },
            send: (frame) => runner.sendFrame(frame),
            onLost: () => runner.checkSocket(),
            onChange: (address) => deps.onLinkLocal(address),
          });
  }

  get claims(): AddressClaims | undefined {
    return this.watch.claims;
  }

  /** Begins, at the place that was opened. @param previous a lease to ask for again. */
  start(previous: Lease | undefined, patience: Ms): void {
    this.#askingSince = this.#clock.now();
    this.runner.dispatch(
      previous === undefined ? { type: 'start' } : { type: 'start', previous, patience },
    );
  }

  /** Goes on with a lease of before, or asks for one. */
  resume(lease: Lease | undefined): void {
    this.lease = lease;
    this.#askingSince = lease === undefined ? this.#clock.now() : undefined;
    this.runner.dispatch(lease === undefined ? { type: 'start' } : { type: 'resume', lease });
    if (lease === undefined) this.linkLocal?.begin();
  }

  /** Watches over an address that the container has had all the time. */
  remind(): void {
    if (this.lease !== undefined) this.watch.resume(this.lease.address);
  }

  /** Tells the segment who has the address. @param isBack the container had none until now. */
  announce(isBack: boolean): void {
    if (this.lease !== undefined) this.watch.announce(this.lease.address);
    else this.linkLocal?.announce();
    if (isBack) this.runner.askAgain();
  }

  /** The way to the servers is open again: what waits for its next time is asked now. */
  askNow(): void {
    const { stateName } = this.runner;
    // A lease in use that is not due stays as it is: the site is the same one.
    if (stateName === 'BOUND') return;
    const isExtending = stateName === 'RENEWING' || stateName === 'REBINDING';
    this.runner.dispatch(isExtending ? { type: 'renew' } : { type: 'link', up: true });
  }

  /** Nothing but the leased address will do from now on. @returns that address. */
  pin(): Ipv4 | undefined {
    if (this.lease !== undefined) this.runner.pin(this.lease.address);
    return this.lease?.address;
  }

  /** What an operator is told of how fast the server and the start were. */
  #timesOf({ change, lease }: LeaseChange): { answerMs?: number; tookMs?: number } {
    const heard = this.runner.trace.lastHeard;
    const since = this.#askingSince;
    const isAnswer = change !== 'lost' && heard?.type === 'ACK';
    return {
      ...(isAnswer && { answerMs: heard.at - lease.requestedAt }),
      ...(change === 'acquired' && since !== undefined && { tookMs: this.#clock.now() - since }),
    };
  }

  /** Ends it without a word to the server. */
  stop(): void {
    this.watch.stop();
    this.linkLocal?.end();
    this.runner.stop();
  }

  /** The start has failed. A lease that was being probed is given back. */
  abandon(): void {
    if (this.runner.stateName === 'CHECKING') this.runner.dispatch({ type: 'release' });
  }

  /** Sends a RELEASE through `link`. A failure is logged: the server keeps the lease to its end. */
  giveBack(link: string): void {
    this.watch.stop();
    this.linkLocal?.end();
    try {
      this.runner.open({ link }, () => undefined);
      // A machine that failed and is not started again yet has forgotten the lease.
      if (this.lease !== undefined && this.runner.stateName === 'INIT') {
        this.runner.dispatch({ type: 'resume', lease: withoutRenewal(this.lease) });
      }
      this.runner.dispatch({ type: 'release' });
    } catch (error) {
      this.#log.warn({ err: error }, 'lease not given back; the server keeps it until it expires');
    }
  }
}
