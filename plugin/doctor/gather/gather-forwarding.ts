/** Gathers what may drop frames between the ports of the bridges of networks. */
import type { Host } from '../../host.ts';
import { attachmentOf } from '../../state/attachments/attachments.ts';
import type { NetworkRecord } from '../../state/records.ts';
import type { Registry } from '../../state/registry.ts';
import type { BridgeFact, ForwardingFacts } from '../forwarding.ts';
import type { Sights } from './sights.ts';

/** Stands for the port of a container, on a network without containers. */
const ANY_PORT = 'vdh0';

export interface ForwardingSources {
  readonly registry: Pick<Registry, 'endpoints'>;
  readonly host: Pick<Host, 'readLinks'>;
  readonly sights: Pick<Sights, 'forwarding'>;
}

export async function gatherForwarding(
  networks: readonly NetworkRecord[],
  { registry, host, sights }: ForwardingSources,
): Promise<ForwardingFacts> {
  const links = await host.readLinks().catch(() => []);
  const indexes = new Map(links.map(({ name, index }) => [name, index]));
  const bridges = new Map<string, BridgeFact>();
  for (const network of networks) {
    const { options, vlanLink, id } = network;
    const name = attachmentOf(network).bridgeOfPorts(network);
    if (name === undefined) continue;
    const port = registry.endpoints().find(({ networkId }) => networkId === id)?.hostEnd;
    const uplink = options.uplink ?? vlanLink ?? options.parent;
    const before = bridges.get(name)?.families ?? [];
    const families = (['IPv4', 'IPv6'] as const).filter(
      (family) =>
        before.includes(family) || (family === 'IPv4' ? options.ipv4 : options.ipv6 !== undefined),
    );
    bridges.set(name, { name, ports: [uplink, port ?? ANY_PORT], families, indexes });
  }
  return { bridges: [...bridges.values()], forwarding: await readOrSay(sights.forwarding) };
}

async function readOrSay(read: Sights['forwarding']): Promise<ForwardingFacts['forwarding']> {
  try {
    return await read();
  } catch (error) {
    return error instanceof Error ? error.message : 'unknown';
  }
}
