/** What a start does for the host's own access to containers. */
import type { Logger } from '../logger.ts';
import { isOfHost } from '../state/lease-records.ts';
import type { Registry } from '../state/registry.ts';
import { runEach } from '../undo.ts';
import type { HostAccess } from './host-access.ts';

interface Recovery {
  readonly registry: Registry;
  readonly hostAccess: HostAccess;
  readonly log: Logger;
}

/** The start removes the networks itself. */
const nothingElse = (): Promise<void> => Promise.resolve();

/** Comes before networks that are half made or half removed are removed. */
export async function removeUnfinishedHostAccess({
  registry,
  hostAccess,
}: Omit<Recovery, 'log'>): Promise<void> {
  const unfinished = registry.networks().filter((one) => one.isUnfinished === true);
  await runEach(...unfinished.map((one) => () => hostAccess.remove(one.id, nothingElse)));
}

/** Each network has its link of the host and a client for its lease again. */
export async function recoverHostAccess(
  { registry, hostAccess, log }: Recovery,
  { isComplete }: { readonly isComplete: boolean },
): Promise<void> {
  const lost = registry
    .leases()
    .filter(isOfHost)
    .filter(({ scopeId }) => registry.findNetwork(scopeId) === undefined);
  if (!isComplete && lost.length > 0) {
    log.error({ leases: lost.length }, "the host's lease on an unreadable network left alone");
  }
  const networks = registry
    .networks()
    .filter(({ options, isUnfinished }) => options.hostAccess && isUnfinished !== true);
  await runEach(
    ...(isComplete ? lost : []).map((one) => () => hostAccess.remove(one.scopeId, nothingElse)),
    ...networks.map((one) => () => hostAccess.resume(one.id)),
  );
}
