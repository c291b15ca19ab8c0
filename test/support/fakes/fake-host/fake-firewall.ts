/** The rules that let a bridge through the firewall of Docker. */
import { FakeLinks } from './fake-links.ts';

export class FakeFirewall extends FakeLinks {
  readonly rules = new Set<string>();
  hasChain = true;
  /** The firewall's programs cannot be run. */
  firewallFails = false;
  /** True if the kernel reports changes of the firewall. */
  tellsOfFirewall = true;
  #onFirewallChange: (() => void) | undefined;
  #isFirewallLookedAt = true;

  async ensureBridgeAccept(bridges: readonly string[]) {
    await this.attempt('ensureBridgeAccept', bridges.join(' '));
    if (this.firewallFails) {
      const warnings = ['"iptables -S" failed: spawn EAGAIN'];
      return { hasChain: false, isAdded: false, hasFailed: true, warnings };
    }
    const missing = this.hasChain ? bridges.filter((bridge) => !this.rules.has(bridge)) : [];
    for (const bridge of missing) this.rules.add(bridge);
    if (missing.length > 0) this.changeFirewall();
    const isAdded = missing.length > 0;
    return { hasChain: this.hasChain, isAdded, hasFailed: false, warnings: this.warnings };
  }

  async removeBridgeAccept(bridge: string) {
    await this.attempt('removeBridgeAccept', bridge);
    this.rules.delete(bridge);
    return this.warnings;
  }

  watchBridgeAccept(onChange: () => void) {
    this.#onFirewallChange = onChange;
    return {
      isTold: () => this.tellsOfFirewall,
      look: () => {
        if (!this.#isFirewallLookedAt) this.changeFirewall();
      },
      close: () => (this.#onFirewallChange = undefined),
    };
  }

  /** Reports a change as the kernel would. */
  changeFirewall(): void {
    this.#isFirewallLookedAt = true;
    this.#onFirewallChange?.();
  }

  /** A change in legacy tables, which nothing reports. */
  changeFirewallQuietly(): void {
    this.#isFirewallLookedAt = false;
  }
}
