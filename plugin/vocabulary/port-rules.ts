/** Vocabulary: what one container may send from its port of the bridge. */
import type { Ipv4, Mac } from '../wire/address.ts';

/** What a container is kept from. `mac`: looking like somebody else; `full`: also having another address. */
export const GUARD_MODES = ['off', 'mac', 'full'] as const;
export type GuardMode = (typeof GUARD_MODES)[number];

export interface PortRules {
  readonly mode: GuardMode;
  /** The container's. */
  readonly mac: Mac;
  /** `full`: the addresses that it may send from. */
  readonly addresses: readonly Ipv4[];
  /** DHCP requests for its own MAC pass: our client speaks over the port, before the container has the link. */
  readonly leases: boolean;
  /** With `off`, too, nothing that a DHCP server says passes: it would count as the site's. */
  readonly noServer: boolean;
}
