/** Which addresses containers have configured, as far as their sandboxes can be looked into. */
import type { Logger } from '../logger.ts';
import type { Ipv4 } from '../wire/address.ts';
import type { Host } from './host.ts';

export interface ContainersSeenDeps {
  readonly host: Pick<Host, 'listSandboxAddresses'>;
  readonly log: Logger;
  /** Where the files of all sandboxes are found from here. */
  readonly sandboxFolder: string;
}

export class ContainersSeen {
  readonly #deps: ContainersSeenDeps;
  #isTold = false;

  constructor(deps: ContainersSeenDeps) {
    this.#deps = deps;
  }

  /**
   * @param matters whether anything hangs on the answer: trouble is told then, once.
   * @returns undefined if absence would prove nothing.
   */
  addresses(matters: boolean): ReadonlySet<Ipv4> | undefined {
    const { host, log, sandboxFolder } = this.#deps;
    const found = host.listSandboxAddresses(sandboxFolder);
    if (found === undefined && matters && !this.#isTold) {
      this.#isTold = true;
      log.warn(
        { folder: sandboxFolder },
        'sandboxes cannot be looked into (is /run a shared mount?); leases of other drivers end with ReleaseAddress only',
      );
    }
    return found;
  }
}
