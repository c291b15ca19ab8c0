/**
 * One DHCP client per endpoint. It acquires a lease within a budget, follows the endpoint's link
 * into its sandbox, keeps the lease and gives it back. A client that fails is started again alone.
 * The map of clients is bounded by the endpoints Docker has on this host.
 */
import { PluginError } from '../vocabulary/errors.ts';
import type { Lease } from '../vocabulary/lease.ts';
import type { Ms } from '../vocabulary/time.ts';
import type { SocketPlace } from './sockets/frame-socket.ts';
import type { AddressClaims } from './segment/address-claims.ts';
import { DeclineBudget } from './segment/decline-budget.ts';
import { endFailed } from './client-failures.ts';
import { isSilence, leaseFailure } from './lease-failure.ts';
import { livingLeases } from './segment/living-leases.ts';
import {
  giveBack,
  makeLeaseClient,
  pinAddress,
  type FollowTarget,
  type LeaseClient,
  type LeaseClientDeps,
  type Where,
} from './lease-client.ts';
import type { LeaseSubject, Late, Limits } from './lease-subject.ts';
import { LinkSocket } from './sockets/link-socket.ts';
import { SandboxSocket, type SandboxProbe } from './sockets/sandbox-socket.ts';

export type { FollowTarget } from './lease-client.ts';
export type { LeaseIdentity, LeaseSubject } from './lease-subject.ts';

export interface LeaseServiceDeps extends Omit<LeaseClientDeps, 'declines'> {
  readonly probeSandbox: SandboxProbe;
  /** Told when the client has entered the sandbox. The link there can be changed from now on. */
  onEntered(key: string, link: string): void;
}

/** Between the machine's decision and the end of `acquire`. */
const LAST_MOMENT: Ms = 100;

export class LeaseService {
  readonly #clients = new Map<string, LeaseClient>();
  readonly #deps: LeaseServiceDeps & LeaseClientDeps;

  constructor(deps: LeaseServiceDeps) {
    this.#deps = { ...deps, declines: new DeclineBudget(deps.clock) };
  }

  /**
   * Leases an address over the link at `place`, which must be in this process's network namespace.
   * @param by when to give up. @param signal gives up at once.
   * @returns the lease, undefined for a late one; the client lives on until `forget` or `release`.
   * @param previous a lease to ask for again. It is used if nobody answers within `patience`.
   * @param late goes on asking when nobody has answered by then. The lease comes as a change.
   * @throws PluginError NO_OFFER, NO_ACK, NAK, ADDRESS_NOT_OFFERED, ADDRESS_IN_USE, SOCKET_FAILED
   * or CANCELLED. No client is left then.
   */
  acquire(subject: LeaseSubject, place: SocketPlace, limits: Late): Promise<Lease | undefined>;
  acquire(subject: LeaseSubject, place: SocketPlace, limits: Limits): Promise<Lease>;
  async acquire(
    subject: LeaseSubject,
    place: SocketPlace,
    { by, signal, late = false, previous, patience = Infinity }: Limits & Partial<Late>,
  ): Promise<Lease | undefined> {
    const { clock } = this.#deps;
    const startedAt = clock.now();
    const client = this.#add(subject);
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
          this.#useUnchecked(client);
          const waitedMs = Math.round(clock.now() - startedAt);
          const living = livingLeases(this.#clients.values(), subject.segment, clock.now());
          reject(leaseFailure(client.runner.trace, subject, waitedMs, living)); // unless that was a lease
        };
        whenDone.push(clock.at(by, waitedEnough));
        client.waiting = { done: resolve, failed: reject };
        client.where = { place };
        client.runner.open(place, reject);
        // With a lease from before the machine decides a little before our patience ends.
        const atMost = Math.max(0, Math.min(patience, by - startedAt - LAST_MOMENT));
        client.runner.dispatch(
          previous === undefined
            ? { type: 'start' }
            : { type: 'start', previous, patience: atMost },
        );
      });
    } catch (error) {
      if (late && isSilence(error)) return undefined;
      // A lease that was being probed is given back.
      if (client.runner.stateName === 'CHECKING') client.runner.dispatch({ type: 'release' });
      if (this.#clients.get(subject.key) === client) this.forget(subject.key);
      throw error;
    } finally {
      client.waiting = undefined;
      for (const finish of whenDone) finish();
    }
  }

  /**
   * Takes up a lease that was acquired before this process started. Its times are monotonic.
   * Without a lease it asks for one, which then comes as a change.
   * @param where to hear answers, because a renewal may be due at once. Without it the client
   * keeps time, and sends nothing until `follow` or `place`.
   * @throws PluginError SOCKET_FAILED if the place cannot be used. It is tried again.
   */
  resume(subject: LeaseSubject, lease: Lease | undefined, where: Where = {}): void {
    this.#takeUp(this.#add(subject), lease, where);
  }

  #takeUp(client: LeaseClient, lease: Lease | undefined, where: Where): void {
    client.lease = lease;
    client.where = where;
    const remind = () => {
      if (client.lease !== undefined) client.watch.resume(client.lease.address);
    };
    if (where.stay !== undefined) this.#stay(client, where.stay);
    try {
      if (where.place !== undefined) this.#place(client, where.place, remind);
    } catch (error) {
      if (where.place !== undefined && where.follow === undefined) this.#stay(client, where.place);
      throw error;
    } finally {
      client.guard(() => {
        if (where.follow !== undefined) this.#follow(client, where.follow, remind);
        client.runner.dispatch(lease === undefined ? { type: 'start' } : { type: 'resume', lease });
      });
    }
  }

  /** Listens and sends on a link of the host: where the container end is before Join. */
  place(key: string, place: SocketPlace): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    client.follower?.cancel();
    client.follower = undefined;
    client.where = { place };
    this.#place(client, place, () => this.announce(key));
  }

  /**
   * Moves the socket into the sandbox once libnetwork has moved the link there. The lease is kept
   * over `fallback` if that takes long, and where the sandbox cannot be entered.
   */
  follow(key: string, target: FollowTarget): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    client.where = { follow: target };
    this.#follow(client, target, () => this.announce(key));
  }

  /** Listens and sends on a link of the host that may go and come; the lease is kept meanwhile. */
  stay(key: string, place: SocketPlace): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    client.where = { stay: place };
    this.#stay(client, place);
  }

  /** Accepts no other address from now on, because the container cannot be given another. */
  pin(key: string): void {
    const client = this.#clients.get(key);
    if (client !== undefined) pinAddress(client);
  }

  /** The lease that the client holds now, if any. */
  leaseOf(key: string): Lease | undefined {
    return this.#clients.get(key)?.lease;
  }

  /** Who else uses the address that the client holds; undefined: nobody was heard. */
  claimsOn(key: string): AddressClaims | undefined {
    return this.#clients.get(key)?.watch.claims;
  }

  /** Tells the segment who has the address. @param isBack the container had none until now. */
  announce(key: string, isBack = false): void {
    const client = this.#clients.get(key);
    if (client?.lease !== undefined) client.watch.announce(client.lease.address);
    if (isBack) client?.runner.askAgain();
  }

  /** Stops following: the link is about to leave the sandbox. The lease stays. */
  unfollow(key: string): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    client.where = {};
    client.follower?.cancel();
    client.watch.stop();
    client.runner.closeSocket();
  }

  /**
   * True if the link was in its sandbox, and is not there now. Nothing of ours is inside then.
   * @param isFirstLook also true if it was never seen there.
   */
  hasLostSandbox(key: string, isFirstLook = false): boolean {
    const { follower, runner } = this.#clients.get(key) ?? {};
    return follower?.hasLost() === true || (isFirstLook && runner?.isInSandbox === false);
  }

  /**
   * Gives a lease back with one RELEASE, and forgets its client. Where no client keeps the lease,
   * one is made for the RELEASE alone.
   * @param lease as it is known without a client. A client that keeps it knows better.
   * @param link the bridge, which is there after the container's own link has gone.
   */
  release(subject: LeaseSubject, lease: Lease | undefined, link: string): void {
    const { key } = subject;
    if (!this.#clients.has(key)) {
      if (lease === undefined || lease.expiresAt <= this.#deps.clock.now()) return;
      this.#add(subject).lease = lease;
    }
    const client = this.#clients.get(key);
    if (client !== undefined) giveBack(client, link);
    this.forget(key);
  }

  /** Drops the client without a word to the server; if it is still asking, `acquire` fails. */
  forget(key: string): void {
    const client = this.#clients.get(key);
    client?.waiting?.failed(new PluginError('CANCELLED', 'the lease is not wanted any more'));
    client?.cancelRestart();
    client?.follower?.cancel();
    client?.watch.stop();
    client?.runner.stop();
    this.#clients.delete(key);
  }

  /** Drops every client without a word: the leases live on in the store. */
  close(): void {
    for (const key of [...this.#clients.keys()]) this.forget(key);
  }

  get size(): number {
    return this.#clients.size;
  }

  #stay(client: LeaseClient, place: SocketPlace): void {
    client.follower?.cancel();
    client.follower = new LinkSocket(client.runner, place, client.clock);
  }

  #place({ runner, log }: LeaseClient, place: SocketPlace, tell: () => void): void {
    runner.open(place, (error) => log.debug({ err: error }, 'lease socket lost its link'));
    // From a bridge we speak for a container that has the address already.
    if (place.promiscuous === true) tell();
  }

  #follow(client: LeaseClient, target: FollowTarget, tell: () => void): void {
    const { runner, log } = client;
    client.follower?.cancel();
    const entered = (link: string) => {
      tell();
      this.#deps.onEntered(client.subject.key, link);
    };
    client.follower = new SandboxSocket(
      { ...target, runner, log, unreachable: tell, entered },
      { clock: client.clock, probe: this.#deps.probeSandbox },
    );
  }

  #add(subject: LeaseSubject): LeaseClient {
    this.forget(subject.key);
    const client = makeLeaseClient(subject, this.#deps, (...failure) => this.#failed(...failure));
    this.#clients.set(subject.key, client);
    return client;
  }

  /** An error was thrown by a timer or a socket. A call that waits for the lease fails with it. */
  #failed(client: LeaseClient, err: unknown): void {
    const { clock } = this.#deps;
    const againMs = endFailed(client, err, clock.now());
    if (this.#clients.get(client.subject.key) !== client) return; // it was ending
    if (client.waiting !== undefined) return client.waiting.failed(err);
    client.cancelRestart();
    client.cancelRestart = clock.at(clock.now() + againMs, () => this.#startAgain(client));
  }

  #startAgain(client: LeaseClient): void {
    const { subject, lease, where, failures } = client;
    const next = this.#add(subject);
    next.failures = failures;
    next.guard(() => this.#takeUp(next, lease, where));
  }

  /** Deviation: time is up, so the lease counts before its probe is over (RFC 5227 §2.1). */
  #useUnchecked({ runner, log }: LeaseClient): void {
    if (runner.stateName !== 'CHECKING') return;
    log.warn({}, 'address taken before all probes were sent: lease_timeout is over');
    runner.dispatch({ type: 'checked', inUse: false });
  }
}
