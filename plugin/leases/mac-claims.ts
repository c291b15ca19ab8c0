/**
 * Two containers under one MAC: the server would give both one lease, also from two networks on one segment.
 * A container that restarts with its daemon must not be refused because of what it was before.
 */
import type { Clock } from '../clock.ts';
import { PluginError } from '../vocabulary/errors.ts';
import type { Ms } from '../vocabulary/time.ts';
import type { Mac } from '../wire/address.ts';
import type { Registry } from '../state/registry.ts';
import type { EndpointRecord } from '../state/lease-records.ts';

/** Join follows CreateEndpoint, and the link's move that, within a second or two; so long dockerd needs to come back. */
const MOVED_WITHIN: Ms = 5_000;

export interface MacClaimsDeps {
  readonly registry: Registry;
  readonly clock: Clock;
  readonly host: { linkExists(name: string): boolean };
  /** No container has the link of this joined endpoint any more. */
  readonly isGone: (record: EndpointRecord) => Promise<boolean>;
  readonly clear: (record: EndpointRecord) => Promise<void>;
}

export class MacClaims {
  readonly #deps: MacClaimsDeps;
  /** Endpoints and addresses in the making, by their ids; bounded by the calls in flight. */
  readonly #making = new Map<string, { readonly segment: string; readonly mac: Mac }>();

  constructor(deps: MacClaimsDeps) {
    this.#deps = deps;
  }

  /**
   * Takes the MAC for an endpoint or an address in the making, until `made`. A twin that nobody uses is cleared away.
   * @throws PluginError INVALID_OPTION if another container wears it.
   */
  async take(key: string, segment: string, mac: Mac): Promise<void> {
    for (const [id, other] of this.#making) {
      if (other.mac === mac && other.segment === segment) throw refusal(mac, id, 'starting');
    }
    this.#making.set(key, { segment, mac });
    const twin = this.#find(segment, mac);
    if (twin === undefined) return;
    if (await this.#isInUse(twin)) {
      throw refusal(mac, twin.id, twin.lease?.address ?? 'without an address');
    }
    await this.#deps.clear(twin);
  }

  /** It is in the registry now, or it failed. */
  made(key: string): void {
    this.#making.delete(key);
  }

  #find(segment: string, mac: Mac): EndpointRecord | undefined {
    const { registry } = this.#deps;
    return registry
      .endpoints()
      .filter((endpoint) => endpoint.mac === mac)
      .find(({ networkId }) => registry.findScope(networkId)?.segment === segment);
  }

  async #isInUse(twin: EndpointRecord): Promise<boolean> {
    const { registry, host, clock, isGone } = this.#deps;
    if (!host.linkExists(twin.hostEnd) || twin.hasLeft === true) return false;
    // A link that is not here is in a container, also if its Join was missed.
    if (!host.linkExists(twin.containerEnd)) {
      return twin.sandboxKey === undefined || !(await isGone(twin));
    }
    // On its way into a container, or nobody's: its answer was lost, or its Leave. Time tells.
    const age = Math.abs(clock.wall() - (twin.joinedAt ?? twin.createdAt));
    if (age >= MOVED_WITHIN) return false;
    const dueAt = clock.now() + MOVED_WITHIN - age;
    await new Promise<void>((resolve) => void clock.at(dueAt, resolve));
    const later = registry.findEndpoint(twin.id);
    return later !== undefined && this.#isInUse(later);
  }
}

function refusal(mac: Mac, endpointId: string, state: string): PluginError {
  return new PluginError(
    'INVALID_OPTION',
    `MAC ${mac} is worn by another container on this segment (endpoint ${endpointId.slice(0, 12)}, ${state}); give each its own id or --mac-address`,
  );
}
