/** What a member has of its kernel: the links, the carrier, and the hub as a peer. */
import type { Logger } from '../../../logger.ts';
import type { MemberLinks } from '../../desired.ts';
import type { MemberView } from '../../protocol/registrar-protocol.ts';
import { HubAddresses, type Resolve } from './hub-addresses.ts';
import { desiredOf } from '../member-desired.ts';
import type { UplinkRecord } from '../member-record.ts';
import type { Identity } from '../states.ts';

export interface Wanted {
  readonly identity: Identity;
  readonly attempt: number;
  readonly view?: MemberView;
  readonly carrier: boolean;
}

/** Its methods are not called while one of them runs. */
export class MemberTunnel {
  readonly #links: MemberLinks;
  /** As it is when it is asked for: a rotation changes the keys. */
  readonly #record: () => UplinkRecord;
  /** The largest packet that passes. */
  readonly #path: { readonly mtu: number | undefined };
  readonly addresses: HubAddresses;
  #events: { close(): void } | undefined;
  /** Which key the links have. */
  identity: Identity = 'own';

  constructor(
    links: MemberLinks,
    resolve: Resolve,
    record: () => UplinkRecord,
    path: { readonly mtu: number | undefined },
  ) {
    this.#links = links;
    this.#record = record;
    this.#path = path;
    this.addresses = new HubAddresses(record().hub.endpoints, resolve);
  }

  /** Calls back when a link was removed. Without it the links are looked at in a silence only. */
  watch(onGone: () => void, log: Logger): void {
    try {
      this.#events ??= this.#links.watchGone(this.#record().device, onGone);
    } catch (err) {
      log.warn({ err }, 'removed links are not told; they are made again when the hub is silent');
    }
  }

  close(): void {
    this.#events?.close();
  }

  async ensure(wanted: Wanted): Promise<void> {
    await this.addresses.lookUp();
    this.identity = wanted.identity;
    await this.#links.ensure(this.#desired(wanted));
  }

  /** Links and rules for what the record says now. */
  async ensureAgain(attempt: number, carrier: boolean): Promise<void> {
    const { view } = this.#record();
    if (view !== undefined) await this.ensure({ identity: this.identity, attempt, view, carrier });
  }

  /**
   * Begins a handshake with new sessions. The links are looked at only where that fails: on a busy
   * host a look takes as long as the rest of the way back.
   * @param carrier false while the hub is silent.
   */
  async revive(attempt: number, carrier: boolean): Promise<void> {
    // While the way is cut, name servers are silent for seconds, too.
    const found = this.addresses.lookUp();
    if (this.addresses.reachable(attempt) === undefined) await found;
    const { view, nextKey } = this.#record();
    if (view === undefined) return;
    // A rotation that a crash cut short: the hub knows one of two keys.
    const identity = nextKey !== undefined && attempt % 2 === 1 ? 'next' : 'own';
    const desired = this.#desired({ identity, attempt, view, carrier });
    if (identity === this.identity) {
      const isDone = await this.#links.revive(desired).then(
        () => true,
        () => false,
      );
      if (isDone) return;
    }
    this.identity = identity;
    await this.#links.ensure(desired);
    await this.#links.revive(desired);
  }

  setCarrier(up: boolean): Promise<void> {
    return this.#links.setCarrier(this.#record().device, up);
  }

  #desired({ identity, attempt, view, carrier }: Wanted) {
    const endpoint = this.addresses.reachable(attempt);
    const desired = desiredOf(this.#record(), identity, endpoint, view, carrier);
    return { ...desired, pathMtu: this.#path.mtu };
  }
}
