/**
 * Finds two containers with one MAC. The server would give both the same lease. A container that
 * restarts with its daemon must not be refused because of its earlier endpoint.
 */
import type { Clock } from '../clock.ts';
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

  #find(segment: string, mac: Mac): EndpointRecord | undefined {
    const { registry } = this.#deps;
    return registry
      .endpointsWithMac(mac)
      .find(({ networkId }) => registry.findScope(networkId)?.segment === segment);
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
