/** What the doctor alone reads of the host. `main.ts` gives it. */
import type { Forwarding } from '../vocabulary/firewall/forward-chains.ts';
import type { KeepingFacts } from './keeping.ts';

export interface Sights {
  readonly disk: {
    readonly folder: string;
    /** Undefined if the folder cannot be read. */
    readonly space: (folder: string) => KeepingFacts['disk'];
  };
  /** @throws Error if the kernel does not tell. */
  readonly forwarding: () => Promise<Forwarding>;
}
