/* eslint-disable @typescript-eslint/require-await -- stand-ins for what waits */
/**
 * A hub and its members in memory, under a clock that stands still. A question reaches the hub only
 * as WireGuard would let it: with a key that the hub has as a peer, from the address of that peer.
 * What is lost, late or doubled on the way is up to the test.
 */
import type { HubDesired, HubLinks } from '../../../plugin/hub/desired.ts';
import { HubOperator } from '../../../plugin/hub/hub-operator.ts';
import { HubState } from '../../../plugin/hub/hub-state.ts';
import type { HubContents, HubStore } from '../../../plugin/hub/hub-store.ts';
import type { HubRecord, InviteRecord, MemberRecord } from '../../../plugin/hub/hub-records.ts';
import { addressOf } from '../../../plugin/hub/members.ts';
import { type Answer, failure, HubAnswers } from '../../../plugin/hub/registrar/hub-answers.ts';
import type { MemberDesired, MemberLinks } from '../../../plugin/uplink/desired.ts';
import type { UplinkRecord, UplinkStore } from '../../../plugin/uplink/member/member-record.ts';
import type {
  RegistrarClient,
  Reply,
  Way,
} from '../../../plugin/uplink/member/registrar-client.ts';
import { HELD_MS, type MemberView } from '../../../plugin/uplink/protocol/registrar-protocol.ts';
import type { LocalCarrier } from '../../../plugin/uplink/streams/carrier.ts';
import { proxyChooser } from '../../../plugin/uplink/streams/proxy/proxy-way.ts';
import { Uplinks, type UplinksDeps } from '../../../plugin/uplink/uplinks.ts';
import { isAddress } from '../../../plugin/uplink/member/tunnel/hub-addresses.ts';
import { generateKey, publicKeyOf } from '../../../plugin/uplink/wireguard-key.ts';
import { PluginError } from '../../../plugin/vocabulary/errors.ts';
import { FakeClock } from '../time/fake-clock.ts';
import { MemoryLogger } from '../fakes/memory-logger.ts';

export const ENDPOINT = '203.0.113.10:51820';
const STREAM = '127.0.0.1:40000';

/** What happens to one question. A number: both ways together take so many ms. */
export type Fate = 'ok' | 'question-lost' | 'answer-lost' | number;

export function hubRecord(more: Partial<HubRecord> = {}): HubRecord {
  return {
    ...{ site: 'hq', trunk: 'eth1', endpoints: [ENDPOINT], listenPort: 51_820 },
    ...{ subnet: '10.83.41.0', mtu: 1500, privateKey: generateKey(), createdAt: 0 },
    ...more,
  };
}

/** A disk that may be full, and what a crash leaves of it. */
export class MemoryHubStore implements HubStore {
  readonly members = new Map<number, MemberRecord>();
  readonly invites = new Map<string, InviteRecord>();
  isFull = false;

  async saveMember(record: MemberRecord): Promise<void> {
    this.#write();
    this.members.set(record.number, structuredClone(record));
  }
  async removeMember({ number }: MemberRecord): Promise<void> {
    this.members.delete(number);
  }
  async saveInvite(record: InviteRecord): Promise<void> {
    this.#write();
    this.invites.set(record.id, structuredClone(record));
  }
  async removeInvite({ id }: InviteRecord): Promise<void> {
    this.invites.delete(id);
  }

  get contents(): HubContents {
    return { members: [...this.members.values()], invites: [...this.invites.values()] };
  }

  #write(): void {
    if (this.isFull) throw new PluginError('STATE_UNWRITABLE', 'state cannot be written: ENOSPC');
  }
}

export class UplinkWorld {
  readonly clock = new FakeClock();
  readonly log = new MemoryLogger();
  readonly store = new MemoryHubStore();
  record: HubRecord;
  /** What the hub's kernel has: peers at once, ports with the next `ensure`. */
  tunnel: HubDesired | undefined;
  ports: HubDesired | undefined;
  /** If set, the hub's kernel refuses. */
  kernelFault: string | undefined;
  /** How often all links of a part of the hub were looked at. */
  looks = 0;
  /** If set, a port of a member cannot be made. The tunnel can. */
  portFault: string | undefined;
  hub!: HubState;
  answers!: HubAnswers;
  operator!: HubOperator;
  /** True while the process of the hub is away. The kernel keeps its peers. */
  isHubAway = false;
  /** True while no datagram passes. */
  isCut = false;
  readonly hosts: HostSim[] = [];

  constructor(more: Partial<HubRecord> = {}) {
    this.record = hubRecord(more);
    this.startHub();
  }

  /** Starts the hub with what its disk has, also after a crash. */
  startHub(): void {
    const { record, store, clock, log } = this;
    const links: HubLinks = {
      ensureTunnel: async (desired, made) => {
        this.#compare(made, this.tunnel);
        if (this.kernelFault !== undefined) {
          throw new PluginError('IP_COMMAND_FAILED', this.kernelFault);
        }
        this.tunnel = desired;
      },
      ensure: async (desired, made = {}) => {
        this.#compare(made.ports, this.ports);
        await links.ensureTunnel(desired, made.tunnel);
        if (this.portFault !== undefined) {
          throw new PluginError('LINK_CONFLICT', this.portFault);
        }
        this.ports = desired;
      },
      remove: async () => {
        this.tunnel = this.ports = undefined;
      },
      guard: async () => undefined,
      acceptMembers: async () => [],
      watchFirewall: () => ({ close: () => undefined }),
      peers: async () =>
        new Map(
          (this.tunnel?.members ?? []).map(({ publicKey, address }) => {
            const host = this.hosts.find(
              (one) => one.publicKey === publicKey && one.kernel?.address === address,
            );
            const handshakeAt = host === undefined ? undefined : clock.wall();
            return [
              publicKey,
              { endpoint: undefined, handshakeAt, rxBytes: 0, txBytes: 0 },
            ] as const;
          }),
        ),
    };
    this.hub = new HubState({ record, store, links, clock, log }, store.contents);
    this.answers = new HubAnswers(this.hub);
    this.operator = new HubOperator(this.hub);
  }

  /** The hub may leave a look out only if it knows what the kernel has. */
  #compare(made: HubDesired | undefined, there: HubDesired | undefined): void {
    if (made === undefined) this.looks += 1;
    else if (made !== there) throw new Error('the kernel has something else than the hub thinks');
  }

  async invite(name = 'laptop', more: object = {}): Promise<string> {
    const wanted = { vlans: [500, 600], mesh: false, approve: false, expiresMs: 3_600_000 };
    return (await this.operator.invite({ name, ...wanted, ...more })).token;
  }

  get hubAddress(): string {
    return addressOf(this.record);
  }

  host(): HostSim {
    const host = new HostSim(this);
    this.hosts.push(host);
    return host;
  }

  /** Lets time pass until the promise settles, at most for a virtual hour. */
  async until<Result>(promise: Promise<Result>): Promise<Result> {
    let isDone = false;
    const end = (): void => void (isDone = true);
    promise.then(end, end);
    for (let ms = 0; ms < 3_600_000; ms += 100) {
      await this.clock.pass(0);
      if (isDone) break;
      await this.clock.pass(100);
    }
    if (!isDone) throw new Error('not settled within an hour');
    return promise;
  }
}

const noop = (): void => undefined;

interface FakeStream {
  isMuted: boolean;
  isOpen: boolean;
}

/** A host with the uplink's service. */
export class HostSim {
  readonly #world: UplinkWorld;
  readonly disk = new Map<string, UplinkRecord>();
  /** What its kernel has, by which WireGuard decides. */
  kernel: MemberDesired | undefined;
  carrier: boolean | undefined;
  /** If set, its kernel refuses links. */
  fault: string | undefined;
  revived = 0;
  /** What it measures with each word. */
  roundTripMs = 1;
  /** How long its kernel takes to begin a handshake. */
  reviveMs = 0;
  /** Asked for each question, and for each word. */
  fate: (what: 'post' | 'ask' | 'word' | 'leave' | 'key') => Fate = () => 'ok';
  posts = 0;
  asks = 0;
  /** When words were said. */
  readonly said: number[] = [];
  addresses: readonly string[] = [ENDPOINT];
  /** True while no datagram passes by UDP, and by TLS. */
  isUdpBlocked = false;
  isTlsBlocked = false;
  /** Much passes. */
  isBusy = false;
  /** Streams that were opened. */
  streams = 0;
  /** Of these, opened because the host has another way. */
  movedStreams = 0;
  #stream: FakeStream | undefined;
  /** How it reaches the hub. */
  way: string | undefined = 'home';
  /** By which way it reaches a host: all by the same, unless a test says otherwise. */
  wayTo: (endpoint: string) => string | undefined = () => this.way;
  /** Says that a route or an address of it has changed. */
  networkChanged: () => void = () => undefined;
  /** Says that a link of the uplink was removed. */
  linkGone: () => void = () => undefined;
  uplinks!: Uplinks;
  /** Puts something between the uplinks and what they use. It holds from the next boot on. */
  watched: (deps: Pick<UplinksDeps, 'store' | 'links'>) => Partial<UplinksDeps> = () => ({});
  /** Words under way. */
  readonly #words: (() => void)[] = [];
  #onWord: ((ms: number) => void) | undefined;

  constructor(world: UplinkWorld) {
    this.#world = world;
    this.boot();
  }

  /** True while a stream is open or being opened. */
  get hasStream(): boolean {
    return this.#stream !== undefined;
  }

  get publicKey(): string | undefined {
    return this.kernel && publicKeyOf(this.kernel.privateKey);
  }

  /** A new process, with what the disk has. */
  boot(): void {
    const { clock, log } = this.#world;
    const store: UplinkStore = {
      save: async (record) => void this.disk.set(record.device, structuredClone(record)),
      remove: async (device) => void this.disk.delete(device),
    };
    const links: MemberLinks = {
      ensure: async (desired) => {
        if (this.fault !== undefined) throw new PluginError('IP_COMMAND_FAILED', this.fault);
        this.kernel = desired;
        this.carrier = desired.trunk?.carrier;
      },
      revive: async (desired) => {
        if (this.kernel === undefined) throw new PluginError('IP_COMMAND_FAILED', 'no wg-uplink0');
        // What waited for the handshake before it is thrown away.
        for (const cancel of this.#words.splice(0)) cancel();
        if (this.reviveMs > 0) {
          await new Promise<void>((done) => clock.at(clock.now() + this.reviveMs, done));
        }
        this.revived += 1;
        if (this.kernel) this.kernel = { ...this.kernel, hub: desired.hub };
      },
      setCarrier: async (_, up) => void (this.carrier = up),
      remove: async () => {
        this.kernel = this.carrier = undefined;
      },
      status: async () => undefined,
      watchGone: (_, onGone) => {
        this.linkGone = onGone;
        return { close: () => undefined };
      },
    };
    this.uplinks = new Uplinks({
      ...{ clock, log, store, links, registrar: this.#registrar(), hostName: 'laptop.example' },
      resolve: async (endpoint) => {
        const isHub = this.#world.record.endpoints.includes(endpoint) || !isAddress(endpoint);
        return isHub ? this.addresses : [endpoint];
      },
      ways: {
        to: async (endpoint) => this.wayTo(endpoint),
        watch: (onChange) => {
          this.networkChanged = onChange;
          return { close: () => undefined };
        },
      },
      openCarrier: async (_, told) => this.#openCarrier(() => told('opened')),
      sshHostName: async (host) => host,
      chooseProxy: proxyChooser({}, noop),
      clash: async () => undefined,
      watchPath: () => ({
        mtu: undefined,
        doubt: noop,
        heard: noop,
        check: () => false,
        close: noop,
      }),
      ...this.watched({ store, links }),
    });
  }

  /** A stream that is open after 50 ms, unless it is blocked. */
  #openCarrier(opened: () => void): LocalCarrier {
    const { clock } = this.#world;
    const stream: FakeStream = { isMuted: false, isOpen: false };
    this.#stream = stream;
    const isBlocked = () => this.isTlsBlocked || this.#world.isCut;
    const open = (): void => {
      this.streams += 1;
      stream.isOpen = false;
      clock.at(clock.now() + 50, () => {
        stream.isOpen = !isBlocked();
        if (stream.isOpen) opened();
      });
    };
    const isBusy = () => this.isBusy;
    open();
    return {
      endpoint: STREAM,
      get isOpen() {
        return stream.isOpen;
      },
      get trouble() {
        return stream.isOpen ? undefined : 'connect ECONNREFUSED';
      },
      get isIdle() {
        return !isBusy();
      },
      serve: () => undefined,
      mute: (isMuted) => (stream.isMuted = isMuted),
      renew: (hasMoved) => {
        if (hasMoved === true) this.movedStreams += 1;
        open();
      },
      close: () => {
        if (this.#stream === stream) this.#stream = undefined;
      },
    };
  }

  start(): Promise<void> {
    return this.uplinks.start([...this.disk.values()]);
  }

  /** The tunnel passes: the hub's kernel has this key as a peer with this address. */
  #passes(own: string): boolean {
    const { isCut, tunnel, record } = this.#world;
    if (isCut || tunnel === undefined || this.kernel?.address !== own) return false;
    if (this.kernel.hub.publicKey !== publicKeyOf(record.privateKey)) return false;
    const { endpoint = '' } = this.kernel.hub;
    const isByTls = endpoint === STREAM;
    if (isByTls && (this.isTlsBlocked || !this.#stream?.isOpen || this.#stream.isMuted))
      return false;
    if (!isByTls && (this.isUdpBlocked || !record.endpoints.includes(endpoint))) return false;
    return [...tunnel.members, ...tunnel.guests].some(
      ({ publicKey, address }) => publicKey === this.publicKey && address === own,
    );
  }

  #registrar(): RegistrarClient {
    const { clock } = this.#world;
    const answers = () => this.#world.answers;
    return {
      post: (way, request, signal) => {
        this.posts += 1;
        return this.#asked('post', way, 2_000, signal, () => answers().admit(way.own, request));
      },
      ask: (way, revision, signal) => {
        this.asks += 1;
        return this.#asked('ask', way, HELD_MS + 5_000, signal, (gone) =>
          answers().self(way.own, revision, gone),
        );
      },
      leave: async (way) => {
        const reply = await this.#whole('leave', way, 4_000, () => answers().leave(way.own));
        return reply?.status === 204;
      },
      putKey: async (way, key) => {
        const reply = await this.#whole('key', way, 4_000, () => answers().rotate(way.own, key));
        return reply?.status === 204;
      },
      putPath: async () => true,
      openWord: (onWord) => {
        this.#onWord = onWord;
        return {
          say: () => {
            this.said.push(clock.now());
            const fate = this.fate('word');
            const own = this.kernel?.address ?? '';
            if (typeof fate === 'string' && fate !== 'ok') return;
            if (!this.#passes(own) || this.#world.isHubAway) return;
            const answerAt = clock.now() + (typeof fate === 'number' ? fate : 1);
            this.#words.push(clock.at(answerAt, () => this.#onWord?.(this.roundTripMs)));
          },
          close: () => (this.#onWord = undefined),
        };
      },
    };
  }

  async #asked(
    what: 'post' | 'ask',
    way: Way,
    limit: number,
    signal: AbortSignal,
    question: (gone: AbortSignal) => Promise<Answer>,
  ): Promise<Reply> {
    const answer = await this.#whole(what, way, limit, question, signal);
    if (answer === undefined) return { is: 'none' };
    if (answer.status === 200) return { is: 'view', view: answer.body as MemberView };
    return { is: 'refused', status: answer.status, error: '', ...answer.body };
  }

  /** Undefined: no answer within the limit. The hub may have done it all the same. */
  #whole(
    what: 'post' | 'ask' | 'leave' | 'key',
    way: Way,
    limit: number,
    question: (gone: AbortSignal) => Promise<Answer>,
    signal?: AbortSignal,
  ): Promise<Answer | undefined> {
    const { clock } = this.#world;
    const fate = this.fate(what);
    return new Promise((resolve) => {
      const gone = new AbortController();
      const end = (answer: Answer | undefined): void => {
        gone.abort();
        resolve(answer);
      };
      signal?.addEventListener('abort', () => end(undefined));
      const cancel = clock.at(clock.now() + limit, () => end(undefined));
      if (fate === 'question-lost' || !this.#passes(way.own) || this.#world.isHubAway) return;
      const delay = typeof fate === 'number' ? fate : 1;
      clock.at(clock.now() + delay / 2, () => {
        void question(gone.signal)
          .catch((error: Error): Answer => failure(503, error.message))
          .then((answer) => {
            answer.end?.();
            if (fate === 'answer-lost' || this.#world.isCut) return;
            clock.at(clock.now() + delay / 2, () => {
              cancel();
              end(answer);
            });
          });
      });
    });
  }
}
