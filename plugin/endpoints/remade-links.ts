/**
 * Makes links of running containers again that went with the link below them: macvlan and ipvlan
 * links whose parent or VLAN link was removed and came back. The container is not restarted. It
 * gets a link of the same name and MAC, and then what its lease says.
 */
import type { Clock } from '../clock.ts';
import type { Host } from '../host.ts';
import type { KeyedLock } from '../keyed-lock.ts';
import type { Logger } from '../logger.ts';
import { LinkTries } from '../networks/link-tries.ts';
import { rulesFor } from '../networks/port-guard.ts';
import { attachmentOf } from '../state/attachments/attachments.ts';
import { endpointContext, type EndpointRecord } from '../state/lease-records.ts';
import type { Registry } from '../state/registry.ts';
import type { StoredIpv6 } from '../state/stored-ipv6.ts';
import type { NetworkRecord } from '../state/records.ts';
import type { Connection } from '../vocabulary/attachment.ts';
import type { Mac } from '../wire/address.ts';

export interface RemadeLinksDeps {
  readonly registry: Registry;
  readonly host: Pick<Host, 'isInSandbox' | 'remakeEndpointLink' | 'endpointPresence' | 'linkMac'>;
  readonly clock: Clock;
  readonly log: Logger;
  readonly lock: KeyedLock;
  readonly sandboxPath: (sandboxKey: string) => string;
  readonly remember: (record: EndpointRecord) => Promise<void>;
  /** The link is there. The container is to get what its lease says. */
  readonly made: (endpointId: string) => void;
  /** The container has another MAC now. Its client is to go on with that MAC. */
  readonly macChanged: (record: EndpointRecord, network: NetworkRecord) => void;
}

export class RemadeLinks {
  readonly #deps: RemadeLinksDeps;
  /** By endpoint. */
  readonly #tries: LinkTries;
  #isNameTold = false;

  constructor(deps: RemadeLinksDeps) {
    this.#deps = deps;
    this.#tries = new LinkTries(deps.clock);
  }

  /** The link below a network's containers, or its MAC, is another than before. Never throws. */
  async linkBelowIsNew(networkId: string): Promise<void> {
    const { registry } = this.#deps;
    for (const endpoint of registry.endpoints()) {
      if (this.#tries.isClosed) return;
      if (endpoint.networkId === networkId && endpoint.hostEnd === undefined) {
        await this.#try(endpoint.id);
      }
    }
  }

  /** Remembers the name of a link that may have to be made again. */
  nameSeen(endpoint: EndpointRecord, interfaceName: string): void {
    const { id, hostEnd, ifName } = endpoint;
    if (ifName !== undefined && ifName !== interfaceName) this.#tellName(endpoint, interfaceName);
    if (hostEnd !== undefined) return;
    const { registry, lock, remember } = this.#deps;
    void lock.run(id, async () => {
      const record = registry.findEndpoint(id);
      if (record === undefined || record.interfaceName === interfaceName) return;
      await remember({ ...record, interfaceName });
    });
  }

  /** Once: it is the engine's, and the same for all containers. */
  #tellName(endpoint: EndpointRecord, name: string): void {
    if (this.#isNameTold) return;
    this.#isNameTold = true;
    this.#deps.log.warn(
      { ...endpointContext(endpoint), wanted: endpoint.ifName, name },
      OTHER_NAME,
    );
  }

  close(): void {
    this.#tries.close();
  }

  async #try(endpointId: string): Promise<void> {
    const { lock, log } = this.#deps;
    this.#tries.cancel(endpointId);
    try {
      await lock.run(endpointId, () => this.#make(endpointId));
    } catch (err) {
      log.error({ endpoint: endpointId.slice(0, 12), err }, NOT_MADE);
      this.#tries.later(endpointId, () => void this.#try(endpointId));
    }
  }

  async #make(endpointId: string): Promise<void> {
    const { registry, host, log, sandboxPath, remember, made } = this.#deps;
    const before = registry.findEndpoint(endpointId);
    const network = before && registry.findNetwork(before.networkId);
    if (this.#tries.isClosed || before?.sandboxKey === undefined || network === undefined) return;
    const netnsPath = sandboxPath(before.sandboxKey);
    if (host.endpointPresence(before, netnsPath) !== 'away') return;
    const connection = attachmentOf(network).connection(network, rulesFor(network, before));
    // Its client goes on with that MAC, whether a link is to be made or not.
    await this.#useMac(before, this.#macNow(before, connection), network);
    const record = registry.findEndpoint(endpointId);
    if (this.#tries.isClosed || record === undefined) return;
    if (host.isInSandbox({ ...record, netnsPath })) return;
    const { interfaceName: name, terms } = record;
    if (name === undefined) return; // it has just joined, and libnetwork has not finished
    const fields = { ...endpointContext(record), link: name };
    // First the record: if we are killed after the link is made, the next start configures it.
    await remember(withConfigured(record, undefined, undefined));
    const warnings = await host.remakeEndpointLink({ ...record, netnsPath, name, connection });
    if (warnings === undefined) {
      // No link was made. So the container has still what it was given.
      const now = registry.findEndpoint(endpointId);
      if (now !== undefined) {
        await remember(withConfigured(now, terms.configured, record.ipv6?.configured));
      }
      return;
    }
    for (const warning of warnings) log.warn(fields, warning);
    log.info(fields, 'link of a running container made again');
    if (!this.#tries.isClosed) made(endpointId);
  }

  /** With ipvlan a container has the MAC of the link below, whatever that is now. */
  #macNow({ mac, isMacShared }: EndpointRecord, connection: Connection): Mac {
    if (isMacShared !== true || connection.kind !== 'ipvlan') return mac;
    return this.#deps.host.linkMac(connection.lower) ?? mac;
  }

  async #useMac(record: EndpointRecord, mac: Mac, network: NetworkRecord): Promise<void> {
    if (mac === record.mac) return;
    const { remember, macChanged, log } = this.#deps;
    const next = { ...record, mac };
    await remember(next);
    log.info({ ...endpointContext(next), before: record.mac }, 'MAC of the link below has changed');
    if (!this.#tries.isClosed) macChanged(next, network);
  }
}

/** What its link has. */
function withConfigured(
  { terms, ipv6, ...record }: EndpointRecord,
  configured: EndpointRecord['terms']['configured'],
  six: StoredIpv6['configured'],
): EndpointRecord {
  const stored = ipv6 && { ...ipv6, configured: six };
  return { ...record, terms: { ...terms, configured }, ipv6: stored };
}

const NOT_MADE =
  'the link of a running container went with the link below it, and could not be made again; it is tried again; restart the container if this goes on';

const OTHER_NAME =
  'driver-opt ifname has no effect with this engine: Docker Engine 29.8 and newer apply it';
