/**
 * One DHCP client per endpoint: acquire a lease within a budget, follow the endpoint's link from the host
 * into its sandbox, keep the lease, give it back.
 *
 * The map of clients is bounded by the endpoints Docker has on this host.
 */
import { PluginError } from '../errors.ts';
import type { ClientConfig } from '../dhcp4/client.ts';
import type { Lease } from '../lease.ts';
import type { Logger } from '../logger.ts';
import type { Instant } from '../time.ts';
import type { Ipv4, Mac } from '../wire/address.ts';
import {
  ClientRunner,
  type LeaseChange,
  type RunnerDeps,
  type SocketPlace,
} from './client-runner.ts';
import { Announcer } from './announcer.ts';
import { leaseFailure } from './lease-failure.ts';
import { SandboxSocket, type SandboxProbe } from './sandbox-socket.ts';

export interface LeaseIdentity {
  readonly mac: Mac;
  /** Payload of option 61, type octet included; the same for the whole life of the lease. */
  readonly clientId: Uint8Array;
  readonly hostName: string | undefined;
  readonly requestedAddress: Ipv4 | undefined;
}

export interface LeaseSubject {
  /** Names the client in this service: the EndpointID. */
  readonly key: string;
  readonly identity: LeaseIdentity;
  /** MTU of the link, told to the server in option 57. */
  readonly mtu: number;
  /** For messages: `VLAN 500 of eth1`. */
  readonly segment: string;
}

/** Where an endpoint's link will be, and the bridge to fall back to. */
export interface FollowTarget {
  readonly netnsPath: string;
  readonly hostEnd: string;
  readonly fallback: string;
}

export interface LeaseServiceDeps extends Omit<RunnerDeps, 'onLease' | 'onRefused'> {
  readonly probeSandbox: SandboxProbe;
  /** Told of changes after the first acquisition; the key is the subject's. */
  onChange(key: string, change: LeaseChange): void;
}

interface Waiting {
  done(lease: Lease): void;
  failed(error: Error): void;
}

interface Client {
  readonly subject: LeaseSubject;
  readonly runner: ClientRunner;
  readonly log: Logger;
  readonly announcer: Announcer;
  /** What the machine holds now. */
  lease: Lease | undefined;
  sandbox: SandboxSocket | undefined;
  /** While `acquire` waits: whom to tell. */
  waiting: Waiting | undefined;
}

export class LeaseService {
  readonly #clients = new Map<string, Client>();
  readonly #deps: LeaseServiceDeps;

  constructor(deps: LeaseServiceDeps) {
    this.#deps = deps;
  }

  /**
   * Leases an address over `link`, which must be in this process's network namespace.
   * @param by when to give up. @param signal gives up at once.
   * @returns the lease; the client lives on until `forget` or `release`.
   * @throws PluginError NO_OFFER, NO_ACK, NAK, ADDRESS_NOT_OFFERED, SOCKET_FAILED or CANCELLED; no client is left.
   */
  async acquire(
    subject: LeaseSubject,
    link: string,
    { by, signal }: { by: Instant; signal: AbortSignal },
  ): Promise<Lease> {
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
        const waitedEnough = () =>
          reject(
            leaseFailure(client.runner.trace, {
              segment: subject.segment,
              mac: subject.identity.mac,
              requestedAddress: subject.identity.requestedAddress,
              waitedMs: Math.round(clock.now() - startedAt),
            }),
          );
        whenDone.push(clock.at(by, waitedEnough));
        client.waiting = { done: resolve, failed: reject };
        client.runner.open({ link }, reject);
        client.runner.dispatch({ type: 'start' });
      });
    } catch (error) {
      if (this.#clients.get(subject.key) === client) this.forget(subject.key);
      throw error;
    } finally {
      client.waiting = undefined;
      for (const finish of whenDone) finish();
    }
  }

  /**
   * Takes up a lease that was acquired before this process started; its times are already monotonic.
   * Where it is to be heard comes with it, since a renewal may be due at once; without, the client keeps
   * time but sends nothing until `follow` or `place`.
   * @throws PluginError SOCKET_FAILED if the place cannot be used; the lease is kept in time all the same.
   */
  resume(
    subject: LeaseSubject,
    lease: Lease,
    where: { readonly place?: SocketPlace; readonly follow?: FollowTarget } = {},
  ): void {
    const client = this.#add(subject);
    client.lease = lease;
    try {
      if (where.place !== undefined) this.place(subject.key, where.place);
    } finally {
      if (where.follow !== undefined) this.follow(subject.key, where.follow);
      client.runner.dispatch({ type: 'resume', lease });
    }
  }

  /** Listens and sends on a link of the host: where the container end is before Join. */
  place(key: string, place: SocketPlace): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    client.runner.open(place, (error) => {
      client.log.debug({ err: error }, 'lease socket lost its link');
    });
  }

  /**
   * Moves the socket into the sandbox once libnetwork has moved the link there; until then, and where the
   * sandbox cannot be entered, the lease is kept over `fallback`.
   */
  follow(key: string, target: FollowTarget): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    client.sandbox?.cancel();
    client.sandbox = new SandboxSocket(
      {
        ...target,
        runner: client.runner,
        log: client.log,
        entered: () => {
          if (client.lease !== undefined) client.announcer.announce(client.lease.address);
        },
      },
      { clock: this.#deps.clock, probe: this.#deps.probeSandbox },
    );
  }

  /** Stops following: the link is about to leave the sandbox. The lease stays. */
  unfollow(key: string): void {
    const client = this.#clients.get(key);
    client?.sandbox?.cancel();
    client?.announcer.stop();
    client?.runner.closeSocket();
  }

  /**
   * Gives the lease back with a RELEASE sent through `link` (the bridge: it works after the container's
   * own link is gone), then forgets the client. Unknown keys are no error.
   */
  release(key: string, link: string): void {
    const client = this.#clients.get(key);
    if (client === undefined) return;
    client.sandbox?.cancel();
    try {
      client.runner.open({ link }, () => undefined);
      client.runner.dispatch({ type: 'release' });
    } catch (error) {
      client.log.warn({ err: error }, 'lease not given back; the server keeps it until it expires');
    }
    this.forget(key);
  }

  /** Drops the client without a word to the server; if it is still asking, `acquire` fails. */
  forget(key: string): void {
    const client = this.#clients.get(key);
    client?.waiting?.failed(new PluginError('CANCELLED', 'the lease is not wanted any more'));
    client?.sandbox?.cancel();
    client?.announcer.stop();
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

  #add(subject: LeaseSubject): Client {
    this.forget(subject.key);
    const log = this.#deps.log.child({ endpoint: subject.key.slice(0, 12) });
    const runner = new ClientRunner(clientConfig(subject), {
      ...this.#deps,
      log,
      onLease: (change) => {
        client.lease = change.change === 'lost' ? undefined : change.lease;
        if (change.change === 'acquired' && client.waiting !== undefined) {
          client.waiting.done(change.lease);
        } else {
          this.#deps.onChange(subject.key, change);
        }
      },
      onRefused: (by, text) => log.warn({ by, text }, 'dhcp server refused (NAK)'),
    });
    const client: Client = {
      subject,
      runner,
      log,
      announcer: new Announcer({
        clock: this.#deps.clock,
        random: this.#deps.random,
        mac: subject.identity.mac,
        send: (frame) => runner.sendFrame(frame),
      }),
      lease: undefined,
      sandbox: undefined,
      waiting: undefined,
    };
    this.#clients.set(subject.key, client);
    return client;
  }
}

function clientConfig({ identity, mtu }: LeaseSubject): ClientConfig {
  return {
    mac: identity.mac,
    clientId: identity.clientId,
    hostName: identity.hostName,
    requestedAddress: identity.requestedAddress,
    mtu,
    broadcast: false,
    retransmit: 'container-start',
    allowedServers: [],
    acd: false,
  };
}
