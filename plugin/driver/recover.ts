/**
 * After a restart (D7): the store says what was, the kernel says what is. Networks get their links back,
 * endpoints whose veth survived get their lease kept, the rest is cleared away. Containers notice nothing.
 * Trouble with one of them is told, and does not keep the others from being recovered.
 */
import type { Logger } from '../logger.ts';
import type { Endpoints } from './endpoints.ts';
import type { Host } from './host.ts';
import type { Networks } from './networks.ts';
import type { Registry } from './registry.ts';

export async function recover(deps: {
  registry: Registry;
  networks: Networks;
  endpoints: Endpoints;
  host: Host;
  log: Logger;
}): Promise<void> {
  const { registry, networks, endpoints, host, log } = deps;
  for (const network of registry.networks()) {
    try {
      await networks.restore(network);
    } catch (error) {
      // The next start of a container tries again and fails with this reason if it is still true.
      log.error({ network: network.id.slice(0, 12), err: error }, 'network links not restored');
    }
  }

  const links = new Map(
    (await host.listEndpointLinks()).map((link) => [link.hostEnd, link.containerEndHere]),
  );
  const counts = { networks: registry.networks().length, resumed: 0, cleared: 0 };
  for (const record of registry.endpoints()) {
    const containerEndHere = links.get(record.hostEnd);
    links.delete(record.hostEnd);
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
  for (const [link, containerEndHere] of links) {
    if (!containerEndHere) {
      log.error({ link }, 'a container uses a link that is not in the state; left alone');
      continue;
    }
    try {
      await host.removeEndpointLink(link); // made, and cut short before it was written down
      counts.cleared += 1;
    } catch (err) {
      log.error({ link, err }, 'link of nobody not removed');
    }
  }
  log.info(counts, 'state recovered');
}
