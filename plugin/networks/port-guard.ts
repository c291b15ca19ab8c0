/** What a container's port is kept from (D12): what its network and its own options say, for the lease it has now. */
import type { Logger } from '../logger.ts';
import type { PortRules } from '../port-rules.ts';
import type { Host } from '../host.ts';
import type { EndpointRecord, NetworkRecord } from '../state/records.ts';

type Draft = Pick<EndpointRecord, 'mac' | 'guard'>;

/** Until Join the lease is asked for over the port itself; afterwards the bridge speaks for the container. */
export function rulesBeforeJoin(network: NetworkRecord, draft: Draft): PortRules {
  return { ...rulesWith(network, draft), leases: true };
}

/** While the container is brought from one address to another it may send from both. */
export function rulesFor(network: NetworkRecord, endpoint: EndpointRecord): PortRules {
  const { lease, terms } = endpoint;
  const addresses = [lease?.address, terms.configured?.address];
  return {
    ...rulesWith(network, endpoint),
    addresses: [...new Set(addresses.filter((address) => address !== undefined))],
  };
}

/** Puts the rules for its lease in force. Trouble is a line in the log: the container goes on. */
export async function guardPort(
  { host, log }: { readonly host: Pick<Host, 'guardEndpoints'>; readonly log: Logger },
  network: NetworkRecord,
  endpoint: EndpointRecord,
): Promise<void> {
  const { id, hostEnd } = endpoint;
  const warnings = await host.guardEndpoints([{ hostEnd, rules: rulesFor(network, endpoint) }]);
  for (const warning of warnings) log.warn({ endpoint: id.slice(0, 12), link: hostEnd }, warning);
}

function rulesWith({ options }: NetworkRecord, { mac, guard }: Draft): PortRules {
  return {
    mode: guard ?? options.guard,
    mac,
    addresses: [],
    leases: false,
    noServer: options.dhcpServers.length > 0,
  };
}
