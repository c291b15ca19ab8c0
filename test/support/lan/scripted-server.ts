/**
 * A DHCP server for simulations: it keeps leases, answers at once, and can be told to misbehave. It
 * uses the same message codec as the client. Other tests compare the codec's bytes with captures.
 */
import type { Dhcp4Message } from '../../../plugin/dhcp4/message.ts';
import { ipv4Of, messageTypeOf, OPTION } from '../../../plugin/dhcp4/options.ts';
import { IPV4_ANY } from '../../../plugin/wire/address.ts';
import type { Ipv4, Mac } from '../../../plugin/wire/address.ts';
import { ack, nak, offer } from '../frames/messages.ts';
import type { ReplyParts } from '../frames/messages.ts';

/**
 * `deaf` hears nothing, `forgetful` answers DISCOVER only, `refusing` sends NAK to every REQUEST.
 */
export type Mood = 'normal' | 'deaf' | 'forgetful' | 'refusing';

export interface ServerSettings {
  readonly serverId: Ipv4;
  readonly mac: Mac;
  readonly pool: readonly Ipv4[];
  readonly leaseSec: number;
  /** As a ping before an OFFER: true if a host other than the client answers for the address. */
  readonly isTaken?: (address: Ipv4, clientMac: Mac) => boolean;
  /** Sends a NAK for leases of other servers too, as udhcpd does. */
  readonly refusesStrangers?: boolean;
  readonly options?: ReplyParts['options'];
}

interface Binding {
  readonly address: Ipv4;
  readonly expiresAt: number;
}

export class ScriptedServer {
  mood: Mood = 'normal';
  readonly settings: ServerSettings;
  /** By client identifier. Bounded by the number of clients in a simulation. */
  readonly #bindings = new Map<string, Binding>();
  /** By address: the last client that had it. */
  readonly #holders = new Map<Ipv4, string>();
  readonly #declined = new Set<Ipv4>();
  readonly #pool: ReadonlySet<Ipv4>;

  constructor(settings: ServerSettings) {
    this.settings = settings;
    this.#pool = new Set(settings.pool);
  }

  /** As after a restart with an empty lease file. */
  forgetLeases(): void {
    this.#bindings.clear();
  }

  /** Takes over a lease that another server made. */
  adopt(clientId: Uint8Array, address: Ipv4, expiresAt: number): void {
    this.#bind(clientId.join(), { address, expiresAt });
  }

  /**
   * When the server may give this client's address to another; -Infinity if it has no lease here.
   */
  boundUntil(clientId: Uint8Array, address: Ipv4): number {
    const binding = this.#bindings.get(clientId.join());
    return binding?.address === address ? binding.expiresAt : -Infinity;
  }

  /** @returns the answer, or undefined for no answer. */
  receive(message: Dhcp4Message, now: number): Dhcp4Message | undefined {
    const type = messageTypeOf(message.options);
    if (this.mood === 'deaf' || (this.mood === 'forgetful' && type !== 'DISCOVER')) {
      return undefined;
    }
    const client = message.options.get(OPTION.CLIENT_ID)!.join();
    switch (type) {
      case 'DISCOVER': {
        const address = this.#addressFor(client, message, now);
        return address === undefined ? undefined : offer(this.#reply(message, address));
      }
      case 'REQUEST':
        return this.#onRequest(client, message, now);
      case 'DECLINE':
        this.#declined.add(ipv4Of(message.options, OPTION.REQUESTED_ADDRESS)!);
        this.#bindings.delete(client);
        return undefined;
      case 'RELEASE':
        this.#bindings.delete(client);
        return undefined;
      case 'OFFER':
      case 'ACK':
      case 'NAK':
      case 'INFORM':
      case undefined:
        throw new Error(`a client does not send ${type}`);
    }
  }

  #onRequest(client: string, message: Dhcp4Message, now: number): Dhcp4Message | undefined {
    const { serverId, leaseSec, refusesStrangers } = this.settings;
    const chosen = ipv4Of(message.options, OPTION.SERVER_ID);
    if (chosen !== undefined && chosen !== serverId) return undefined;
    if (this.mood === 'refusing') return nak(this.#reply(message, IPV4_ANY));
    const asked = ipv4Of(message.options, OPTION.REQUESTED_ADDRESS) ?? message.ciaddr;
    const bound = this.#bindings.get(client);
    const isGood =
      chosen === serverId ? this.#isFree(asked, client, now) : bound?.address === asked;
    if (!isGood) {
      // RFC 2131 §4.3.2: a correct server that has no record of this client does not answer.
      const speaks = chosen !== undefined || bound !== undefined || refusesStrangers === true;
      return speaks ? nak(this.#reply(message, IPV4_ANY)) : undefined;
    }
    this.#bind(client, { address: asked, expiresAt: now + leaseSec * 1000 });
    return ack(this.#reply(message, asked));
  }

  #addressFor(client: string, message: Dhcp4Message, now: number): Ipv4 | undefined {
    const candidates = [
      this.#bindings.get(client)?.address,
      ipv4Of(message.options, OPTION.REQUESTED_ADDRESS),
      ...this.settings.pool,
    ];
    const isTaken = this.settings.isTaken ?? (() => false);
    return candidates.find(
      (address) =>
        address !== undefined &&
        this.#isFree(address, client, now) &&
        !isTaken(address, message.chaddr),
    );
  }

  #bind(client: string, binding: Binding): void {
    this.#bindings.set(client, binding);
    this.#holders.set(binding.address, client);
  }

  #isFree(address: Ipv4, client: string, now: number): boolean {
    if (!this.#pool.has(address) || this.#declined.has(address)) return false;
    const holder = this.#holders.get(address);
    if (holder === undefined || holder === client) return true;
    const binding = this.#bindings.get(holder);
    return binding?.address !== address || binding.expiresAt <= now;
  }

  #reply(message: Dhcp4Message, address: Ipv4): ReplyParts {
    const { serverId, leaseSec, options } = this.settings;
    return {
      xid: message.xid,
      address,
      serverId,
      ...(address === IPV4_ANY ? {} : { leaseSec, ...(options === undefined ? {} : { options }) }),
      header: { chaddr: message.chaddr, broadcast: message.broadcast },
    };
  }
}
