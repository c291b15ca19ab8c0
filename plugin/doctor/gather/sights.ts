/** What the doctor alone reads of the host. `main.ts` gives it. */
import type { Forwarding } from '../../vocabulary/firewall/forward-chains.ts';
import type { Ipv4, Mac } from '../../wire/address.ts';
import type { KeepingFacts } from '../keeping.ts';

export interface Sights {
  readonly disk: {
    readonly folder: string;
    /** Undefined if the folder cannot be read. */
    readonly space: (folder: string) => KeepingFacts['disk'];
  };
  /** @throws Error if the kernel does not tell. */
  readonly forwarding: () => Promise<Forwarding>;
  /** As `SegmentInquiry.wearer`, with the MAC of a container. */
  readonly asContainer: (link: string, mac: Mac, address: Ipv4) => Promise<Mac | undefined>;
  /** The driver of the card below the link. Undefined if there is none. */
  readonly cardDriver: (link: string) => string | undefined;
}
