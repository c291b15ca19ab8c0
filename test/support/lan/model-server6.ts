/**
 * A DHCPv6 server that keeps bindings, as RFC 9915 §18.3 says. It can be silent, refuse, and forget
 * all bindings as a server does that is installed anew.
 */
import type { Dhcp6Message } from '../../../plugin/dhcp6/message.ts';
import { optionOf, type Dhcp6Option, type IaNa } from '../../../plugin/dhcp6/options.ts';
import type { Duid } from '../../../plugin/vocabulary/ipv6/duid.ts';
import { subnet6Has, type Ipv6, type Subnet6 } from '../../../plugin/wire/address6.ts';
import type { Mac } from '../../../plugin/wire/address.ts';
import { statusOption } from '../frames/messages6.ts';

export interface ModelServerSettings {
  readonly duid: Duid;
  readonly mac: Mac;
  readonly pool: readonly Ipv6[];
  readonly onLink: Subnet6;
  readonly preferredSec: number;
  readonly validSec: number;
  readonly rapidCommit: boolean;
  readonly preference: number;
}

interface Binding {
  readonly address: Ipv6;
  validUntil: number;
}

/** An offer is kept for a client this long. */
const OFFER_SEC = 60;

export class ModelServer6 {
  mood: 'normal' | 'silent' | 'full' = 'normal';
  readonly settings: ModelServerSettings;
  readonly #bindings = new Map<string, Binding>();
  readonly #taken = new Set<Ipv6>();
  readonly #declined = new Set<Ipv6>();

  constructor(settings: ModelServerSettings) {
    this.settings = settings;
  }

  /** All bindings are gone, and nobody has declined anything. */
  forget(): void {
    this.#bindings.clear();
    this.#taken.clear();
    this.#declined.clear();
  }

  answer(message: Dhcp6Message, now: number): Dhcp6Message | undefined {
    const clientId = optionOf(message.options, 'client-id');
    const serverId = optionOf(message.options, 'server-id');
    const isForUs = serverId === undefined || serverId.duid === this.settings.duid;
    if (this.mood === 'silent' || clientId === undefined || !isForUs) return undefined;
    const body = this.#body(message, clientId.duid, now);
    if (body === undefined) return undefined;
    const isOffer = message.type === 'SOLICIT' && !body.some(({ type }) => type === 'rapid-commit');
    return {
      type: isOffer ? 'ADVERTISE' : 'REPLY',
      xid: message.xid,
      options: [
        ...body,
        clientId,
        { type: 'server-id', duid: this.settings.duid },
        { type: 'preference', value: this.settings.preference },
      ],
    };
  }

  #body(message: Dhcp6Message, client: Duid, now: number): readonly Dhcp6Option[] | undefined {
    const ia = optionOf(message.options, 'ia-na');
    if (ia === undefined) return [];
    const key = `${client} ${ia.iaid}`;
    const named = ia.options.flatMap((option) =>
      option.type === 'ia-address' ? [option.address] : [],
    );
    const bound = this.#bindings.get(key);
    switch (message.type) {
      case 'SOLICIT': {
        const isRapid =
          this.settings.rapidCommit && optionOf(message.options, 'rapid-commit') !== undefined;
        const found = this.#bind(key, named, isRapid ? this.settings.validSec : OFFER_SEC, now);
        const answer = found === undefined ? refusal(ia, 2) : this.#granted(ia, found.address, []);
        return isRapid && found !== undefined ? [{ type: 'rapid-commit' }, answer] : [answer];
      }
      case 'REQUEST': {
        const found = this.#bind(key, named, this.settings.validSec, now);
        return [found === undefined ? refusal(ia, 2) : this.#granted(ia, found.address, [])];
      }
      case 'CONFIRM': {
        const isOnLink = named.every((address) => subnet6Has(this.settings.onLink, address));
        return [statusOption(isOnLink ? 0 : 4)];
      }
      case 'RENEW':
      case 'REBIND': {
        if (bound === undefined || bound.validUntil <= now) {
          // A server that cannot know better stays silent to a REBIND (§18.3.5).
          return message.type === 'RENEW' ? [refusal(ia, 3)] : undefined;
        }
        bound.validUntil = now + 1_000 * this.settings.validSec;
        const others = named.filter((address) => address !== bound.address);
        return [this.#granted(ia, bound.address, others)];
      }
      case 'DECLINE':
      case 'RELEASE':
        for (const address of named) {
          if (bound?.address !== address) continue;
          if (message.type === 'DECLINE') this.#declined.add(address);
          this.#drop(key, bound);
        }
        return [statusOption(0)];
      case 'ADVERTISE':
      case 'REPLY':
      case 'RECONFIGURE':
      case 'INFORMATION-REQUEST':
        return undefined;
    }
  }

  /** The client's binding, or a new one: of an address that it named, or of the next free one. */
  #bind(key: string, named: readonly Ipv6[], seconds: number, now: number): Binding | undefined {
    const bound = this.#bindings.get(key);
    if (bound !== undefined) {
      bound.validUntil = Math.max(bound.validUntil, now + 1_000 * seconds);
      return bound;
    }
    if (this.mood === 'full') return undefined;
    this.#clean(now);
    const isFree = (address: Ipv6) => !this.#taken.has(address) && !this.#declined.has(address);
    const { pool } = this.settings;
    const address = named.find((each) => pool.includes(each) && isFree(each)) ?? pool.find(isFree);
    if (address === undefined) return undefined;
    const binding = { address, validUntil: now + 1_000 * seconds };
    this.#bindings.set(key, binding);
    this.#taken.add(address);
    return binding;
  }

  #clean(now: number): void {
    for (const [key, binding] of this.#bindings) {
      if (binding.validUntil <= now) this.#drop(key, binding);
    }
  }

  #drop(key: string, { address }: Binding): void {
    this.#bindings.delete(key);
    this.#taken.delete(address);
  }

  /** @param withdrawn gets lifetime 0. */
  #granted(ia: IaNa, address: Ipv6, withdrawn: readonly Ipv6[]): IaNa {
    const { preferredSec, validSec } = this.settings;
    const option = (each: Ipv6, preferredLifetime: number, validLifetime: number): Dhcp6Option => {
      return { type: 'ia-address', address: each, preferredLifetime, validLifetime, options: [] };
    };
    return {
      ...ia,
      ...{ t1: Math.floor(preferredSec / 2), t2: Math.floor(preferredSec * 0.8) },
      options: [
        option(address, preferredSec, validSec),
        ...withdrawn.map((each) => option(each, 0, 0)),
      ],
    };
  }
}

function refusal(ia: IaNa, status: number): IaNa {
  return { ...ia, t1: 0, t2: 0, options: [statusOption(status)] };
}
