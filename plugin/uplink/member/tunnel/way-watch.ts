/**
 * Notices that this host reaches its hub by another way: another network, another address, or a
 * network after none. The hub answers to the old way until it hears a word by the new one.
 */
import type { Clock } from '../../../clock.ts';
import type { Logger } from '../../../logger.ts';
import type { Ms } from '../../../vocabulary/time.ts';

export interface Ways {
  /** Words by which two ways differ. Undefined if there is none to that address. */
  to(endpoint: string): Promise<string | undefined>;
  /**
   * Calls back when an address or a route of this host has changed, of whatever kind.
   * @throws SystemCallError
   */
  watch(onChange: () => void): { close(): void };
}

/** A change of the network is many changes. Containers that start are changes, too. */
const GATHERED_FOR: Ms = 100;

export interface WayWatchDeps {
  readonly ways: Ways;
  readonly clock: Pick<Clock, 'now' | 'at'>;
  readonly log: Logger;
  /** The address of the hub that is in use. Undefined: none is known. */
  readonly endpoint: () => string | undefined;
  /** There is a way, and it is another than before, or there was none. */
  readonly moved: () => void;
}

export class WayWatch {
  readonly #deps: WayWatchDeps;
  #events: { close(): void } | undefined;
  #cancelLook: (() => void) | undefined;
  #isLooking = false;
  #hasLooked = false;
  #isClosed = false;
  #endpoint: string | undefined;
  #way: string | undefined;

  constructor(deps: WayWatchDeps) {
    this.#deps = deps;
    try {
      this.#events = deps.ways.watch(() => this.#soon());
    } catch (err) {
      deps.log.warn(
        { err },
        'changes of the network are not told; the hub is asked when it is silent',
      );
    }
    this.#soon();
  }

  close(): void {
    this.#isClosed = true;
    this.#events?.close();
    this.#cancelLook?.();
  }

  #soon(): void {
    if (this.#cancelLook !== undefined || this.#isClosed) return;
    const { clock } = this.#deps;
    this.#cancelLook = clock.at(clock.now() + GATHERED_FOR, () => {
      this.#cancelLook = undefined;
      if (this.#isLooking) return this.#soon();
      this.#isLooking = true;
      this.#look()
        .catch((err: unknown) => this.#deps.log.debug({ err }, 'way to the hub not found out'))
        .finally(() => (this.#isLooking = false));
    });
  }

  async #look(): Promise<void> {
    const { ways, endpoint: current, moved } = this.#deps;
    const endpoint = current();
    const way = endpoint === undefined ? undefined : await ways.to(endpoint);
    if (this.#isClosed) return;
    const isOther = way !== undefined && way !== this.#way;
    // Another address of the hub is another way, too. A handshake with it has begun already.
    const isToTell = isOther && this.#hasLooked && endpoint === this.#endpoint;
    this.#hasLooked = true;
    this.#endpoint = endpoint;
    this.#way = way;
    if (isToTell) moved();
  }
}
