/**
 * MACs of endpoints and addresses that are being made. A second container under one of them would get the same lease,
 * also on another network of the segment. What is made already is in the registry: `endpoints/mac-twins.ts`.
 */
import { PluginError } from '../vocabulary/errors.ts';
import type { Mac } from '../wire/address.ts';

export class MacClaims {
  /** By the id of who makes it. Bounded by the calls in flight. */
  readonly #making = new Map<string, { readonly segment: string; readonly mac: Mac }>();

  /** Takes the MAC until `made`. @throws PluginError INVALID_OPTION if another container is starting with it. */
  take(key: string, segment: string, mac: Mac): void {
    for (const [id, other] of this.#making) {
      if (other.mac === mac && other.segment === segment) throw macIsWorn(mac, id, 'starting');
    }
    this.#making.set(key, { segment, mac });
  }

  /** It is in the registry now, or it failed. */
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
