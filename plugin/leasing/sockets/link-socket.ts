/**
 * Keeps a client on a link of the host that is not ours. dockerd makes and removes the VLAN link of
 * a macvlan network at any time, also while the plugin starts before dockerd. While the link is
 * missing, the lease keeps its times, and the link is looked for again.
 */
import type { Clock } from '../../clock.ts';
import type { Ms } from '../../vocabulary/time.ts';
import type { SocketPlace } from './frame-socket.ts';
import type { Seats } from './seats.ts';

const LOOK_AFTER: Ms = 2_000;
/** A missing link comes back with dockerd, in seconds, or when somebody repairs the trunk. */
const LOOK_EVERY_AT_MOST: Ms = 30_000;

export class LinkSocket {
  readonly #seats: Seats;
  readonly #clock: Clock;
  readonly #place: SocketPlace;
  #lookAfter: Ms = LOOK_AFTER;
  #cancelTimer: () => void = () => undefined;

  constructor(seats: Seats, place: SocketPlace, clock: Clock) {
    this.#seats = seats;
    this.#place = place;
    this.#clock = clock;
    this.#open();
  }

  cancel(): void {
    this.#cancelTimer();
  }

  /** The link is in no sandbox. */
  hasLost(): boolean {
    return false;
  }

  #open(): void {
    try {
      this.#seats.open(this.#place, () => this.#retry());
      this.#lookAfter = LOOK_AFTER;
      this.#seats.catchUp();
    } catch {
      this.#retry(); // the client reports the failure when it has something to send
    }
  }

  #retry(): void {
    this.#cancelTimer();
    this.#cancelTimer = this.#clock.at(this.#clock.now() + this.#lookAfter, () => this.#open());
    this.#lookAfter = Math.min(2 * this.#lookAfter, LOOK_EVERY_AT_MOST);
  }
}
