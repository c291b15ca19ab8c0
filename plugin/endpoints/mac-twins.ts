/**
 * Finds two containers with one MAC, or with one client-id of a name. The server would give both
 * the same lease. A container that restarts with its daemon must not be refused because of its
 * earlier endpoint.
 */
import type { Clock } from '../clock.ts';
import { netnsPathOf } from './endpoint-places.ts';
import type { Host } from '../host.ts';
import { clientIdIsUsed, macIsWorn, type MacClaims } from '../leases/mac-claims.ts';
import type { AddressRecord, EndpointRecord, LeaseRecord } from '../state/lease-records.ts';
import type { Registry } from '../state/registry.ts';
import { addressShown } from '../state/stored-ipv6.ts';
import type { Ms } from '../vocabulary/time.ts';
import type { Mac } from '../wire/address.ts';

/**
 * Join follows CreateEndpoint within a second or two. Then the link is moved. dockerd needs as long
 * to come back.
 */
const MOVED_WITHIN: Ms = 5_000;

export interface MacTwinsDeps {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly host: Pick<Host, 'endpointPresence'>;
  readonly macClaims: MacClaims;
  readonly sandboxPath: (sandboxKey: string) => string;
  /** True if no container has the link of this joined endpoint any more. */
  readonly isGone: (record: EndpointRecord) => Promise<boolean>;
  readonly clear: (record: EndpointRecord) => Promise<void>;
}

export class MacTwins {
  readonly #deps: MacTwinsDeps;

  constructor(deps: MacTwinsDeps) {
    this.#deps = deps;
  }

  /**
   * Takes the MAC for an endpoint that is made without an address from our IPAM, until the claims
   * are told that it is made.
   * @throws PluginError INVALID_OPTION if another container has the MAC, or is starting with it.
   */
  async takeMac(endpointId: string, segment: string, mac: Mac): Promise<void> {
    const { macClaims, registry } = this.#deps;
    macClaims.take(endpointId, segment, mac);
    const other = this.#addressOn(segment, registry.leasesFound.byMac.find(mac));
    if (other !== undefined && other.isMacShared !== true) throw macIsWorn(mac, undefined, other.address); // prettier-ignore
    await this.clear(segment, mac);
  }

  /**
   * The same for a client-id that is made of a name (`client_id`).
   * @throws PluginError INVALID_OPTION.
   */
  async takeClientId(endpointId: string, segment: string, clientId: string): Promise<void> {
    const { macClaims, registry } = this.#deps;
    macClaims.takeClientId(endpointId, segment, clientId);
    const other = this.#addressOn(segment, registry.leasesFound.byClientId.find(clientId));
    if (other !== undefined) throw clientIdIsUsed(clientId, `that has ${other.address}`);
    await this.#clearNamesake(segment, clientId);
  }

  /** The address of a container whose network is another driver's, or whose start goes on. */
  #addressOn(segment: string, leases: readonly LeaseRecord[]): AddressRecord | undefined {
    const { registry } = this.#deps;
    return leases
      .flatMap(({ id }) => registry.findAddress(id) ?? [])
      .find(({ scopeId }) => registry.findScope(scopeId)?.segment === segment);
  }

  /**
   * Removes an endpoint that has the MAC and that no container uses.
   * @throws PluginError INVALID_OPTION if a container uses it.
   */
  async clear(segment: string, mac: Mac): Promise<void> {
    const twin = this.#find(segment, mac);
    if (twin === undefined) return;
    if (await this.#isInUse(twin)) {
      throw macIsWorn(mac, twin.id, addressShown(twin) ?? 'without an address');
    }
    await this.#deps.clear(twin);
  }

  async #clearNamesake(segment: string, clientId: string): Promise<void> {
    const { registry } = this.#deps;
    const all = registry.leasesFound.byClientId
      .find(clientId)
      .flatMap(({ id }) => registry.findEndpointOf(id) ?? []);
    const twin = this.#on(segment, all);
    if (twin === undefined) return;
    if (await this.#isInUse(twin)) {
      const address = twin.lease?.address ?? 'without an address';
      throw clientIdIsUsed(clientId, `of endpoint ${twin.id.slice(0, 12)} (${address})`);
    }
    await this.#deps.clear(twin);
  }

  #find(segment: string, mac: Mac): EndpointRecord | undefined {
    return this.#on(segment, this.#deps.registry.endpointsWithMac(mac));
  }

  #on(segment: string, endpoints: readonly EndpointRecord[]): EndpointRecord | undefined {
    const { registry } = this.#deps;
    return endpoints.find(({ networkId }) => registry.findScope(networkId)?.segment === segment);
  }

  async #isInUse(twin: EndpointRecord): Promise<boolean> {
    const { registry, host, clock, isGone } = this.#deps;
    const presence = host.endpointPresence(twin, netnsPathOf(this.#deps, twin));
    if (presence === 'gone' || twin.hasLeft === true) return false;
    // A link that is not here is in a container, even if its Join was missed.
    if (presence === 'away') {
      return twin.sandboxKey === undefined || !(await isGone(twin));
    }
    // The link is being moved into a container. Or nobody needs it, because its answer or its Leave
    // was lost. The time decides.
    const age = Math.abs(clock.wall() - (twin.joinedAt ?? twin.createdAt));
    if (age >= MOVED_WITHIN) return false;
    const dueAt = clock.now() + MOVED_WITHIN - age;
    await new Promise<void>((resolve) => void clock.at(dueAt, resolve));
    const later = registry.findEndpoint(twin.id);
    return later !== undefined && this.#isInUse(later);
  }
}
