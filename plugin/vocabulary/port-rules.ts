/** The vocabulary of port rules: what one container may send into the bridge from its port. */
import type { Ipv4, Mac } from '../wire/address.ts';
import type { Ipv6 } from '../wire/address6.ts';

/**
 * What the guard stops. `mac`: frames with another host's MAC. `full`: also packets with another
 * address.
 */
export const GUARD_MODES = ['off', 'mac', 'full'] as const;
export type GuardMode = (typeof GUARD_MODES)[number];

export interface PortRules {
  readonly mode: GuardMode;
  /** The MAC of the container. */
  readonly mac: Mac;
  /** For `full`: the addresses that the container may send from. */
  readonly addresses: readonly Ipv4[];
  /**
   * For `full`: the IPv6 addresses that it may have besides those made of its MAC. If undefined, it
   * has no IPv6.
   */
  readonly addresses6?: readonly Ipv6[] | undefined;
  /** For `full`: the interface identifier that it has beside that of its MAC. */
  readonly token?: Ipv6 | undefined;
  /**
   * True if DHCP requests for the container's own MAC pass. Our client sends them over the port
   * before the container has the link.
   */
  readonly leases: boolean;
  /**
   * True if messages of a DHCP server are stopped, with `off` as well. Other hosts would take them
   * for messages of the site's server.
   */
  readonly noServer: boolean;
}
