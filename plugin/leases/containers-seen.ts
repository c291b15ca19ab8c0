/** Which addresses containers have configured, as far as their sandboxes can be looked into. */
import type { Logger } from '../logger.ts';
import type { Ipv4 } from '../wire/address.ts';
import type { Host } from './host.ts';
import type { AddressRecord } from './pool-records.ts';

export interface ContainersSeenDeps {
  readonly host: Pick<Host, 'listSandboxAddresses'>;
  readonly log: Logger;
  /** Where the files of all sandboxes are found from here. */
  readonly sandboxFolder: string;
}

export class ContainersSeen {
  readonly #deps: ContainersSeenDeps;
  #isTold = false;
  /** Addresses that the last look missed; bounded by those there are. */
  #missed: ReadonlySet<string> = new Set();

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

  /**
   * Which of these are in a container, and which are in none any more: missed twice after they were seen; or never
   * seen, though they had their time and another of the same pool was. A runtime with a network stack of its own shows
   * no address at all: nothing is known of its containers.
   */
  look(
    all: readonly AddressRecord[],
    isOld: (record: AddressRecord) => boolean,
  ): { readonly seen: readonly AddressRecord[]; readonly gone: readonly AddressRecord[] } {
    const inUse = this.addresses(all.length > 0);
    if (inUse === undefined) return { seen: [], gone: [] };
    const seen = all.filter(({ address }) => inUse.has(address));
    const missed = all.filter(({ address }) => !inUse.has(address));
    const showing = new Set(
      all.filter(({ wasSeen, address }) => wasSeen || inUse.has(address)).map((one) => one.poolId),
    );
    const wasMissed = this.#missed;
    const isGone = ({ id, poolId, wasSeen }: AddressRecord) =>
      wasSeen ? wasMissed.has(id) : showing.has(poolId);
    this.#missed = new Set(missed.map(({ id }) => id));
    return { seen, gone: missed.filter((record) => isOld(record) && isGone(record)) };
  }
}
