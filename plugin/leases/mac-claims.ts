/**
 * The MACs of endpoints and addresses that are being made. A second container with one of them
 * would get the same lease, also on another network of the segment. The registry has those that are
 * made already: see `endpoints/mac-twins.ts`.
 */
import { PluginError } from '../vocabulary/errors.ts';
import type { Mac } from '../wire/address.ts';

export class MacClaims {
  /** By the id of the endpoint or address. Its size is limited by the number of running calls. */
  readonly #making = new Map<string, { readonly segment: string; readonly mac: Mac }>();

  /**
   * Takes the MAC until `made`.
   * @throws PluginError INVALID_OPTION if another container is starting with it.
   */
  take(key: string, segment: string, mac: Mac): void {
    for (const [id, other] of this.#making) {
      if (other.mac === mac && other.segment === segment) throw macIsWorn(mac, id, 'starting');
    }
    this.#making.set(key, { segment, mac });
  }

  /** The endpoint or address is in the registry now, or making it failed. */
  made(key: string): void {
    this.#making.delete(key);
  }
}

export function macIsWorn(mac: Mac, endpointId: string, state: string): PluginError {
  return new PluginError(
    'INVALID_OPTION',
    `MAC ${mac} is worn by another container on this segment (endpoint ${endpointId.slice(0, 12)}, ${state}); give each its own id or --mac-address`,
  );
}
