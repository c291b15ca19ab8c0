/**
 * Follows one endpoint's link into its sandbox.
 *
 * libnetwork moves the link after our answer to Join, and engines before 28 make the sandbox's file only
 * then, so there is nothing to wait on but the file and the link themselves: tried at growing intervals,
 * with the lease kept over the bridge if it takes long. When the sandbox cannot be entered for good (the host's
 * /run is not a shared mount), that is said once and the bridge stays.
 */
import type { Clock } from '../../clock.ts';
import type { Logger } from '../../logger.ts';
import type { Instant, Ms } from '../../vocabulary/time.ts';
import type { ClientRunner } from '../client-runner.ts';

/** A container's link: its end in the host, and where the other one is or goes, there under another name. */
export interface SandboxPlace {
  readonly netnsPath: string;
  readonly hostEnd: string;
  readonly containerEnd: string;
}

/**
 * Looks for the container's end of a veth.
 * @returns the link's name inside; `here` if it is where it was made; `not-yet` (no file, no link, or link down); or
 * `not-a-namespace` for a file that is there but cannot be entered. `onTrouble` is told what does not pass by waiting.
 */
export type SandboxProbe = (
  place: SandboxPlace,
  onTrouble?: (error: Error) => void,
) => { link: string } | 'here' | 'not-yet' | 'not-a-namespace';

/** Then every 2 s, as long as the endpoint is joined: `docker pause` or a slow runtime may take its time. */
const INTERVALS = [10, 20, 50, 100, 200, 500, 1000] as const;
const LAST_INTERVAL: Ms = 2000;
/**
 * While the link is still here the next look comes after this share of the time waited so far: a host that starts a
 * hundred containers takes seconds.
 */
const SHARE_OF_WAIT = 1 / 8;
/** A sandbox file that is no namespace after this many looks will not become one. */
const LOOKS_BEFORE_FALLBACK = INTERVALS.length;

const UNREACHABLE =
  'sandbox cannot be entered (is /run a shared mount?); the lease is kept from the bridge';

export class SandboxSocket {
  readonly #target;
  readonly #clock: Clock;
  readonly #probe: SandboxProbe;
  #cancelTimer: () => void = () => undefined;
  #cancelled = false;
  #looks = 0;
  readonly #since: Instant;
  #isOnFallback = false;
  /** Troubles that were told; each is told once. */
  readonly #said = new Set<string>();

  constructor(
    target: SandboxPlace & {
      /** The bridge: a socket there with our MAC reaches the same segment. */
      fallback: string;
      runner: ClientRunner;
      log: Logger;
      /** Called each time the socket has come to sit in the sandbox. */
      entered(): void;
      /** Called once when it is clear that the sandbox cannot be entered: the bridge is where it stays. */
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
   * The link was in the sandbox, and is not to be seen there now. Nothing of ours stays in it then, so that it goes if no
   * container has it; and it is looked for again.
   */
  hasLost(): boolean {
    const { runner } = this.#target;
    if (this.#cancelled || !runner.isInSandbox || typeof this.#probe(this.#target) === 'object') {
      return false;
    }
    runner.closeSocket();
    this.#lost(new Error('the link is not in its sandbox any more'));
    return true;
  }

  #look(): void {
    if (this.#cancelled) return;
    const { netnsPath, runner, log } = this.#target;
    const found = this.#probe(this.#target, (err) => {
      this.#warnOnce({ netnsPath, err }, 'sandbox cannot be looked into');
    });
    if (typeof found === 'object') {
      this.#isOnFallback = false; // opening closes that socket, even if it fails
      try {
        const place = { netnsPath, link: found.link, speaksVia: this.#target.fallback };
        runner.open(place, (error) => this.#lost(error));
        log.debug({ netnsPath, link: found.link }, 'lease socket is in the sandbox');
        this.#target.entered();
        return;
      } catch (error) {
        log.debug({ err: error }, 'lease socket could not enter the sandbox yet');
      }
    }
    // The socket that leased goes on until the link is moved from under it.
    if (found === 'here' && runner.isOpen) {
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
    const { runner, fallback, netnsPath } = this.#target;
    try {
      if (!this.#isOnFallback) {
        runner.open({ link: fallback, promiscuous: true }, () => void (this.#isOnFallback = false));
        this.#isOnFallback = true;
      }
    } catch (err) {
      this.#warnOnce({ err, link: fallback }, 'lease socket could not be opened on the bridge');
      return;
    }
    if (!isUnreachable) return;
    if (!this.#said.has(UNREACHABLE)) this.#target.unreachable();
    this.#warnOnce({ netnsPath, link: fallback }, UNREACHABLE);
  }

  #warnOnce(fields: object, message: string): void {
    if (this.#said.has(message)) return;
    this.#said.add(message);
    this.#target.log.warn(fields, message);
  }
}
