/**
 * The simplest DHCP server: it has one address for each client, answers at once, and remembers who
 * has what.
 */
import { ipv4Of, OPTION } from '../../../plugin/dhcp4/options.ts';
import type { Dhcp4Message } from '../../../plugin/dhcp4/message.ts';
import { macFromBytes, type Ipv4 } from '../../../plugin/wire/address.ts';
import type { SentMessage } from './memory-packet-socket.ts';
import { ack, ip, nak, offer, SERVER, type ReplyParts } from '../frames/messages.ts';

export class LeasingServer {
  /**
   * The present leases, acknowledged and not released, by client identifier (RFC 2131 §4.2). An
   * identifier of type 1 is shown as a MAC, others in hex.
   */
  readonly leases = new Map<string, Ipv4>();
  readonly #known = new Map<string, Ipv4>();
  readonly #extra: ReplyParts;
  #first = 50;
  /** As a server that ignores client identifiers. */
  goesByMac = false;

  constructor(extra: ReplyParts = {}) {
    this.#extra = extra;
  }

  readonly answer = ({ type, message }: SentMessage): readonly Dhcp4Message[] => {
    const { chaddr, xid } = message;
    const client = this.goesByMac ? chaddr : clientOf(message);
    const parts = { ...this.#extra, xid, address: this.#addressFor(client), header: { chaddr } };
    switch (type) {
      case 'DISCOVER':
        return [offer(parts)];
      case 'REQUEST': {
        const wanted = ipv4Of(message.options, OPTION.REQUESTED_ADDRESS) ?? message.ciaddr;
        if (wanted !== parts.address) return [nak({ xid, header: { chaddr } })];
        this.leases.set(client, parts.address);
        return [ack(parts)];
      }
      case 'RELEASE':
        if (ipv4Of(message.options, OPTION.SERVER_ID) === SERVER) this.leases.delete(client);
        return [];
      default:
        return [];
    }
  };

  /** The server loses its database. The next first address is another one. */
  forgetClients(addressesGone: number): void {
    this.#known.clear();
    this.leases.clear();
    this.#first += addressesGone;
  }

  /** A reservation, as an administrator writes one. */
  reserve(client: string, address: string): void {
    this.#known.set(client, ip(address));
  }

  #addressFor(client: string): Ipv4 {
    const known = this.#known.get(client) ?? ip(`192.0.2.${this.#first + this.#known.size}`);
    this.#known.set(client, known);
    return known;
  }
}

export function clientOf({ chaddr, options }: Dhcp4Message): string {
  const id = options.get(OPTION.CLIENT_ID);
  if (id === undefined) return chaddr;
  return id[0] === 1 && id.length === 7 ? macFromBytes(id, 1) : Buffer.from(id).toString('hex');
}
