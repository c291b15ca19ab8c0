/**
 * Keeps the firewall from eating bridged frames (D6), also later in a host's life: Docker makes the chain
 * that our rule goes into after it has started us, and a firewall reload may flush it.
 *
 * Each bridge is looked at when it is made, before a lease is asked for until the chain was seen there, and
 * in between at intervals.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { Instant, Ms } from '../time.ts';
import type { Host } from './host.ts';

const INTERVAL: Ms = 30_000;
/** A host whose Docker keeps no chain for this long runs without iptables: asking each time is waste. */
const CHAIN_EXPECTED_FOR: Ms = 120_000;

export class BridgeAccess {
  readonly #host: Host;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #startedAt: Instant;
  /** Bridges in use, and whether the rule is known to be there. */
  readonly #bridges = new Map<string, { isSettled: boolean }>();
  /** Looks under way, shared by all who ask meanwhile. */
  readonly #looks = new Map<string, Promise<void>>();
  #cancelTimer: () => void;

  constructor(deps: { host: Host; clock: Clock; log: Logger }) {
    this.#host = deps.host;
    this.#clock = deps.clock;
    this.#log = deps.log;
    this.#startedAt = this.#clock.now();
    this.#cancelTimer = this.#schedule();
  }

  /** Sees to the rule now. Trouble is a warning in the log, not a failure: most hosts need no rule. */
  grant(bridge: string): Promise<void> {
    return this.#looks.get(bridge) ?? this.#lookAt([bridge]);
  }

  /** As `grant`, if it has not been seen to yet. */
  async ensureGranted(bridge: string): Promise<void> {
    const isExpected = this.#clock.now() - this.#startedAt < CHAIN_EXPECTED_FOR;
    if (this.#bridges.get(bridge)?.isSettled !== true && isExpected) await this.grant(bridge);
  }

  async revoke(bridge: string): Promise<void> {
    this.#bridges.delete(bridge);
    await this.#looks.get(bridge);
    this.#bridges.delete(bridge);
    this.#warn(bridge, await this.#host.removeBridgeAccept(bridge));
  }

  close(): void {
    this.#cancelTimer();
  }

  #lookAt(bridges: readonly string[]): Promise<void> {
    const look = this.#look(bridges).finally(() => {
      for (const bridge of bridges) this.#looks.delete(bridge);
    });
    for (const bridge of bridges) this.#looks.set(bridge, look);
    return look;
  }

  async #look(bridges: readonly string[]): Promise<void> {
    const link = bridges.join(' ');
    const settle = (isSettled: boolean): void => {
      for (const bridge of bridges) this.#bridges.set(bridge, { isSettled });
    };
    try {
      const { hasChain, warnings } = await this.#host.ensureBridgeAccept(bridges);
      settle(hasChain);
      this.#warn(link, warnings);
    } catch (err) {
      settle(false);
      this.#log.warn({ link, err }, 'firewall rule for the bridge not ensured');
    }
  }

  #schedule(): () => void {
    return this.#clock.at(this.#clock.now() + INTERVAL, () => {
      const bridges = [...this.#bridges.keys()].filter((bridge) => !this.#looks.has(bridge));
      if (bridges.length > 0) void this.#lookAt(bridges);
      this.#cancelTimer = this.#schedule();
    });
  }

  #warn(link: string, warnings: readonly string[]): void {
    for (const warning of warnings) this.#log.warn({ link }, warning);
  }
}
