/**
 * DHCPv6 clients and servers on one simulated network, in virtual time. Frames are lost, late,
 * doubled and out of order as the seed says. After each step the invariants are checked.
 */
import {
  initialState,
  nextDeadline,
  step,
  TRANSITIONS,
} from '../../../plugin/dhcp6/client/client.ts';
import type { ClientConfig6, Effect, Event, State } from '../../../plugin/dhcp6/client/client.ts';
import { clientFrame, decodeFrame, encodeFrame } from '../../../plugin/dhcp6/frame.ts';
import type { MessageType } from '../../../plugin/dhcp6/message.ts';
import { duidOfMac, iaidOfMac } from '../../../plugin/vocabulary/ipv6/duid.ts';
import type { Lease6 } from '../../../plugin/vocabulary/ipv6/lease6.ts';
import type { Mac } from '../../../plugin/wire/address.ts';
import { linkLocalOf, type Ipv6 } from '../../../plugin/wire/address6.ts';
import { DueQueue, type Due } from '../time/due-queue.ts';
import { clientConfig6 } from '../frames/messages6.ts';
import type { ModelServer6 } from './model-server6.ts';
import { seededRandom } from '../time/seeded-random.ts';
import type { Weather } from './virtual-lan.ts';

const SECOND = 1_000;
const HOUR = 3_600_000;
/** How long duplicate address detection takes. */
const CHECK_MS = 1_000;
/** Refusals double their delay up to a minute, with two messages for each. */
const MOST_SENDS_PER_HOUR = 200;

interface DueAct extends Due {
  readonly act: () => void;
}

export class VirtualLan6 {
  now = 0;
  readonly servers: ModelServer6[] = [];
  readonly clients: SimulatedClient6[] = [];
  /** Who uses which address now. */
  readonly users = new Map<Ipv6, SimulatedClient6>();
  /** Who is checking which address. As on a real link, two who check at once see each other. */
  readonly probing = new Map<Ipv6, Set<SimulatedClient6>>();
  /** How many messages all clients sent in each second. */
  readonly sendsIn = new Map<number, number>();
  /** How many messages of each type all clients sent. */
  readonly sendsOf = new Map<MessageType, number>();
  readonly random: () => number;
  readonly #weather: Weather;
  readonly #queue = new DueQueue<DueAct>();
  #rank = 0;

  constructor(seed: number, weather: Weather) {
    this.random = seededRandom(seed);
    this.#weather = weather;
  }

  addClient(mac: Mac, config: Partial<ClientConfig6>): SimulatedClient6 {
    const client = new SimulatedClient6(this, mac, config);
    this.clients.push(client);
    return client;
  }

  schedule(at: number, act: () => void): void {
    this.#rank += 1;
    this.#queue.push({ at, rank: this.#rank, act });
  }

  runUntil(end: number): void {
    for (;;) {
      const next = this.#queue.first;
      if (next === undefined || next.at > end) break;
      this.#queue.shift();
      this.now = Math.max(this.now, next.at);
      next.act();
    }
    this.now = end;
  }

  count(type: MessageType): void {
    const second = Math.floor(this.now / SECOND);
    this.sendsIn.set(second, (this.sendsIn.get(second) ?? 0) + 1);
    this.sendsOf.set(type, (this.sendsOf.get(type) ?? 0) + 1);
  }

  /** Delivers a frame: never, once or twice, each time after another delay. */
  carry(deliver: () => void): void {
    const { loss, duplication, leastDelayMs, mostDelayMs } = this.#weather;
    if (this.random() < loss) return;
    const copies = this.random() < duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const delay = leastDelayMs + Math.floor(this.random() * (mostDelayMs - leastDelayMs + 1));
      this.schedule(this.now + delay, deliver);
    }
  }

  /** A client's multicast reaches every server. Its answers are unicasts. */
  send(client: SimulatedClient6, bytes: Uint8Array): void {
    for (const server of this.servers) {
      this.carry(() => {
        const request = decodeFrame(bytes, { checksumReady: true, port: 547 });
        const message = server.answer(request.message, this.now);
        if (message === undefined) return;
        const reply = encodeFrame({
          sourceMac: server.settings.mac,
          destinationMac: request.sourceMac,
          source: linkLocalOf(server.settings.mac),
          destination: request.source,
          message,
        });
        this.carry(() => client.receive(reply));
      });
    }
  }
}

export class SimulatedClient6 {
  readonly lan: VirtualLan6;
  readonly mac: Mac;
  readonly config: ClientConfig6;
  state: State = initialState();
  using: Lease6 | undefined;
  readonly changes: string[] = [];
  readonly sentAt: number[] = [];

  constructor(lan: VirtualLan6, mac: Mac, config: Partial<ClientConfig6>) {
    this.lan = lan;
    this.mac = mac;
    this.config = clientConfig6({ duid: duidOfMac(mac), iaid: iaidOfMac(mac), ...config });
  }

  receive(bytes: Uint8Array): void {
    this.do({ type: 'message', message: decodeFrame(bytes, { checksumReady: true }).message });
  }

  /** The container starts again: its addresses are out of use, and asked about. */
  restart(): void {
    const previous = this.using;
    this.#use(undefined);
    this.state = initialState();
    this.do({ type: 'start', ...(previous === undefined ? {} : { previous }) });
  }

  /** The plugin starts again, and the container goes on. */
  resume(): void {
    const lease = this.using;
    this.state = initialState();
    this.do(lease === undefined ? { type: 'start' } : { type: 'resume', lease });
  }

  do(event: Event): void {
    const { now, random } = this.lan;
    const before = this.state;
    const result = step(before, event, { now, random, config: this.config });
    this.state = result.state;
    // A check begins before the lease is used.
    const isCheck = ({ type }: Effect): boolean => type === 'check';
    for (const effect of result.effects.filter(isCheck)) this.#perform(effect);
    for (const effect of result.effects.filter((each) => !isCheck(each))) this.#perform(effect);
    this.#checkRules(before);
    const at = nextDeadline(this.state);
    if (at === Infinity || at === nextDeadline(before)) return;
    const expected = this.state;
    this.lan.schedule(at, () => {
      // Void if the client has another deadline by now.
      if (nextDeadline(this.state) === at || this.state === expected) this.do({ type: 'tick' });
    });
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'send':
        this.sentAt.push(this.lan.now);
        this.lan.count(effect.message.type);
        this.lan.send(this, encodeFrame(clientFrame(this.mac, effect.message)));
        break;
      case 'check':
        this.#check(effect.address);
        break;
      case 'lease':
        this.changes.push([effect.change, effect.cause].filter(Boolean).join(' '));
        this.#use(effect.change === 'lost' ? undefined : effect.lease);
        break;
      case 'withheld':
      case 'refused':
      case 'unanswered':
      case 'ignored':
        break;
    }
  }

  #check(address: Ipv6): void {
    const { probing, users } = this.lan;
    const probers = probing.get(address) ?? new Set();
    probing.set(address, probers.add(this));
    this.lan.schedule(this.lan.now + CHECK_MS, () => {
      const user = users.get(address);
      const inUse = (user !== undefined && user !== this) || probers.size > 1;
      // Those who check at the same time keep this set, so each of them finds the others.
      if (probing.get(address) === probers) probing.delete(address);
      this.do({ type: 'checked', address, inUse });
      if (!inUse) this.#use(this.using);
    });
  }

  /** An address that is being checked is tentative: the container does not use it yet. */
  #use(lease: Lease6 | undefined): void {
    for (const { address } of this.using?.addresses ?? []) {
      if (this.lan.users.get(address) === this) this.lan.users.delete(address);
    }
    this.using = lease;
    for (const { address } of lease?.addresses ?? []) {
      if (this.lan.probing.get(address)?.has(this) === true) continue;
      const user = this.lan.users.get(address);
      if (user !== undefined) throw this.#broken(`${address} is used by ${user.mac} as well`);
      this.lan.users.set(address, this);
    }
  }

  #checkRules(before: State): void {
    const { now } = this.lan;
    const { name } = this.state;
    if (name !== before.name && !TRANSITIONS[before.name].includes(name)) {
      throw this.#broken(`from ${before.name} to ${name}`);
    }
    if (nextDeadline(this.state) <= now) throw this.#broken('a deadline that has passed');
    const over = this.using?.addresses.find(({ validUntil }) => validUntil <= now);
    if (over !== undefined) throw this.#broken(`${over.address} is used after its lifetime`);
    while ((this.sentAt[0] ?? now) <= now - HOUR) this.sentAt.shift();
    if (this.sentAt.length > MOST_SENDS_PER_HOUR) throw this.#broken('too many messages');
  }

  #broken(what: string): Error {
    return new Error(`at ${this.lan.now} ms client ${this.mac}: ${what}`);
  }
}
