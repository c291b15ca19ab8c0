/**
 * Which DNS servers Docker's resolver asks for a container, as far as the sandbox sees the queries.
 * Whoever types `dns=lease` is told what else Docker needs for it.
 */
import type { Host } from '../../host.ts';
import type { Logger } from '../../logger.ts';
import type { NetworkRecord } from '../../state/records.ts';
import { isIpv6Server, type DnsServer } from '../../vocabulary/dns-redirect.ts';
import { isLinkLocal } from '../../wire/address6.ts';

const OUTDATED =
  "the host's /etc/resolv.conf was replaced since the plugin started, and the plugin does not see the new one; for dns=lease disable and enable the plugin, or create the network with -o dns_instead_of=ADDRESS";

const NONE =
  'dns=lease has no effect: the host\'s /etc/resolv.conf names no server that Docker asks from a container; write "dns": ["ADDRESS"] into /etc/docker/daemon.json, restart dockerd, and create the network with -o dns_instead_of=ADDRESS';

export class DnsAsked {
  readonly #host: Pick<Host, 'readHostDns'>;
  readonly #log: Logger;
  /** The sentences that were logged. Bounded by their number. */
  readonly #told = new Set<string>();

  constructor(deps: { readonly host: Pick<Host, 'readHostDns'>; readonly log: Logger }) {
    this.#host = deps.host;
    this.#log = deps.log;
  }

  /** @returns undefined unless the network has `dns=lease`. */
  forNetwork({ id, options }: NetworkRecord): readonly DnsServer[] | undefined {
    if (options.dns !== 'lease') return undefined;
    if (options.dnsInsteadOf.length > 0) return options.dnsInsteadOf;
    const { servers, isOutdated } = this.#host.readHostDns();
    const asked = servers.filter((server) => isAskedFrom(options, server));
    if (isOutdated) this.#tell(id, OUTDATED);
    else if (asked.length === 0) this.#tell(id, NONE);
    else this.#tell(id, needed(asked), 'info');
    return asked;
  }

  #tell(network: string, sentence: string, level: 'info' | 'warn' = 'warn'): void {
    if (this.#told.has(sentence)) return;
    this.#told.add(sentence);
    this.#log[level]({ network: network.slice(0, 12) }, sentence);
  }
}

/** Engine 28.5 asks the servers of the host's file from the host, which no container sees. */
function needed(asked: readonly DnsServer[]): string {
  const servers = asked.map((server) => `"${server}"`).join(', ');
  return `dns=lease replaces the host's DNS servers; from engine 28 on, /etc/docker/daemon.json must name them, too: "dns": [${servers}]`;
}

/** A container asks by the families that it has. Docker asks loopback addresses from the host. */
function isAskedFrom({ ipv4, ipv6 }: NetworkRecord['options'], server: DnsServer): boolean {
  if (!isIpv6Server(server)) return ipv4 && !server.startsWith('127.');
  return ipv6 !== undefined && server !== '::1' && !isLinkLocal(server);
}
