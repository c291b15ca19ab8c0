/**
 * Keeps the firewall of the hub from dropping the frames of members (D6), and the guards in it. A
 * hub that is a Docker host has a firewall that Docker makes after the hub has started. A reload
 * may flush it, and `nftables.service` of Debian flushes all rules, also those of the hub. The
 * plugin, too, takes its rule for a bridge back when its last network on the VLAN is removed.
 */
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { Ms } from '../vocabulary/time.ts';
import type { HubDesired, HubLinks } from './desired.ts';
import { HUB_DEVICE } from './members.ts';

/** Many changes come together. Our own rules are changes, too. The look after them adds none. */
const GATHERED_FOR: Ms = 100;
/** A firewall that changes all the time causes a look this often and not more. */
const LEAST_PAUSE: Ms = 1_000;

export interface FirewallWatchDeps {
  readonly links: Pick<HubLinks, 'guard' | 'acceptMembers' | 'watchFirewall'>;
  readonly desired: () => HubDesired;
  /** Runs a change of the kernel after all changes before it. */
  readonly turn: (work: () => Promise<void>) => Promise<void>;
  readonly clock: Pick<Clock, 'now' | 'at'>;
  readonly log: Logger;
}

export class FirewallWatch {
  readonly #deps: FirewallWatchDeps;
  readonly #events: { close(): void };
  #cancelLook: (() => void) | undefined;
  #lookedAt = -Infinity;
  #warned = '';
  #isClosed = false;

  constructor(deps: FirewallWatchDeps) {
    this.#deps = deps;
    this.#events = deps.links.watchFirewall(HUB_DEVICE, () => this.#soon());
    this.#soon();
  }

  close(): void {
    this.#isClosed = true;
    this.#events.close();
    this.#cancelLook?.();
  }

  #soon(): void {
    if (this.#cancelLook !== undefined || this.#isClosed) return;
    const { clock, turn, log } = this.#deps;
    const at = Math.max(clock.now() + GATHERED_FOR, this.#lookedAt + LEAST_PAUSE);
    this.#cancelLook = clock.at(at, () => {
      this.#cancelLook = undefined;
      this.#lookedAt = clock.now();
      turn(() => this.#look()).catch((err: unknown) =>
        log.error({ err }, 'hub: rules of the firewall for members not looked at'),
      );
    });
  }

  async #look(): Promise<void> {
    if (this.#isClosed) return;
    const { links } = this.#deps;
    const desired = this.#deps.desired();
    // Without the guards a member reaches more than its own VLANs.
    await links.guard(desired);
    const warnings = await links.acceptMembers(desired);
    const text = warnings.join('\n');
    const isNew = text !== this.#warned;
    this.#warned = text;
    for (const warning of isNew ? warnings : []) this.#deps.log.warn({}, warning);
  }
}
