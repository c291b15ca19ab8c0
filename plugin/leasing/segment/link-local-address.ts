/**
 * An address of 169.254.0.0/16 for a container without a lease (RFC 3927). It is probed, told, and
 * defended once the container has it. If another host has it, another address is tried.
 */
import { linkLocalCandidate, linkLocalDelay } from '../../acd/link-local.ts';
import type { Ipv4 } from '../../wire/address.ts';
import type { SocketPlace } from '../sockets/frame-socket.ts';
import { ConflictWatch } from './conflict-watch.ts';
import type { ConflictWatchDeps } from './conflict-watch-deps.ts';

export interface LinkLocalDeps extends Pick<
  ConflictWatchDeps,
  'clock' | 'random' | 'openArpSocket' | 'mac' | 'log' | 'send' | 'onLost'
> {
  /** Tells clients of the segment apart, also those with the same MAC. */
  readonly seed: Uint8Array;
  /** Told of the address that the container may have. Undefined: none for now. */
  readonly onChange: (address: Ipv4 | undefined) => void;
}

export class LinkLocalAddress {
  readonly #deps: LinkLocalDeps;
  readonly #watch: ConflictWatch;
  #isWanted = false;
  #address: Ipv4 | undefined;
  /** Addresses that others have. The next candidate comes after them. */
  #conflicts = 0;
  #cancelTry: () => void = () => undefined;

  constructor(deps: LinkLocalDeps) {
    this.#deps = deps;
    const { clock, random, openArpSocket, mac, log, send, onLost } = deps;
    this.#watch = new ConflictWatch({
      ...{ clock, random, openArpSocket, mac, log, send, onLost },
      ...{ mode: 'full', onClaim: 'leave', defends: true },
      onFree: (address) => this.#tell(address),
      onConflict: () => this.#inConflict(),
      onDeaf: (err) => log.warn({ err }, 'link-local address not taken: conflicts cannot be heard'),
    });
  }

  /** There is no lease. */
  begin(): void {
    if (this.#isWanted) return;
    this.#isWanted = true;
    this.#try();
  }

  /** There is a lease, or nobody wants an address any more. */
  end(): void {
    this.#isWanted = false;
    this.#address = undefined;
    this.#cancelTry();
    this.#watch.stop();
  }

  /** The container has the address. */
  announce(): void {
    if (this.#address !== undefined) this.#watch.announce(this.#address);
  }

  /** Follows the client's socket. */
  moved(place: SocketPlace | undefined): void {
    this.#watch.moved(place);
  }

  #try(): void {
    this.#watch.check(linkLocalCandidate(this.#deps.seed, this.#conflicts));
  }

  #tell(address: Ipv4 | undefined): void {
    if (!this.#isWanted || address === this.#address) return;
    this.#address = address;
    this.#deps.onChange(address);
  }

  #inConflict(): void {
    this.#conflicts += 1;
    this.#tell(undefined);
    const { clock } = this.#deps;
    const againAt = clock.now() + linkLocalDelay(this.#conflicts);
    this.#cancelTry = clock.at(againAt, () => this.#try());
  }
}
