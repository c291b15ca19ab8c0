/**
 * `dns=lease`: has the DNS queries of a running container go to the servers of its lease, and
 * follows the lease. A lease without DNS servers, and no lease, leave the queries as Docker sends
 * them.
 *
 * A container starts also where this fails. It is tried again.
 */
import type { Clock } from '../../clock.ts';
import type { Host } from '../../host.ts';
import type { KeyedLock } from '../../keyed-lock.ts';
import type { LeaseService } from '../../leasing/lease-service.ts';
import type { Logger } from '../../logger.ts';
import { SandboxTries } from '../setup/sandbox-tries.ts';
import { endpointContext, type EndpointRecord } from '../../state/lease-records.ts';
import type { Registry } from '../../state/registry.ts';
import { redirectsFor, type DnsServer } from '../../vocabulary/dns-redirect.ts';
import { isLinkLocal } from '../../wire/address6.ts';
import { DnsAsked } from './dns-asked.ts';

export interface DnsChangesDeps {
  readonly registry: Registry;
  readonly host: Pick<
    Host,
    'setSandboxDns' | 'prepareSandboxDns' | 'clearSandboxDns' | 'readHostDns'
  >;
  readonly leases: Pick<LeaseService, 'ipv6'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly lock: KeyedLock;
  readonly sandboxPath: (sandboxKey: string) => string;
}

const TROUBLE =
  'DNS queries of the container could not be sent to the servers of its lease; it is tried again';

export class DnsChanges {
  readonly asked: DnsAsked;
  readonly #deps: DnsChangesDeps;
  /** For each endpoint whose link was found in its sandbox: what its rules say. */
  readonly #entered = new Map<string, string | undefined>();
  readonly #tries: SandboxTries;

  constructor(deps: DnsChangesDeps) {
    this.#deps = deps;
    this.asked = new DnsAsked(deps);
    this.#tries = new SandboxTries(deps, TROUBLE, (id) => this.#apply(id));
  }

  /**
   * libnetwork will move the link into the sandbox. Engines from 28 on have the sandbox already,
   * and so has a container that runs. Its first query then goes where the others go.
   */
  async joined(record: EndpointRecord): Promise<void> {
    const redirects = redirectsFor(record.dnsAsked ?? [], this.#serversOf(record));
    const { sandboxKey, containerEnd } = record;
    if (redirects.length === 0 || sandboxKey === undefined) return;
    const { host, log, sandboxPath } = this.#deps;
    const netnsPath = sandboxPath(sandboxKey);
    try {
      await host.prepareSandboxDns({ netnsPath, containerEnd }, redirects);
    } catch (err) {
      log.debug({ ...endpointContext(record), err }, 'DNS rules wait for the link');
    }
  }

  /** The link was found in its sandbox. After a restart of ours its rules may be there already. */
  async entered({ id, dnsAsked }: EndpointRecord): Promise<void> {
    if (dnsAsked === undefined) return;
    this.#entered.set(id, undefined);
    await this.#tries.run(id);
  }

  /** The lease has changed, and the record with it. */
  async leaseChanged(endpointId: string): Promise<void> {
    if (this.#entered.has(endpointId)) await this.#tries.run(endpointId);
  }

  /**
   * The link leaves its sandbox. The container may go on with other networks, so its rules go.
   * Called under the lock of the endpoint.
   */
  async left(record: EndpointRecord | undefined): Promise<void> {
    if (record?.dnsAsked === undefined) return;
    const { id, sandboxKey, containerEnd } = record;
    this.#forget(id);
    if (sandboxKey === undefined) return;
    const { host, log, sandboxPath } = this.#deps;
    try {
      await host.clearSandboxDns(sandboxPath(sandboxKey), containerEnd);
    } catch (err) {
      const sentence = 'the DNS rules of dns=lease stay in the sandbox; restart the container';
      log.warn({ ...endpointContext(record), err }, sentence);
    }
  }

  close(): void {
    this.#tries.close();
  }

  /**
   * With `on_expiry=keep` the terms of the lease that ended go on. If the container is the DNS
   * server of its VLAN, it is not sent to itself: what it asks others would come back to it.
   */
  #serversOf({ leaseId, lease, lost, terms, ipv6 }: EndpointRecord): readonly DnsServer[] {
    const kept = lost?.isAddressKept === true ? terms.configured : undefined;
    const ofServer = ipv6?.lease?.dnsServers ?? [];
    const of6 =
      ofServer.length > 0 ? ofServer : (this.#deps.leases.ipv6(leaseId)?.dnsServers ?? []);
    // A rule cannot say by which link a link-local address is reached.
    const of4 = (lease ?? kept)?.dnsServers ?? [];
    const own: readonly unknown[] = [(lease ?? kept)?.address, ipv6?.address?.address];
    return [...of4, ...of6.filter((one) => !isLinkLocal(one))].filter((one) => !own.includes(one));
  }

  #forget(endpointId: string): void {
    this.#entered.delete(endpointId);
    this.#tries.forget(endpointId);
  }

  async #apply(endpointId: string): Promise<void> {
    const { registry, host, log, sandboxPath } = this.#deps;
    const record = registry.findEndpoint(endpointId);
    if (record?.sandboxKey === undefined || !this.#entered.has(endpointId)) return;
    const redirects = redirectsFor(record.dnsAsked ?? [], this.#serversOf(record));
    const rules = redirects.map(({ from, to }) => `${from} to ${to}`).join(', ');
    if (this.#entered.get(endpointId) === rules) return;
    const { hostEnd, containerEnd } = record;
    const place = { netnsPath: sandboxPath(record.sandboxKey), hostEnd, containerEnd };
    if (!(await host.setSandboxDns(place, redirects))) {
      throw new Error('its link was not found up in the sandbox');
    }
    this.#entered.set(endpointId, rules);
    log.info({ ...endpointContext(record), dns: rules }, 'DNS of the container set');
  }
}
