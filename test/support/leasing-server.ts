/** A DHCP server of the plainest kind: one address per client, answers at once, remembers who has what. */
import { ipv4Of, OPTION } from '../../plugin/dhcp4/options.ts';
import type { Dhcp4Message } from '../../plugin/dhcp4/message.ts';
import type { Ipv4, Mac } from '../../plugin/wire/address.ts';
import type { SentMessage } from './memory-packet-socket.ts';
import { ack, ip, nak, offer, SERVER, type ReplyParts } from './messages.ts';

export class LeasingServer {
  /** Who holds what now: acknowledged and not released. */
  readonly leases = new Map<Mac, Ipv4>();
  readonly #known = new Map<Mac, Ipv4>();
  readonly #extra: ReplyParts;
  #first = 50;

  constructor(extra: ReplyParts = {}) {
    this.#extra = extra;
  }

  readonly answer = ({ type, message }: SentMessage): readonly Dhcp4Message[] => {
    const { chaddr, xid } = message;
    const parts = { ...this.#extra, xid, address: this.#addressFor(chaddr), header: { chaddr } };
    switch (type) {
      case 'DISCOVER':
        return [offer(parts)];
      case 'REQUEST': {
        const wanted = ipv4Of(message.options, OPTION.REQUESTED_ADDRESS) ?? message.ciaddr;
        if (wanted !== parts.address) return [nak({ xid, header: { chaddr } })];
        this.leases.set(chaddr, parts.address);
        return [ack(parts)];
      }
      case 'RELEASE':
        if (ipv4Of(message.options, OPTION.SERVER_ID) === SERVER) this.leases.delete(chaddr);
        return [];
      default:
        return [];
    }
  };

  /** Its database is lost; the first address it gives from now on is another one. */
  forgetClients(addressesGone: number): void {
    this.#known.clear();
    this.leases.clear();
    this.#first += addressesGone;
  }

  #addressFor(mac: Mac): Ipv4 {
    const known = this.#known.get(mac) ?? ip(`192.0.2.${this.#first + this.#known.size}`);
    this.#known.set(mac, known);
    return known;
  }
}
