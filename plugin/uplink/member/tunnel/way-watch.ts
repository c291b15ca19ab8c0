/**
 * Notices that this host reaches its hub, or the first host on the way to it, by another way:
 * another network, another address, or a network after none. The hub answers to the old way until
 * it hears a word by the new one.
 */
import type { Clock } from '../../../clock.ts';
import type { Logger } from '../../../logger.ts';
import { parseEndpoint } from '../../protocol/value-schemas.ts';
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
  /**
   * What is dialled: the address of the hub, or the first host of a stream. The one in use comes
   * first. The others are looked at, too, to know their ways before they are in use.
   */
  readonly endpoints: () => readonly (string | undefined)[];
  /** There is a way, and it is another than before, or there was none. */
  readonly moved: () => void;
}

export class WayWatch {
  readonly #deps: WayWatchDeps;
  #events: { close(): void } | undefined;
  #cancelLook: (() => void) | undefined;
  #isLooking = false;
  #isClosed = false;
  /** By host, of the last look. Undefined: there was no way. */
  #seen: ReadonlyMap<string, string | undefined> = new Map();

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

  /** Another host is dialled. */
  look(): void {
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
    const { ways, endpoints, moved } = this.#deps;
    const [inUse, ...others] = endpoints();
    const hosts = new Map(
      [inUse, ...others]
        .filter((endpoint) => endpoint !== undefined)
        .map((endpoint) => [hostOf(endpoint), endpoint]),
    );
    const found = [...hosts].map(
      async ([host, endpoint]) => [host, await ways.to(endpoint)] as const,
    );
    const seen = new Map(await Promise.all(found));
    if (this.#isClosed) return;
    const host = inUse === undefined ? '' : hostOf(inUse);
    const way = seen.get(host);
    // Another host is another way, too. A handshake with it has begun already.
    const isToTell = way !== undefined && this.#seen.has(host) && way !== this.#seen.get(host);
    this.#seen = seen;
    if (isToTell) moved();
  }
}

function hostOf(endpoint: string): string {
  return parseEndpoint(endpoint)?.host ?? endpoint;
}
