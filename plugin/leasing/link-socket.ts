/**
 * Keeps a client on a link of the host's that is not ours: dockerd makes and removes the VLAN link of a macvlan
 * network as it likes, also while the plugin starts before it. Where the link is not there the lease is kept in
 * time, and the link is looked for again.
 */
import type { Clock } from '../clock.ts';
import type { Ms } from '../time.ts';
import type { ClientRunner, SocketPlace } from './client-runner.ts';

const LOOK_EVERY: Ms = 2_000;

export class LinkSocket {
  readonly #runner: ClientRunner;
  readonly #clock: Clock;
  readonly #place: SocketPlace;
  #cancelTimer: () => void = () => undefined;

  constructor(runner: ClientRunner, place: SocketPlace, clock: Clock) {
    this.#runner = runner;
    this.#place = place;
    this.#clock = clock;
    this.#open();
  }

  cancel(): void {
    this.#cancelTimer();
  }

  #open(): void {
    try {
      this.#runner.open(this.#place, () => this.#retry());
    } catch {
      this.#retry(); // the client says so itself when it has something to send
    }
  }

  #retry(): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#clock.at(this.#clock.now() + LOOK_EVERY, () => this.#open());
  }
}
