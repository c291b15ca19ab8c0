/** What a container's IPv6 has seen, to explain why there is no address. */
import type { Dhcp6Told } from '../ipv6/dhcp6-talk.ts';
import type { Ipv6Plan } from '../ipv6/ipv6-plan.ts';
import type { Ipv6Subject } from '../ipv6/ipv6-subject.ts';
import type { Logger } from '../../logger.ts';
import type { Duid } from '../../vocabulary/ipv6/duid.ts';
import type { Ipv6 } from '../../wire/address6.ts';

/** NoAddrsAvail (RFC 9915 §21.13). A server that says so may have one later. */
const NO_ADDRESSES = 2;

interface Seen {
  /** The last address that another host has. */
  readonly conflict: Ipv6 | undefined;
  /** The last refusal of a DHCPv6 server. */
  readonly refusal:
    { readonly by: Duid; readonly status: number; readonly text: string } | undefined;
  /** What a server offered in place of the address that must be had. */
  readonly otherOffered: Ipv6 | undefined;
  /** True if a server said that it has no address. */
  readonly isPoolEmpty: boolean;
}

export interface Ipv6Evidence extends Seen {
  readonly routers: readonly Ipv6[];
  readonly plan: Ipv6Plan;
}

export class Ipv6Seen {
  readonly #subject: Pick<Ipv6Subject, 'wishedAddress'>;
  readonly #log: Logger;
  #all: Seen = {
    conflict: undefined,
    refusal: undefined,
    otherOffered: undefined,
    isPoolEmpty: false,
  };

  constructor(subject: Pick<Ipv6Subject, 'wishedAddress'>, log: Logger) {
    this.#subject = subject;
    this.#log = log;
  }

  get all(): Seen {
    return this.#all;
  }

  conflict(address: Ipv6): void {
    this.#all = { ...this.#all, conflict: address };
  }

  told(effect: Dhcp6Told): void {
    if (effect.type === 'refused' && effect.status === NO_ADDRESSES) {
      this.#all = { ...this.#all, isPoolEmpty: true };
    } else if (effect.type === 'refused') {
      const { by, status, text } = effect;
      this.#all = { ...this.#all, refusal: { by, status, text } };
    } else if (effect.reason === 'no-addresses') {
      this.#all = { ...this.#all, isPoolEmpty: true };
    } else if (effect.reason === 'other-address') {
      this.#offered(effect);
    }
  }

  #offered({ message }: Dhcp6Told & { readonly type: 'ignored' }): void {
    const other = message.options
      .flatMap((option) => (option.type === 'ia-na' ? option.options : []))
      .find((option) => option.type === 'ia-address')?.address;
    const isTold = this.#all.otherOffered !== undefined;
    this.#all = { ...this.#all, otherOffered: other };
    if (isTold) return;
    const { wishedAddress: wished } = this.#subject;
    this.#log.warn({ offered: other, wished }, 'DHCPv6 server has another address than ip6=');
  }
}
