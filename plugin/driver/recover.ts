/**
 * Recovers after a restart (D7). The store says what was, the kernel says what is. Networks get
 * their links back. Endpoints whose veth survived keep their lease. If the veth is gone, the host
 * was booted. The lease is then held if its MAC will return, else given back. What belongs to
 * nobody is removed. Containers notice nothing. A failure of one of them is logged, and does not
 * stop the others.
 */
import { setImmediate } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { Ms } from '../vocabulary/time.ts';
import type { BridgeAccess } from '../networks/bridge-access.ts';
import type { Addresses } from '../leases/addresses.ts';
import type { Endpoints } from '../endpoints/endpoints.ts';
import type { HostAccess } from '../hostaccess/host-access.ts';
import {
  recoverHostAccess,
  removeUnfinishedHostAccess,
} from '../hostaccess/recover-host-access.ts';
import type { HeldLeases } from '../leases/held-leases.ts';
import type { Host } from '../host.ts';
import type { Networks } from '../networks/networks.ts';
import { hostLinkName, linkEnds } from '../options/endpoint-identity.ts';
import type { Registry } from '../state/registry.ts';
import type { Wiring } from '../networks/wiring/wiring.ts';
import type { EndpointRecord } from '../state/lease-records.ts';
import { attachmentOf, linksOf } from '../state/attachments/attachments.ts';
import { ownEnd } from '../vocabulary/attachment.ts';
import { renewalDueAt } from '../state/stored-ipv6.ts';

export interface RecoverDeps {
  readonly registry: Registry;
  readonly networks: Networks;
  readonly endpoints: Endpoints;
  readonly addresses: Addresses;
  readonly held: HeldLeases;
  readonly hostAccess: HostAccess;
  readonly access: BridgeAccess;
  readonly wiring: Wiring;
  readonly host: Host;
  /** @param key a sandbox's file as dockerd names it. */
  readonly sandboxPath: (key: string) => string;
  readonly clock: Clock;
  readonly log: Logger;
  /** True if all records could be read. Else a link may belong to one that could not. */
  readonly isComplete: boolean;
}

/** The host may have no processes or descriptors left while everything starts. */
const TRIED_AGAIN_AFTER: Ms = 500;
const TRIED_AGAIN_AFTER_AT_MOST: Ms = 30_000;

const NETWORK_LOST =
  "a container uses a link of a network whose state file is missing; the link stays and its lease is not renewed: put the file back and restart the plugin, or remove the network's containers and the network, then create both again";

const LINK_OF_ANOTHER =
  'endpoint left alone: its state file names the link of another endpoint; remove that file and restart the plugin';

/** Both promises never reject. */
export interface Recovery {
  /**
   * Calls of Docker may come. Links exist, what is gone is removed, and every lease has its holder.
   */
  readonly ready: Promise<void>;
  /** Each lease of a living container has its client again. */
  readonly done: Promise<void>;
}

/** After this time, calls of Docker get a turn. */
const BUSY_AT_MOST: Ms = 10;

export function recover(deps: RecoverDeps): Recovery {
  const prepared = prepare(deps);
  return { ready: prepared.then(() => undefined), done: prepared.then(resumeAll) };

  async function resumeAll({ living, cleared }: Prepared): Promise<void> {
    const { registry, endpoints, wiring, clock, log } = deps;
    const counts = { networks: registry.networks().length, resumed: 0, cleared };
    let breathedAt = clock.now();
    for (const id of inOrderOfDue(living, deps)) {
      try {
        if (await endpoints.takeUp(id)) counts.resumed += 1;
      } catch (err) {
        log.error({ endpoint: id.slice(0, 12), err }, 'endpoint not recovered');
      }
      if (clock.now() - breathedAt < BUSY_AT_MOST) continue;
      await setImmediate();
      breathedAt = clock.now();
    }
    await wiring.start();
    await endpoints.ports.guardAll();
    log.info({ ...counts, held: registry.held().length }, 'state recovered');
  }
}

interface Prepared {
  /** Endpoints with a living container. They must be resumed. */
  readonly living: readonly string[];
  readonly cleared: number;
}

async function prepare(deps: RecoverDeps): Promise<Prepared> {
  const { registry, networks, endpoints, addresses, held, host, log, isComplete } = deps;
  await removeUnfinishedHostAccess(deps).catch((err: unknown) =>
    log.error({ err }, "the host's link to a network not removed"),
  );
  await networks
    .removeUnfinished()
    .catch((err: unknown) => log.error({ err }, 'network that was being removed not removed'));
  const bridges = registry
    .networks()
    .map((network) => attachmentOf(network).firewalledBridge(network))
    .filter((bridge) => bridge !== undefined);
  await deps.access.ensureAllGranted(bridges.filter((bridge) => host.linkExists(bridge)));
  for (const network of registry.networks()) {
    try {
      await networks.restore(network);
    } catch (error) {
      // The next start of a container tries again. It fails with this reason if it is still true.
      log.error({ network: network.id.slice(0, 12), err: error }, 'network links not restored');
    }
  }

  try {
    for (const link of await host.removeUnfinishedLinks())
      log.info({ link }, 'unfinished link removed');
  } catch (err) {
    log.error({ err }, 'unfinished links not removed');
  }
  const links = await endpointLinks(deps);
  const unclaimed = new Map(links);
  const isHere = (record: EndpointRecord) =>
    links.get(ownEnd(record)) ?? (awayInSandbox(record, deps) ? false : undefined);
  const living: string[] = [];
  let cleared = 0;
  for (const record of registry.endpoints()) {
    const containerEndHere = isHere(record);
    unclaimed.delete(ownEnd(record));
    const hasNetwork = registry.findNetwork(record.networkId) !== undefined;
    const fields = { endpoint: record.id.slice(0, 12) };
    if (isOfAnother(record, registry.endpoints())) {
      log.error({ ...fields, link: ownEnd(record) }, LINK_OF_ANOTHER);
    } else if (!hasNetwork && !isComplete) {
      // The record of its network could not be read. A container may use it.
      log.error(fields, 'endpoint of an unreadable network left alone');
    } else if (!hasNetwork && containerEndHere === false) {
      const file = `networks/${record.networkId}.json`;
      log.error({ ...fields, link: ownEnd(record), file }, NETWORK_LOST);
    } else if (containerEndHere === undefined || !hasNetwork) {
      try {
        await endpoints.clear(record);
        cleared += 1;
      } catch (err) {
        log.error({ ...fields, err }, 'endpoint not recovered');
      }
    } else {
      living.push(record.id);
      endpoints.toTakeUp(record.id);
    }
  }
  const hostAccess = { recover: (how: { isComplete: boolean }) => recoverHostAccess(deps, how) };
  for (const [what, others] of Object.entries({ addresses, held, hostAccess })) {
    await others
      .recover({ isComplete })
      .catch((err: unknown) => log.error({ what, err }, 'not all of the state recovered'));
  }
  for (const [link, containerEndHere] of unclaimed) {
    if (!containerEndHere) {
      log.error({ link }, 'a container uses a link that is not in the state; left alone');
      continue;
    }
    if (!isComplete) continue;
    try {
      // made, but not stored before the crash
      await host.removeEndpointLink(link);
      cleared += 1;
    } catch (err) {
      log.error({ link, err }, 'link of nobody not removed');
    }
  }
  if (isComplete) await removeOrphans(deps);
  return { living, cleared };
}

/** Sorts by due time. A lease that must be requested anew is due now. */
function inOrderOfDue(ids: readonly string[], { registry, clock }: RecoverDeps): string[] {
  const dueAt = new Map(
    ids.map((id) => {
      const record = registry.findEndpoint(id);
      return [id, record === undefined ? -Infinity : renewalDueAt(record, clock)];
    }),
  );
  return [...ids].sort((one, other) => dueAt.get(one)! - dueAt.get(other)!);
}

/**
 * True if the link is named after another endpoint. Resuming or clearing this one would take link
 * and lease from that one's container.
 */
function isOfAnother(record: EndpointRecord, all: readonly EndpointRecord[]): boolean {
  const { id, containerEnd } = record;
  if (containerEnd === linkEnds(id).containerEnd) return false;
  return all.some((other) => other.id !== id && other.containerEnd === containerEnd);
}

/** A link without an end in the host is in its sandbox, as far as can be seen from the host. */
function awayInSandbox(record: EndpointRecord, { host, sandboxPath }: RecoverDeps): boolean {
  const { hostEnd, sandboxKey } = record;
  if (hostEnd !== undefined || sandboxKey === undefined) return false;
  return host.endpointPresence(record, sandboxPath(sandboxKey)) === 'away';
}

/** Asks the kernel until it says which links exist. Without this nothing can be decided. */
async function endpointLinks({ host, clock, log }: RecoverDeps): Promise<Map<string, boolean>> {
  for (let wait = TRIED_AGAIN_AFTER; ; wait = Math.min(2 * wait, TRIED_AGAIN_AFTER_AT_MOST)) {
    try {
      const links = await host.listEndpointLinks();
      return new Map(links.map((link) => [link.end, link.containerEndHere]));
    } catch (err) {
      log.error({ err }, 'links of containers cannot be listed yet; calls of Docker wait for it');
    }
    await new Promise<void>((resolve) => void clock.at(clock.now() + wait, resolve));
  }
}

/**
 * Removes bridges and VLAN links of a crash between making them and storing them, or between
 * removing both.
 */
async function removeOrphans({ registry, access, host, log }: RecoverDeps): Promise<void> {
  const known = registry
    .networks()
    .flatMap((network) => [
      ...[network.options.parent, hostLinkName(network.id)],
      ...linksOf(network),
    ]);
  try {
    for (const link of await host.removeOrphanLinks(known)) {
      log.info({ link }, 'link of nobody removed');
      await access.revoke(link);
    }
  } catch (err) {
    log.error({ err }, 'links of nobody not removed');
  }
}
