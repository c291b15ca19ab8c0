/**
 * Finds two containers with one MAC, or with one client-id of a name. The server would give both
 * the same lease. A container that restarts with its daemon must not be refused because of its
 * earlier endpoint.
 */
import type { Clock } from '../clock.ts';
import { PluginError } from '../vocabulary/errors.ts';
import { netnsPathOf } from './endpoint-places.ts';
import type { Host } from '../host.ts';
import { macIsWorn } from '../leases/mac-claims.ts';
import type { EndpointRecord } from '../state/lease-records.ts';
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

  /**
   * The same for a client-id that is made of a name (`client_id`).
   * @throws PluginError INVALID_OPTION if a container uses it.
   */
  async clearNamesake(segment: string, clientId: string): Promise<void> {
    const { registry } = this.#deps;
    const all = registry.leasesFound.byClientId
      .find(clientId)
      .flatMap(({ id }) => registry.findEndpointOf(id) ?? []);
    const twin = this.#on(segment, all);
    if (twin === undefined) return;
    if (await this.#isInUse(twin)) throw clientIdIsUsed(clientId, twin);
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

/** @param clientId type 0 and a text. */
function clientIdIsUsed(clientId: string, { id, lease }: EndpointRecord): PluginError {
  const text = Buffer.from(clientId.slice(2), 'hex').toString('latin1');
  return new PluginError(
    'INVALID_OPTION',
    `client_id of the network makes ${JSON.stringify(text)} of this container's name, and the container of endpoint ${id.slice(0, 12)} (${lease?.address ?? 'without an address'}) has that identifier; give one of the two another name`,
  );
}
