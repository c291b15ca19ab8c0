/**
 * Clients and servers on one simulated network, in virtual time. Frames are lost, late, doubled and
 * out of order as the seed says. After each step the invariants are checked.
 */
import {
  initialState,
  nextDeadline,
  step,
  TRANSITIONS,
} from '../../../plugin/dhcp4/client/client.ts';
import type { ClientConfig, Effect, Event, State } from '../../../plugin/dhcp4/client/client.ts';
import { decodeFrame, encodeFrame } from '../../../plugin/dhcp4/frame.ts';
import type { Dhcp4Message } from '../../../plugin/dhcp4/message.ts';
import { ipv4Of, messageTypeOf, OPTION } from '../../../plugin/dhcp4/options.ts';
import type { Lease } from '../../../plugin/vocabulary/lease.ts';
import { IPV4_ANY, IPV4_BROADCAST, MAC_BROADCAST } from '../../../plugin/wire/address.ts';
import type { Ipv4 } from '../../../plugin/wire/address.ts';
import { clientConfig } from '../frames/messages.ts';
import type { ScriptedServer } from './scripted-server.ts';
import { DueQueue, type Due } from '../time/due-queue.ts';
import { seededRandom } from '../time/seeded-random.ts';

export interface Weather {
  /** The probability that a frame is lost, and the probability that it arrives twice. */
  readonly loss: number;
  readonly duplication: number;
  /** The delay is uniform between these. A wide range causes reordering. */
  readonly leastDelayMs: number;
  readonly mostDelayMs: number;
}

export const FAIR: Weather = { loss: 0, duplication: 0, leastDelayMs: 1, mostDelayMs: 1 };

const HOUR = 3_600_000;
/**
 * A limit for every scenario: the time between refusals doubles up to a minute, with two messages
 * for each.
 */
const MOST_SENDS_PER_HOUR = 200;

interface DueEvent extends Due {
  readonly act: () => void;
}

/** A deadline of a client. It is void if the client has another one by then, or is gone. */
interface DueClient extends Due {
  readonly client: SimulatedClient;
}

export class VirtualLan {
  now = 0;
  /** Steps of all clients. A client that loops without end is found by this, on any machine. */
  steps = 0;
  weather: Weather;
  readonly transcript: string[] = [];
  /** Addresses of hosts without DHCP. A check of such an address finds it in use. */
  readonly occupied = new Set<Ipv4>();
  readonly servers: ScriptedServer[] = [];
  readonly clients: SimulatedClient[] = [];
  readonly random: () => number;
  /** Who uses which address now. */
  readonly users = new Map<Ipv4, SimulatedClient>();
  readonly #keepsTranscript: boolean;
  readonly #events = new DueQueue<DueEvent>();
  readonly #deadlines = new DueQueue<DueClient>();
  #order = 0;

  constructor(seed: number, weather: Weather = FAIR, { keepsTranscript = true } = {}) {
    this.random = seededRandom(seed);
    this.weather = weather;
    this.#keepsTranscript = keepsTranscript;
  }

  addServer(server: ScriptedServer): ScriptedServer {
    this.servers.push(server);
    return server;
  }

  addClient(name: string, config: Partial<ClientConfig> = {}): SimulatedClient {
    const client = new SimulatedClient(this, name, this.clients.length, clientConfig(config));
    this.clients.push(client);
    return client;
  }

  /** Runs `act` at an instant of virtual time. */
  schedule(at: number, act: () => void): void {
    this.#events.push({ at, rank: this.#order, act });
    this.#order += 1;
  }

  /** Notes when a client wants its next tick. */
  expect(client: SimulatedClient): void {
    if (client.deadline === Infinity) return;
    this.#deadlines.push({ at: client.deadline, rank: client.index, client });
  }

  /** Lets time pass. What is due first happens first, with the deadlines of clients. */
  runUntil(end: number): void {
    for (;;) {
      const event = this.#events.first;
      const deadline = this.#firstDeadline();
      const eventAt = event?.at ?? Infinity;
      const clientAt = deadline?.at ?? Infinity;
      if (Math.min(eventAt, clientAt) > end) break;
      if (event !== undefined && eventAt <= clientAt) {
        this.#events.shift();
        this.now = event.at;
        event.act();
      } else {
        this.#deadlines.shift();
        this.now = clientAt;
        deadline!.client.do({ type: 'tick' });
      }
    }
    this.now = end;
  }

  /** Sends a frame. Each copy that is not lost arrives on its own. */
  carry(frame: Uint8Array, deliver: (frame: Uint8Array) => void): void {
    const copies = this.random() < this.weather.duplication ? 2 : 1;
    for (let copy = 0; copy < copies; copy += 1) {
      const { loss, leastDelayMs, mostDelayMs } = this.weather;
      if (this.random() < loss) continue;
      const delay = leastDelayMs + Math.round(this.random() * (mostDelayMs - leastDelayMs));
      this.schedule(this.now + delay, () => deliver(frame));
    }
  }

  log(who: string, what: () => string): void {
    if (this.#keepsTranscript)
      this.transcript.push(`${formatInstant(this.now)}  ${who.padEnd(9)} ${what()}`);
  }

  #firstDeadline(): DueClient | undefined {
    for (;;) {
      const first = this.#deadlines.first;
      if (first === undefined) return undefined;
      const { client, at } = first;
      if (client.deadline === at && this.clients[client.index] === client) return first;
      this.#deadlines.shift();
    }
  }
}

export class SimulatedClient {
  state: State = initialState();
  /** What the container is configured with. */
  using: Lease | undefined;
  /** Instants of all messages sent. */
  readonly sentAt: number[] = [];
  readonly changes: string[] = [];
  readonly name: string;
  readonly index: number;
  readonly config: ClientConfig;
  readonly #lan: VirtualLan;

  constructor(lan: VirtualLan, name: string, index: number, config: ClientConfig) {
    this.#lan = lan;
    this.name = name;
    this.index = index;
    this.config = config;
  }

  get deadline(): number {
    return nextDeadline(this.state);
  }

  do(event: Event): void {
    const { now, random } = this.#lan;
    const before = this.state;
    this.#lan.steps += 1;
    const { state, effects } = step(before, event, { now, random, config: this.config });
    this.state = state;
    this.#lan.expect(this);
    for (const effect of effects) this.#perform(effect);
    if (before.name !== state.name)
      this.#lan.log(this.name, () => `${before.name} → ${state.name}`);
    this.#check(before, event);
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'send':
        this.sentAt.push(this.#lan.now);
        this.#lan.log(this.name, () => `sends ${describeMessage(effect.message)}`);
        this.#send(effect);
        break;
      case 'check':
        this.#lan.schedule(this.#lan.now + 400, () =>
          this.do({ type: 'checked', inUse: this.#isInUse(effect.address) }),
        );
        break;
      case 'lease':
        this.#use(effect.change === 'lost' ? undefined : effect.lease);
        this.changes.push([effect.change, effect.cause].filter(Boolean).join(' '));
        this.#lan.log(this.name, () => `lease ${this.changes.at(-1)}: ${effect.lease.address}`);
        break;
      case 'refused':
        this.#lan.log(this.name, () => `refused by ${effect.by}`);
        break;
      case 'unanswered':
        this.#lan.log(this.name, () => `has no answer since ${effect.since}`);
        break;
      case 'withheld':
        this.#lan.log(this.name, () => `does not decline ${effect.address}`);
        break;
      case 'dropped':
        this.#lan.log(this.name, () => `does not use ${effect.what.join(', ')}`);
        break;
      case 'ignored':
        this.#lan.log(
          this.name,
          () => `ignores ${describeMessage(effect.message)}: ${effect.reason}`,
        );
        break;
    }
  }

  /** @throws Error when another client uses the address already. */
  #use(lease: Lease | undefined): void {
    const { users, now } = this.#lan;
    const before = this.using?.address;
    if (before !== undefined && users.get(before) === this) users.delete(before);
    this.using = lease;
    if (lease === undefined) return;
    const other = users.get(lease.address);
    users.set(lease.address, this);
    if (other?.using === undefined || other === this || !this.#lan.clients.includes(other)) return;
    throw new Error(
      `${this.name} at ${formatInstant(now)}: broken: ${lease.address} is ${other.name}'s`,
    );
  }

  #isInUse(address: Ipv4): boolean {
    const user = this.#lan.users.get(address);
    return this.#lan.occupied.has(address) || (user !== undefined && user !== this);
  }

  /** A broadcast reaches, or misses, each server on its own. */
  #send({ message, to }: Extract<Effect, { type: 'send' }>): void {
    const isBroadcast = to === 'broadcast';
    const frame = encodeFrame({
      message,
      sourceMac: this.config.mac,
      destinationMac: isBroadcast ? MAC_BROADCAST : to.mac,
      sourceAddress: isBroadcast ? IPV4_ANY : this.using!.address,
      destinationAddress: isBroadcast ? IPV4_BROADCAST : to.address,
    });
    for (const server of this.#lan.servers) {
      const isMeant = isBroadcast || to.address === server.settings.serverId;
      if (isMeant) this.#lan.carry(frame, (arrived) => this.#serve(server, arrived));
    }
  }

  #serve(server: ScriptedServer, frame: Uint8Array): void {
    const { message } = decodeFrame(frame, { checksumReady: true, port: 67 });
    const answer = server.receive(message, this.#lan.now);
    if (answer === undefined) return;
    const { serverId, mac } = server.settings;
    const reply = encodeFrame({
      message: answer,
      sourceMac: mac,
      destinationMac: this.config.mac,
      sourceAddress: serverId,
      destinationAddress: IPV4_BROADCAST,
    });
    this.#lan.log(serverId, () => `sends ${describeMessage(answer)}`);
    this.#lan.carry(reply, (arrived) => this.#receive(arrived));
  }

  #receive(frame: Uint8Array): void {
    const { message, sourceMac, sourceAddress } = decodeFrame(frame, { checksumReady: true });
    this.do({ type: 'message', message, sourceMac, sourceAddress });
  }

  /** @throws Error naming the invariant that the last step broke. */
  #check(before: State, event: Event): void {
    const { now } = this.#lan;
    const { state, using } = this;
    const rules: readonly (readonly [rule: string, holds: boolean])[] = [
      ['the deadline lies in the future', nextDeadline(state) > now],
      // A step may take two arrows: the one that is due, and then the one of the event.
      [
        'the transition is on the table',
        state.name === before.name ||
          TRANSITIONS[before.name].includes(state.name) ||
          (event.type !== 'tick' &&
            TRANSITIONS[before.name].some((via) => TRANSITIONS[via].includes(state.name))),
      ],
      ['no lease is used after its expiry', using === undefined || now < using.expiresAt],
      [
        'T1 ≤ T2 ≤ expiry',
        using === undefined || (using.t1At <= using.t2At && using.t2At <= using.expiresAt),
      ],
      ['sends per hour are bounded', this.#sendsInLastHour() <= MOST_SENDS_PER_HOUR],
    ];
    for (const [rule, holds] of rules) {
      if (!holds) throw new Error(`${this.name} at ${formatInstant(now)}: broken: ${rule}`);
    }
  }

  #sendsInLastHour(): number {
    const from = this.#lan.now - HOUR;
    let count = 0;
    for (let index = this.sentAt.length - 1; index >= 0 && this.sentAt[index]! > from; index -= 1) {
      count += 1;
    }
    return count;
  }
}

function describeMessage(message: Dhcp4Message): string {
  const { options } = message;
  const asked = ipv4Of(options, OPTION.REQUESTED_ADDRESS);
  const server = ipv4Of(options, OPTION.SERVER_ID);
  const isReply = message.op === 2;
  return [
    messageTypeOf(options),
    ...(message.ciaddr === IPV4_ANY ? [] : [`ciaddr ${message.ciaddr}`]),
    ...(message.yiaddr === IPV4_ANY ? [] : [`yiaddr ${message.yiaddr}`]),
    ...(asked === undefined ? [] : [`asks ${asked}`]),
    ...(server === undefined || isReply ? [] : [`for server ${server}`]),
  ].join(', ');
}

/** Hours (not wrapped into days), minutes, seconds, milliseconds. */
function formatInstant(now: number): string {
  const pad = (value: number, width: number): string =>
    String(Math.floor(value)).padStart(width, '0');
  const time = [now / HOUR, (now / 60_000) % 60, (now / 1000) % 60].map((part) => pad(part, 2));
  return `${time.join(':')}.${pad(now % 1000, 3)}`;
}
