/**
 * After a restart (D7): the store says what was, the kernel says what is. Networks get their links back,
 * endpoints whose veth survived get their lease kept; of those whose veth is gone (the host was booted again)
 * the lease is held if its MAC will return, else given back; what belongs to nobody is cleared away.
 * Containers notice nothing. Trouble with one of them is told, and does not keep the others from being recovered.
 */
import type { Logger } from '../logger.ts';
import type { BridgeAccess } from './bridge-access.ts';
import type { Addresses } from './addresses.ts';
import type { Endpoints } from './endpoints.ts';
import type { HeldLeases } from './held-leases.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import { rulesBeforeJoin, rulesFor } from './port-guard.ts';
import type { Registry } from './registry.ts';

export interface RecoverDeps {
  readonly registry: Registry;
  readonly networks: Networks;
  readonly endpoints: Endpoints;
  readonly addresses: Addresses;
  readonly held: HeldLeases;
  readonly access: BridgeAccess;
  readonly host: Host;
  readonly log: Logger;
  /** All that was stored could be read; if not, a link may belong to what could not. */
  readonly isComplete: boolean;
}

export async function recover(deps: RecoverDeps): Promise<void> {
  const { registry, networks, endpoints, addresses, held, host, log, isComplete } = deps;
  for (const network of registry.networks()) {
    try {
      await networks.restore(network);
    } catch (error) {
      // The next start of a container tries again and fails with this reason if it is still true.
      log.error({ network: network.id.slice(0, 12), err: error }, 'network links not restored');
    }
  }

  try {
    for (const link of await host.removeUnfinishedLinks())
      log.info({ link }, 'unfinished link removed');
  } catch (err) {
    log.error({ err }, 'unfinished links not removed');
  }
  const links = new Map(
    (await host.listEndpointLinks()).map((link) => [link.hostEnd, link.containerEndHere]),
  );
  const counts = { networks: registry.networks().length, resumed: 0, cleared: 0 };
  for (const record of registry.endpoints()) {
    const containerEndHere = links.get(record.hostEnd);
    links.delete(record.hostEnd);
    if (registry.findNetwork(record.networkId) === undefined && !isComplete) {
      // Its network is among what could not be read: a container may be using it.
      log.error(
        { endpoint: record.id.slice(0, 12) },
        'endpoint of an unreadable network left alone',
      );
      continue;
    }
    try {
      if (containerEndHere === undefined || registry.findNetwork(record.networkId) === undefined) {
        await endpoints.clear(record);
        counts.cleared += 1;
      } else {
        endpoints.resume(record, containerEndHere);
        counts.resumed += 1;
      }
    } catch (err) {
      log.error({ endpoint: record.id.slice(0, 12), err }, 'endpoint not recovered');
    }
  }
  await guardAll(deps);
  await addresses.recover({ isComplete });
  await held.recover({ isComplete });
  for (const [link, containerEndHere] of links) {
    if (!containerEndHere) {
      log.error({ link }, 'a container uses a link that is not in the state; left alone');
      continue;
    }
    if (!isComplete) continue;
    try {
      await host.removeEndpointLink(link); // made, and cut short before it was written down
      counts.cleared += 1;
    } catch (err) {
      log.error({ link, err }, 'link of nobody not removed');
    }
  }
  if (isComplete) await removeOrphans(deps);
  log.info({ ...counts, held: registry.held().length }, 'state recovered');
}

/** Ports of before: made by a version without guards, or with their filter flushed while we were away. */
async function guardAll({ registry, host, log }: RecoverDeps): Promise<void> {
  const ports = registry.endpoints().flatMap((endpoint) => {
    const network = registry.findNetwork(endpoint.networkId);
    if (network === undefined) return [];
    const isJoined = endpoint.sandboxKey !== undefined;
    const rules = (isJoined ? rulesFor : rulesBeforeJoin)(network, endpoint);
    return [{ hostEnd: endpoint.hostEnd, rules }];
  });
  for (const warning of await host.guardEndpoints(ports)) log.warn({}, warning);
}

/** Bridges and VLAN links that a crash left between making them and writing them down, or the other way round. */
async function removeOrphans({ registry, access, host, log }: RecoverDeps): Promise<void> {
  const known = registry
    .networks()
    .flatMap(({ options, vlanLink }) => [options.bridge, vlanLink ?? options.parent]);
  try {
    for (const link of await host.removeOrphanLinks(known)) {
      log.info({ link }, 'link of nobody removed');
      await access.revoke(link);
    }
  } catch (err) {
    log.error({ err }, 'links of nobody not removed');
  }
}
