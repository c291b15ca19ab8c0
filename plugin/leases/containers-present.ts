/**
 * Finds out which containers still exist. When dockerd is killed, the next one removes their
 * sandboxes without Leave or DeleteEndpoint. For an endpoint of ours, its link tells. For an
 * address under another driver, the addresses in the sandboxes tell.
 */
import type { Clock } from '../clock.ts';
import type { Host } from '../host.ts';
import type { Logger } from '../logger.ts';
import type { Ms } from '../vocabulary/time.ts';
import { runEach } from '../undo.ts';
import type { Ipv4 } from '../wire/address.ts';
import type { ContainerLink } from '../vocabulary/attachment.ts';
import type { AddressRecord } from '../state/lease-records.ts';

/** The kernel needs a moment to remove a namespace and the links in it. */
const DESTROYED_WITHIN: Ms = 1_500;
const LOOK_EVERY: Ms = 20;
const SWEEP_EVERY: Ms = 60_000;

export interface LinkWitness {
  readonly clock: Clock;
  readonly host: Pick<Host, 'endpointPresence'>;
  readonly leases: { hasLostSandbox(key: string, isFirstLook: boolean): boolean };
}

/**
 * True if no container has the endpoint's link any more. The kernel removes the link with its
 * network namespace. A link that is not seen in its sandbox may be removed soon.
 * @param isFirstLook its sandbox was never looked into. So it may have been removed before.
 */
export async function isAbandoned(
  { clock, host, leases }: LinkWitness,
  link: ContainerLink & { readonly leaseId: string; readonly netnsPath: string | undefined },
  isFirstLook = false,
): Promise<boolean> {
  const isGone = () => host.endpointPresence(link, link.netnsPath) === 'gone';
  if (isGone()) return true;
  if (!leases.hasLostSandbox(link.leaseId, isFirstLook)) return false;
  // A link without an end in the host is nowhere else, if it is not in its sandbox.
  if (link.hostEnd === undefined) return true;
  const by = clock.now() + DESTROYED_WITHIN;
  while (!isGone()) {
    if (clock.now() >= by) return false;
    await new Promise<void>((resolve) => void clock.at(clock.now() + LOOK_EVERY, resolve));
  }
  return true;
}

/**
 * Leaves out the links whose end in the host is there: each of these has a container. The sweep
 * must look at the others one by one. With thousands of containers nearly all are left out.
 */
export function withoutHostEnd<Link extends ContainerLink>(
  links: readonly Link[],
  host: Pick<Host, 'missingLinks'>,
): readonly Link[] {
  const missing = host.missingLinks(links.flatMap(({ hostEnd }) => hostEnd ?? []));
  return links.filter(({ hostEnd }) => hostEnd === undefined || missing.has(hostEnd));
}

/** Once a minute looks for containers that vanished. @returns a function that stops it. */
export function sweepAbandoned(deps: {
  readonly clock: Clock;
  readonly log: Logger;
  readonly looked: readonly { clearAbandoned(): Promise<void> }[];
}): () => void {
  const { clock, log, looked } = deps;
  let cancel = () => {};
  let isStopped = false;
  const schedule = (): void => {
    cancel = clock.at(clock.now() + SWEEP_EVERY, () => {
      const swept = runEach(...looked.map((all) => () => all.clearAbandoned())).catch(
        (err: unknown) => log.error({ err }, 'what has no container any more not cleared'),
      );
      void swept.then(() => {
        if (!isStopped) schedule();
      });
    });
  };
  schedule();
  return () => {
    isStopped = true;
    cancel();
  };
}

export interface ContainersSeenDeps {
  readonly host: Pick<Host, 'listSandboxAddresses'>;
  readonly log: Logger;
  /** The folder with the files of all sandboxes. */
  readonly sandboxFolder: string;
}

export class ContainersSeen {
  readonly #deps: ContainersSeenDeps;
  #isTold = false;
  /** The addresses that the last look did not find. At most all there are. */
  #missed: ReadonlySet<string> = new Set();

  constructor(deps: ContainersSeenDeps) {
    this.#deps = deps;
  }

  /**
   * @param matters true if callers act on the result. Failures are then logged once.
   * @returns undefined if a missing address would prove nothing.
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
   * Says which of these addresses are in a container, and which are gone. An address is gone if two
   * looks did not find it after it was seen. It is also gone if it had its time and was never seen,
   * while another address of the same pool was. A runtime with its own network stack shows no
   * address at all. Then nothing is known about its containers.
   */
  look(
    all: readonly AddressRecord[],
    isOld: (record: AddressRecord) => boolean,
  ): { readonly seen: readonly AddressRecord[]; readonly gone: readonly AddressRecord[] } {
    const inUse = all.length === 0 ? undefined : this.addresses(true);
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
