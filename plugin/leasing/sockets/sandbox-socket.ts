/**
 * Follows one endpoint's link into its sandbox.
 *
 * libnetwork moves the link after our answer to Join. Engines before 28 make the sandbox's file
 * only then. So there is no event to wait for. The file and the link are tried at growing
 * intervals. If this takes long, the lease is kept from a link of the host. If the sandbox can
 * never be entered (the host's /run is not a shared mount), this is logged once, and the lease
 * stays there.
 */
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../logger.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { SocketPlace } from './frame-socket.ts';
import type { Seats } from './seats.ts';

/**
 * A container's link: its end in the host, and the sandbox of the other end. The other end gets
 * another name there.
 */
export interface SandboxPlace {
  readonly netnsPath: string;
  /** Undefined if the link has no end in the host. */
  readonly hostEnd: string | undefined;
  readonly containerEnd: string;
}

/**
 * Looks for the container's end of a veth.
 * @param onTrouble called with an error that waiting does not solve.
 * @returns the link's name inside; `here` if it has not been moved yet; `not-yet` if the file or
 * the link is missing, or the link is down; `not-a-namespace` if the file exists but cannot be
 * entered.
 */
export type SandboxProbe = (
  place: SandboxPlace,
  onTrouble?: (error: Error) => void,
) => { link: string } | 'here' | 'not-yet' | 'not-a-namespace';

/**
 * After these, a look every 2 s while the endpoint is joined. `docker pause` or a slow runtime may
 * take its time.
 */
const INTERVALS = [10, 20, 50, 100, 200, 500, 1000] as const;
const LAST_INTERVAL: Ms = 2000;
/**
 * While the link is still here, the next look comes after this share of the time waited so far. A
 * host that starts a hundred containers takes seconds.
 */
const SHARE_OF_WAIT = 1 / 8;
/** If a sandbox file is no namespace after this many looks, it will not become one. */
const LOOKS_BEFORE_FALLBACK = INTERVALS.length;

const UNREACHABLE =
  'sandbox cannot be entered (is /run a shared mount?); the lease is kept from the host';

export class SandboxSocket {
  readonly #target;
  readonly #clock: Clock;
  readonly #probe: SandboxProbe;
  #cancelTimer: () => void = () => undefined;
  #cancelled = false;
  #looks = 0;
  readonly #since: Instant;
  #isOnFallback = false;
  /** Messages that were logged. Each is logged once. */
  readonly #said = new Set<string>();

  constructor(
    target: SandboxPlace & {
      /** The place in the host from which the container's segment is reached. */
      fallback: SocketPlace;
      /** What the place in the sandbox is to say beside the link. */
      inside: Pick<SocketPlace, 'speaksVia' | 'defendsFrom'>;
      seats: Seats;
      log: Logger;
      /** Called each time the socket is open in the sandbox, with the link's name there. */
      entered(link: string): void;
      /**
       * Called once it is clear that the sandbox cannot be entered. The lease then stays in the
       * host.
       */
      unreachable(): void;
    },
    deps: { clock: Clock; probe: SandboxProbe },
  ) {
    this.#target = target;
    this.#clock = deps.clock;
    this.#probe = deps.probe;
    this.#since = deps.clock.now();
    this.#look();
  }

  cancel(): void {
    this.#cancelled = true;
    this.#cancelTimer();
  }

  /**
   * True if the link was in the sandbox, and is not seen there now. Then our socket in it is
   * closed, so that the sandbox can end if no container has it. The link is looked for again.
   */
  hasLost(): boolean {
    const { seats } = this.#target;
    if (this.#cancelled || !seats.isInSandbox || typeof this.#probe(this.#target) === 'object') {
      return false;
    }
    seats.closeSocket();
    this.#lost(new Error('the link is not in its sandbox any more'));
    return true;
  }

  #look(): void {
    if (this.#cancelled) return;
    const { netnsPath, seats, log } = this.#target;
    const found = this.#probe(this.#target, (err) => {
      this.#warnOnce({ netnsPath, err }, 'sandbox cannot be looked into');
    });
    if (typeof found === 'object') {
      this.#isOnFallback = false; // opening closes that socket, even if it fails
      try {
        const place = { netnsPath, link: found.link, ...this.#target.inside };
        seats.open(place, (error) => this.#lost(error));
        log.debug({ netnsPath, link: found.link }, 'lease socket is in the sandbox');
        seats.catchUp();
        this.#target.entered(found.link);
        return;
      } catch (error) {
        log.debug({ err: error }, 'lease socket could not enter the sandbox yet');
      }
    }
    // The socket on the first link works until the link is moved.
    if (found === 'here' && seats.isOpen) {
      this.#lookAgainIn((this.#clock.now() - this.#since) * SHARE_OF_WAIT);
      return;
    }
    const interval = INTERVALS[this.#looks] ?? LAST_INTERVAL;
    this.#looks += 1;
    if (this.#looks >= LOOKS_BEFORE_FALLBACK) this.#fallBack(found === 'not-a-namespace');
    this.#lookAgainIn(interval);
  }

  #lookAgainIn(wait: Ms): void {
    const bounded = Math.min(Math.max(wait, INTERVALS[0]), LAST_INTERVAL);
    this.#cancelTimer = this.#clock.at(this.#clock.now() + bounded, () => this.#look());
  }

  #lost(error: Error): void {
    if (this.#cancelled) return;
    this.#target.log.debug({ err: error }, 'lease socket lost its link in the sandbox');
    this.#looks = 0;
    this.#cancelTimer();
    this.#lookAgainIn(LAST_INTERVAL);
  }

  #fallBack(isUnreachable: boolean): void {
    const { seats, fallback, netnsPath } = this.#target;
    try {
      if (!this.#isOnFallback) {
        seats.open(fallback, () => void (this.#isOnFallback = false));
        this.#isOnFallback = true;
        seats.catchUp();
      }
    } catch (err) {
      this.#warnOnce({ err, link: fallback.link }, 'lease socket could not be opened in the host');
      return;
    }
    if (!isUnreachable) return;
    if (!this.#said.has(UNREACHABLE)) this.#target.unreachable();
    this.#warnOnce({ netnsPath, link: fallback.link }, UNREACHABLE);
  }

  #warnOnce(fields: object, message: string): void {
    if (this.#said.has(message)) return;
    this.#said.add(message);
    this.#target.log.warn(fields, message);
  }
}
