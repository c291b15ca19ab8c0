/**
 * Keeps a failure of one container's IPv6 inside it (D17). Whatever is thrown ends the client of
 * IPv6 alone, and it is made anew with what it had. IPv4 and its start never see it.
 */
import { failedAgain, type Failures } from '../client-failures.ts';
import { guardedClock, guardedOpenSocket, type Guard } from '../guarded.ts';
import type { SocketPlace } from '../sockets/frame-socket.ts';
import { Ipv6Client } from './ipv6-client.ts';
import { Ipv6Goals, type Ipv6Goal } from '../start/ipv6-goals.ts';
import type { Ipv6Evidence } from '../start/ipv6-evidence.ts';
import { offeredPrefixes, rdnssOf } from './ipv6-plan.ts';
import type { Ipv6Change, Ipv6ClientDeps, Ipv6Subject, Ipv6Terms } from './ipv6-subject.ts';
import type { Lease6 } from '../../vocabulary/ipv6/lease6.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { Address6 } from '../../vocabulary/ipv6/addressing.ts';
import type { Ipv6, Subnet6 } from '../../wire/address6.ts';

const FAILED = 'IPv6 client failed; it is started again, and the container keeps its address';

type GuardedDeps = Omit<Ipv6ClientDeps, 'guard' | 'onProgress'>;

export class GuardedIpv6 {
  #subject: Ipv6Subject;
  readonly #deps: GuardedDeps;
  readonly #guard: Guard;
  #client: Ipv6Client;
  /** Who waits goes on waiting for the next client. */
  readonly #goals = new Ipv6Goals(() => this.#client.progress);
  /** What the client had that failed, until the next one has it. */
  #had: Ipv6Terms | undefined;
  #asked: { place: SocketPlace; onError: ((error: Error) => void) | undefined } | undefined;
  #failures: Failures | undefined;
  /** Since when there is no address although one is wanted. */
  #askingSince: Instant | undefined;
  #cancelRestart: () => void = () => undefined;

  constructor(subject: Ipv6Subject, deps: GuardedDeps) {
    this.#subject = subject;
    this.#deps = deps;
    this.#guard = (work) => {
      try {
        work();
      } catch (err) {
        this.#failed(err);
      }
    };
    this.#client = this.#make();
  }

  get subject(): Ipv6Subject {
    return this.#subject;
  }

  get terms(): Ipv6Terms {
    return this.#had ?? this.#client.terms;
  }

  /** What its server would miss if the container ended now. */
  get leased(): Lease6 | undefined {
    return this.#had === undefined ? this.#client.leased : this.#had.lease;
  }

  start(previous: Lease6 | undefined, patience: Ms): void {
    this.#askingSince = this.#deps.clock.now();
    this.#guard(() => this.#client.start(previous, patience));
  }

  resume(terms: Ipv6Terms): void {
    if (terms.address === undefined) this.#askingSince = this.#deps.clock.now();
    this.#guard(() => this.#client.resume(terms));
  }

  give(address: Address6): void {
    this.#guard(() => this.#client.give(address));
  }

  /** The prefixes that the routers of the segment offer now. */
  get prefixes(): readonly Subnet6[] {
    return offeredPrefixes(this.#deps.routers.table(this.#subject.routersOn));
  }

  /** The container's name is known now, or has changed. A DHCPv6 server hears it by and by. */
  rename(hostName: string | undefined): void {
    this.#subject = { ...this.#subject, hostName };
    this.#guard(() => this.#client.rename(hostName));
  }

  /** Resolves also when the client is stopped. */
  async settled(): Promise<void> {
    await this.reached('settled');
  }

  /** The same for less than all, or more. */
  async reached(goal: Ipv6Goal): Promise<void> {
    const reached = this.#goals.reached(goal);
    this.#guard(() => this.#goals.look());
    await reached;
  }

  /** The way to servers and routers is open again. */
  askNow(): void {
    this.#guard(() => this.#client.askNow());
  }

  /** What has been seen so far, to explain why there is no address. */
  get evidence(): Ipv6Evidence {
    return this.#client.evidence;
  }

  /** Like `settled`, but not for longer than that. */
  settledBy(until: Instant): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#deps.clock.at(until, resolve);
      void this.settled().then(() => {
        cancel();
        resolve();
      });
    });
  }

  replay(): readonly Uint8Array[] {
    let frames: readonly Uint8Array[] = [];
    this.#guard(() => (frames = this.#deps.routers.replay(this.#subject.routersOn)));
    return frames;
  }

  /** The DNS servers that the routers of the segment tell now (RFC 8106 §5.1). */
  get dnsServers(): readonly Ipv6[] {
    return rdnssOf(this.#deps.routers.table(this.#subject.routersOn));
  }

  defaultRouters(): readonly Ipv6[] {
    let routers: readonly Ipv6[] = [];
    this.#guard(() => (routers = this.#deps.routers.defaultRouters(this.#subject.routersOn)));
    return routers;
  }

  configured(): void {
    this.#guard(() => this.#client.configured());
  }

  /** True if another host has the address of a prefix. */
  isContested(address: Ipv6): boolean {
    return this.terms.contested?.includes(address) === true;
  }

  open(place: SocketPlace, onError?: (error: Error) => void): Error | undefined {
    this.#asked = { place, onError };
    let error: Error | undefined;
    this.#guard(() => (error = this.#client.open(place, onError)));
    return error;
  }

  get place(): SocketPlace | undefined {
    return this.#client.place;
  }

  closeSocket(): void {
    this.#asked = undefined;
    this.#guard(() => this.#client.closeSocket());
  }

  release(link: string, lease: Lease6, then: () => void): void {
    this.#guard(() => this.#client.release(link, lease, then));
  }

  stop(): void {
    this.#cancelRestart();
    this.#guard(() => this.#client.stop());
    this.#cancelRestart();
    this.#goals.giveUp();
  }

  #make(): Ipv6Client {
    const { clock, openSocket } = this.#deps;
    return new Ipv6Client(this.#subject, {
      ...this.#deps,
      guard: this.#guard,
      onProgress: () => this.#goals.look(),
      onChange: (change) => this.#deps.onChange(this.#timed(change)),
      clock: guardedClock(clock, this.#guard),
      openSocket: guardedOpenSocket(openSocket, this.#guard),
    });
  }

  #timed(change: Ipv6Change): Ipv6Change {
    const now = this.#deps.clock.now();
    const since = this.#askingSince;
    this.#askingSince = change.change === 'lost' ? now : undefined;
    const isFirst = change.change === 'acquired' && since !== undefined;
    return isFirst ? { ...change, tookMs: now - since } : change;
  }

  #failed(err: unknown): void {
    const { clock, log } = this.#deps;
    const failed = this.#client;
    const { terms } = this;
    this.#had = terms;
    const { failures, againMs } = failedAgain(this.#failures, clock.now());
    this.#failures = failures;
    log.error({ err, failures: failures.count, againMs }, FAILED);
    try {
      failed.stop();
    } catch (error) {
      log.debug({ err: error }, 'part of a failed IPv6 client could not be ended');
    }
    this.#client = this.#make();
    this.#cancelRestart();
    this.#cancelRestart = clock.at(clock.now() + againMs, () =>
      this.#guard(() => {
        if (this.#asked !== undefined) this.#client.open(this.#asked.place, this.#asked.onError);
        this.#client.resume(terms);
        this.#had = undefined;
      }),
    );
  }
}
