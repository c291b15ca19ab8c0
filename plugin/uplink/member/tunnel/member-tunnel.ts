/** What a member has of its kernel: the links, the carrier, and the hub as a peer. */
import type { Clock } from '../../../clock.ts';
import type { Logger } from '../../../logger.ts';
import type { Instant } from '../../../vocabulary/time.ts';
import type { MemberLinks } from '../../desired.ts';
import type { MemberView } from '../../protocol/registrar-protocol.ts';
import { addressOf, isByStream } from './attempts.ts';
import { HubAddresses, type Resolve } from './hub-addresses.ts';
import { desiredOf } from '../member-desired.ts';
import type { UplinkRecord } from '../member-record.ts';
import type { Identity } from '../states.ts';
import type { MemberStream } from './member-stream.ts';

export interface Wanted {
  readonly identity: Identity;
  readonly attempt: number;
  readonly view?: MemberView;
  readonly carrier: boolean;
}

export interface TunnelDeps {
  readonly links: MemberLinks;
  readonly resolve: Resolve;
  readonly stream: MemberStream;
  readonly clock: Pick<Clock, 'now'>;
  /** As it is when it is asked for: a rotation changes the keys. */
  readonly record: () => UplinkRecord;
  /** The largest packet that passes. */
  readonly path: { readonly mtu: number | undefined };
}

/** Its methods are not called while one of them runs. */
export class MemberTunnel {
  readonly #deps: TunnelDeps;
  readonly addresses: HubAddresses;
  #events: { close(): void } | undefined;
  /** Which key the links have. */
  identity: Identity = 'own';
  /** When the way was last changed. */
  changedAt: Instant = 0;
  #handshakes = 0;

  constructor(deps: TunnelDeps) {
    this.#deps = deps;
    this.addresses = new HubAddresses(deps.record().hub.endpoints, deps.resolve);
  }

  /** The address of the hub at that attempt. Undefined while it is a name that is not known. */
  addressAt(attempt: number): string | undefined {
    return this.addresses.reachable(addressOf(attempt));
  }

  /** The hub and the first host of the stream, if they are known. The one in use comes first. */
  dialled(attempt: number): readonly (string | undefined)[] {
    const [hub, hop] = [this.addressAt(attempt), this.#deps.stream.firstHop];
    return isByStream(attempt) && hop !== undefined ? [hop, hub] : [hub, hop];
  }

  /** Calls back when a link was removed. Without it the links are looked at in a silence only. */
  watch(onGone: () => void, log: Logger): void {
    try {
      this.#events ??= this.#deps.links.watchGone(this.#deps.record().device, onGone);
    } catch (err) {
      log.warn({ err }, 'removed links are not told; they are made again when the hub is silent');
    }
  }

  close(): void {
    this.#events?.close();
  }

  async ensure(wanted: Wanted): Promise<void> {
    // By a stream nobody waits for the name. The way to the hub is watched by its address.
    const found = this.addresses.lookUp();
    if (!isByStream(wanted.attempt)) await found;
    this.identity = wanted.identity;
    const desired = await this.#desired(wanted);
    await this.#deps.links.ensure(desired);
    await this.#taken(wanted.attempt);
    // WireGuard itself would begin no handshake within 5 s after the last one.
    const isAnew = wanted.identity === 'one-time' && wanted.attempt > 0;
    if (isAnew) await this.#deps.links.revive(desired);
  }

  /** Links and rules for what the record says now. */
  async ensureAgain(attempt: number, carrier: boolean): Promise<void> {
    const { view } = this.#deps.record();
    if (view !== undefined) await this.ensure({ identity: this.identity, attempt, view, carrier });
  }

  /**
   * Begins a handshake with new sessions. The links are looked at only where that fails: on a busy
   * host a look takes as long as the rest of the way back.
   * @param carrier false while the hub is silent.
   */
  async revive(attempt: number, carrier: boolean): Promise<void> {
    const { links, record } = this.#deps;
    if (!isByStream(attempt)) {
      // While the way is cut, name servers are silent for seconds, too.
      const found = this.addresses.lookUp();
      if (this.addressAt(attempt) === undefined) await found;
    }
    const { view, nextKey } = record();
    if (view === undefined) return;
    // A rotation that a crash cut short: the hub knows one of two keys. Each goes by each way.
    const identity = nextKey !== undefined && this.#handshakes % 4 > 1 ? 'next' : 'own';
    this.#handshakes += 1;
    const desired = await this.#desired({ identity, attempt, view, carrier });
    const isDone = identity === this.identity && (await isFulfilled(links.revive(desired)));
    if (!isDone) {
      this.identity = identity;
      await links.ensure(desired);
      await links.revive(desired);
    }
    await this.#taken(attempt);
  }

  /** Speaks by UDP with the sessions of now. */
  async tryUdp(attempt: number): Promise<void> {
    const { view } = this.#deps.record();
    if (view === undefined) return;
    await this.ensure({ identity: this.identity, attempt, view, carrier: true });
  }

  setCarrier(up: boolean): Promise<void> {
    const { links, record } = this.#deps;
    return links.setCarrier(record().device, up);
  }

  async #desired({ identity, attempt, view, carrier }: Wanted) {
    const { record, stream, path } = this.#deps;
    // Before the endpoint changes: WireGuard follows where datagrams come from.
    if (!isByStream(attempt)) stream.mute();
    const byStream = isByStream(attempt) ? await stream.use() : undefined;
    const endpoint = byStream ?? this.addressAt(attempt);
    const desired = desiredOf(record(), identity, endpoint, view, carrier);
    return { ...desired, pathMtu: path.mtu };
  }

  async #taken(attempt: number): Promise<void> {
    const { links, record, stream, clock } = this.#deps;
    this.changedAt = clock.now();
    if (isByStream(attempt)) stream.serve((await links.status(record().device))?.listenPort);
  }
}

function isFulfilled(work: Promise<void>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}
