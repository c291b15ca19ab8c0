/**
 * Keeps the firewall from dropping bridged frames (D6), also later in the host's life. Docker makes
 * the chain for our rule after it has started us. A firewall reload may flush the chain.
 *
 * Each bridge is looked at when it is made, when the host reports a change of the firewall, and at
 * intervals. The intervals are long where every change is reported, because a look starts
 * processes. A bridge is also looked at before a lease is asked for, if the firewall changed since
 * the last look. Our own rules are changes, too. The look that follows them finds nothing to do.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { Instant, Ms } from '../vocabulary/time.ts';
import type { Host } from '../host.ts';

const INTERVAL: Ms = 30_000;
/** Where changes are reported, this many intervals pass between two looks. */
const REPORTED_INTERVALS = 20;
/** Many changes come together. Changes within this time cause one look. */
const CROWD: Ms = 100;
/** If the firewall changes all the time, a look starts some processes this often and not more. */
const LEAST_PAUSE: Ms = 1000;
/**
 * A program may fail for a moment, because processes or time run short. If it fails for this long,
 * it fails on this host for good, as iptables-nft does on a kernel without nf_tables. Starts of
 * containers then no longer run it.
 */
const LASTING: Ms = 60_000;

interface Look {
  readonly done: Promise<void>;
  /** How many changes had been reported when the look began. */
  readonly changes: number;
}

export class BridgeAccess {
  readonly #host: Host;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #watch: ReturnType<Host['watchBridgeAccept']>;
  /** Bridges in use, and whether the last look at each is still valid. */
  readonly #bridges = new Map<string, { isSettled: boolean }>();
  /** The running look at each bridge. All who ask before the next change share it. */
  readonly #looks = new Map<string, Look>();
  #changes = 0;
  #isClosed = false;
  #lookedAt: Instant;
  #warned = '';
  #cancelTimer: () => void;
  #cancelLook: (() => void) | undefined;
  /** Since when every look has failed; undefined if the last look did not fail. */
  #failingSince: Instant | undefined;
  #cancelRetry: (() => void) | undefined;

  constructor(deps: { host: Host; clock: Clock; log: Logger }) {
    this.#host = deps.host;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#lookedAt = this.#clock.now() - LEAST_PAUSE;
    this.#cancelTimer = this.#schedule();
    this.#watch = this.#host.watchBridgeAccept(() => this.#changed());
  }

  /**
   * Adds the rule if it is missing. A failure is a warning in the log and not an error, because
   * most hosts need no rule.
   */
  grant(bridge: string): Promise<void> {
    const look = this.#looks.get(bridge);
    return look?.changes === this.#changes ? look.done : this.#lookAt([bridge]);
  }

  /** As `grant`, but only if the firewall changed since the last look at this bridge. */
  async ensureGranted(bridge: string): Promise<void> {
    this.#watch.look();
    if (this.#bridges.get(bridge)?.isSettled !== true) await this.grant(bridge);
  }

  /** As `ensureGranted` for each of them, by one look. */
  async ensureAllGranted(bridges: readonly string[]): Promise<void> {
    this.#watch.look();
    const due = bridges.filter((bridge) => this.#bridges.get(bridge)?.isSettled !== true);
    if (due.length > 0) await this.#lookAt([...new Set(due)]);
  }

  async revoke(bridge: string): Promise<void> {
    this.#bridges.delete(bridge);
    await this.#looks.get(bridge)?.done;
    this.#bridges.delete(bridge);
    for (const warning of await this.#host.removeBridgeAccept(bridge)) {
      this.#log.warn({ link: bridge }, warning);
    }
  }

  close(): void {
    this.#cancelTimer();
    this.#cancelLook?.();
    this.#cancelRetry?.();
    this.#isClosed = true;
    this.#watch.close();
  }

  #changed(): void {
    this.#changes += 1;
    for (const bridge of this.#bridges.keys()) this.#bridges.set(bridge, { isSettled: false });
    if (this.#bridges.size === 0 || this.#cancelLook !== undefined) return;
    const at = Math.max(this.#clock.now() + CROWD, this.#lookedAt + LEAST_PAUSE);
    this.#cancelLook = this.#clock.at(at, () => {
      this.#cancelLook = undefined;
      this.#lookAtAll();
    });
  }

  #lookAtAll(): void {
    const bridges = [...this.#bridges.keys()];
    if (bridges.length > 0) void this.#lookAt(bridges);
  }

  #lookAt(bridges: readonly string[]): Promise<void> {
    const changes = this.#changes;
    const done = this.#look(bridges).finally(() => {
      for (const bridge of bridges) {
        if (this.#looks.get(bridge)?.done === done) this.#looks.delete(bridge);
      }
    });
    for (const bridge of bridges) this.#looks.set(bridge, { done, changes });
    return done;
  }

  async #look(bridges: readonly string[]): Promise<void> {
    const link = bridges.join(' ');
    const changes = this.#changes;
    const settle = (isSettled: boolean): void => {
      this.#lookedAt = this.#clock.now();
      for (const bridge of bridges) this.#bridges.set(bridge, { isSettled });
    };
    try {
      const { hasChain, isAdded, hasFailed, warnings } =
        await this.#host.ensureBridgeAccept(bridges);
      const isKnown = !hasFailed || this.#failedFor() >= LASTING;
      settle(isKnown && changes === this.#changes && (hasChain || this.#watch.isTold()));
      this.#note(hasFailed);
      if (isAdded) this.#log.info({ link }, 'firewall rule for the bridge added');
      this.#warn(link, warnings);
    } catch (err) {
      settle(false);
      this.#note(true);
      this.#log.warn({ link, err }, 'firewall rule for the bridge not ensured');
    }
  }

  #failedFor(): Ms {
    return this.#failingSince === undefined ? 0 : this.#clock.now() - this.#failingSince;
  }

  /** After a failure all bridges are looked at again, first soon, then less often. */
  #note(hasFailed: boolean): void {
    this.#failingSince = hasFailed ? (this.#failingSince ?? this.#clock.now()) : undefined;
    if (!hasFailed) {
      this.#cancelRetry?.();
      this.#cancelRetry = undefined;
    } else if (this.#cancelRetry === undefined && !this.#isClosed) {
      const wait = Math.min(Math.max(this.#failedFor(), LEAST_PAUSE), INTERVAL);
      this.#cancelRetry = this.#clock.at(this.#clock.now() + wait, () => {
        this.#cancelRetry = undefined;
        this.#lookAtAll();
      });
    }
  }

  /** @param passed intervals since the last look. */
  #schedule(passed = 0): () => void {
    return this.#clock.at(this.#clock.now() + INTERVAL, () => {
      const areReported =
        this.#watch.isTold() && [...this.#bridges.values()].every(({ isSettled }) => isSettled);
      const isDue = !areReported || passed + 1 >= REPORTED_INTERVALS;
      if (isDue && this.#looks.size === 0) this.#lookAtAll();
      this.#cancelTimer = this.#schedule(isDue ? 0 : passed + 1);
    });
  }

  /** Logs each warning once, and again only after it was gone. */
  #warn(link: string, warnings: readonly string[]): void {
    const text = warnings.join('\n');
    const isNew = text !== this.#warned;
    this.#warned = text;
    for (const warning of isNew ? warnings : []) this.#log.warn({ link }, warning);
  }
}
