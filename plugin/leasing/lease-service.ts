/**
 * One DHCP client per endpoint. It acquires a lease within a budget, follows the endpoint's link
 * into its sandbox, keeps the lease and gives it back. A client that fails is started again alone.
 * The map of clients is bounded by the endpoints Docker has on this host.
 */
import { PluginError } from '../vocabulary/errors.ts';
import type { Lease } from '../vocabulary/lease.ts';
import type { SocketPlace } from './sockets/frame-socket.ts';
import type { AddressClaims } from './segment/address-claims.ts';
import { DeclineBudget } from './segment/decline-budget.ts';
import { endFailed } from './client-failures.ts';
import { isSilence } from './start/lease-failure.ts';
import { waitForLease } from './start/wait-for-lease.ts';
import { waitForIpv6 } from './start/wait-for-ipv6.ts';
import { livingLeases } from './segment/living-leases.ts';
import { SegmentRouters, type OpenRouterSocket } from './ipv6/segment-routers.ts';
import type { GuardedIpv6 } from './ipv6/guarded-ipv6.ts';
import { routerSeen, type RouterSeen } from './ipv6/ipv6-report.ts';
import { Ipv6Releases } from './ipv6/ipv6-releases.ts';
import type { Ms } from '../vocabulary/time.ts';
import { isSameLease6, type Lease6 } from '../vocabulary/ipv6/lease6.ts';
import { NO_TERMS6, type Ipv6Terms } from './ipv6/ipv6-subject.ts';
import {
  endClient,
  giveBack,
  makeIpv6Client,
  makeLeaseClient,
  pinAddress,
  renameClient,
  type FollowTarget,
  type LeaseClient,
  type LeaseClientDeps,
  type Where,
} from './lease-client.ts';
import type { LeaseSubject, Late, Limits } from './lease-subject.ts';
import { followInto, placeAt, stayAt, takeUp, type FollowDeps } from './client-places.ts';

export type { FollowTarget } from './lease-client.ts';
export type { LeaseIdentity, LeaseSubject } from './lease-subject.ts';

export interface LeaseServiceDeps
  extends Omit<LeaseClientDeps, 'declines' | 'routers'>, FollowDeps {
  readonly openRouterSocket: OpenRouterSocket;
}

export class LeaseService {
  readonly #clients = new Map<string, LeaseClient>();
  readonly #ipv6Releases: Ipv6Releases;
  readonly #deps: LeaseServiceDeps & LeaseClientDeps;

  constructor(deps: LeaseServiceDeps) {
    const routers = new SegmentRouters(deps);
    this.#deps = { ...deps, routers, declines: new DeclineBudget(deps.clock) };
    const make = (subject: LeaseSubject) => makeIpv6Client(subject, this.#deps, deps.log);
    this.#ipv6Releases = new Ipv6Releases(make, deps.emit);
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
    { late = false, ...limits }: Limits & Partial<Late>,
  ): Promise<Lease | undefined> {
    const [{ clock }, client] = [this.#deps, this.#add(subject)];
    const living = () => livingLeases(this.#clients.values(), subject.segment, clock.now());
    try {
      return await waitForLease(client, place, limits, clock, living);
    } catch (error) {
      if (late && isSilence(error)) return void client.ipv4?.linkLocal?.begin();
      this.#abandon(client, place, limits);
      throw error;
    }
  }

  /**
   * The same for a container without IPv4: waits for an IPv6 address.
   * @param rest how long to wait for more, once there is an answer.
   */
  async acquireIpv6(
    subject: LeaseSubject,
    place: SocketPlace,
    limits: Late & { readonly rest: Ms },
  ): Promise<void> {
    const client = this.#add(subject);
    try {
      await waitForIpv6(client, place, limits, this.#deps.clock);
    } catch (error) {
      this.#abandon(client, place, limits);
      throw error;
    }
  }

  /** A lease from before stays with its holder. A server may have given another meanwhile. */
  #abandon(client: LeaseClient, place: SocketPlace, { previousIpv6 }: Limits): void {
    const { subject, ipv4, ipv6 } = client;
    const lease6 = ipv6?.leased;
    ipv4?.abandon();
    if (this.#clients.get(subject.key) === client) this.forget(subject.key);
    if (isSameLease6(lease6, previousIpv6)) return;
    this.#ipv6Releases.give(subject, lease6, subject.ipv6?.routersOn ?? place.link);
  }

  /**
   * Takes up a lease that was acquired before this process started. Its times are monotonic.
   * Without a lease it asks for one, which then comes as a change.
   * @param where to hear answers, because a renewal may be due at once. Without it the client
   * keeps time, and sends nothing until `follow` or `place`.
   * @throws PluginError SOCKET_FAILED if the place cannot be used. It is tried again.
   */
  resume(
    subject: LeaseSubject,
    lease: Lease | undefined,
    where: Where = {},
    ipv6: Ipv6Terms = NO_TERMS6,
  ): void {
    takeUp(this.#add(subject), lease, where, ipv6, this.#deps);
  }

  /** Listens and sends on a link of the host: where the container end is before Join. */
  place(key: string, place: SocketPlace): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    client.follower?.cancel();
    client.follower = undefined;
    client.where = { place };
    placeAt(client, place, () => this.announce(key));
  }

  /**
   * Moves the socket into the sandbox once libnetwork has moved the link there. The lease is kept
   * over `fallback` if that takes long, and where the sandbox cannot be entered.
   */
  follow(key: string, target: FollowTarget): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    client.where = { follow: target };
    followInto(client, target, () => this.announce(key), this.#deps);
  }

  /** Listens and sends on a link of the host that may go and come; the lease is kept meanwhile. */
  stay(key: string, place: SocketPlace): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    client.where = { stay: place };
    stayAt(client, place);
  }

  /** Accepts no other address from now on, because the container cannot be given another. */
  pin(key: string): void {
    pinAddress(this.#clients.get(key));
  }

  /** The container's name is known now, or has changed. A server that leased to it is told. */
  rename(key: string, name: string): void {
    renameClient(this.#clients.get(key), name);
  }

  /** The way to the servers of that segment is open again. */
  askNow(segment: string): void {
    for (const { subject, guard, ipv4, ipv6 } of this.#clients.values()) {
      if (subject.segment !== segment) continue;
      guard(() => ipv4?.askNow());
      ipv6?.askNow();
    }
  }

  renew(key: string): boolean {
    return this.#clients.get(key)?.ipv4?.runner.renew() === true;
  }

  /** The client's IPv6. Undefined without it. */
  ipv6(key: string): GuardedIpv6 | undefined {
    return this.#clients.get(key)?.ipv6;
  }

  /** What the routers tell that are heard on that link of the host. */
  routersOn(link: string): readonly RouterSeen[] {
    return this.#deps.routers.table(link).map(routerSeen);
  }

  /** The lease that the client holds now, if any. */
  leaseOf(key: string): Lease | undefined {
    return this.#clients.get(key)?.ipv4?.lease;
  }

  /** Who else uses the address that the client holds; undefined: nobody was heard. */
  claimsOn(key: string): AddressClaims | undefined {
    return this.#clients.get(key)?.ipv4?.claims;
  }

  /** Tells the segment who has the address. @param isBack the container had none until now. */
  announce(key: string, isBack = false): void {
    this.#clients.get(key)?.ipv4?.announce(isBack);
  }

  /** Stops following: the link is about to leave the sandbox. The lease stays. */
  unfollow(key: string): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    client.where = {};
    client.follower?.cancel();
    client.ipv4?.watch.stop();
    client.seats.closeSocket();
  }

  /**
   * True if the link was in its sandbox, and is not there now. Nothing of ours is inside then.
   * @param isFirstLook also true if it was never seen there.
   */
  hasLostSandbox(key: string, isFirstLook = false): boolean {
    const { follower, seats } = this.#clients.get(key) ?? {};
    return follower?.hasLost() === true || (isFirstLook && seats?.isInSandbox === false);
  }

  /**
   * Gives a lease back with one RELEASE, and forgets its client. Where no client keeps the lease,
   * one is made for the RELEASE alone. A lease of a DHCPv6 server goes back, too.
   * @param had as it is known without a client. A client that keeps it knows better.
   * @param link the bridge, which is there after the container's own link has gone.
   */
  release(subject: LeaseSubject, had: Lease | undefined, link: string, had6?: Lease6): void {
    const kept = this.#clients.get(subject.key);
    const lease6 = kept?.ipv6?.leased ?? had6;
    const isValid = had !== undefined && had.expiresAt > this.#deps.clock.now();
    const client = kept ?? (isValid ? this.#add(subject) : undefined);
    if (client !== undefined) {
      if (kept === undefined && client.ipv4 !== undefined) client.ipv4.lease = had;
      giveBack(client, link);
    }
    this.forget(subject.key);
    this.#ipv6Releases.give(subject, lease6, link);
  }

  /** Drops the client without a word to the server; if it is still asking, `acquire` fails. */
  forget(key: string): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    client.waiting?.failed(new PluginError('CANCELLED', 'the lease is not wanted any more'));
    endClient(client);
    this.#clients.delete(key);
  }

  /** Drops every client without a word: the leases live on in the store. */
  close(): void {
    for (const key of [...this.#clients.keys()]) this.forget(key);
    this.#ipv6Releases.close();
    this.#deps.routers.close();
  }

  get size(): number {
    return this.#clients.size;
  }

  #add(subject: LeaseSubject): LeaseClient {
    this.forget(subject.key);
    this.#ipv6Releases.stop(subject);
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
    const { subject, where, failures, ipv4, ipv6 } = client;
    const had = ipv6?.terms ?? NO_TERMS6;
    const next = this.#add(subject);
    next.failures = failures;
    next.guard(() => takeUp(next, ipv4?.lease, where, had, this.#deps));
  }
}
