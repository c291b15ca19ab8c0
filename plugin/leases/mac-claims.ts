/**
 * The MACs of endpoints and addresses that are being made, and their client-ids that are made of
 * names. A second container with one of them would get the same lease, also on another network of
 * the segment. The registry has those that are made already: see `endpoints/mac-twins.ts`.
 */
import { PluginError } from '../vocabulary/errors.ts';
import type { Mac } from '../wire/address.ts';

interface Claim {
  readonly segment: string;
  readonly value: string;
}

export class MacClaims {
  /** By the id of the endpoint or address. The number of running calls limits both sizes. */
  readonly #macs = new Map<string, Claim>();
  readonly #clientIds = new Map<string, Claim>();

  /**
   * Takes the MAC until `made`.
   * @throws PluginError INVALID_OPTION if another container is starting with it.
   */
  take(key: string, segment: string, mac: Mac): void {
    const other = otherWith(this.#macs, segment, mac);
    if (other !== undefined) throw macIsWorn(mac, other, 'starting');
    this.#macs.set(key, { segment, value: mac });
  }

  /**
   * Takes a client-id that is made of a name until `made`.
   * @throws PluginError INVALID_OPTION if another container is starting with it.
   */
  takeClientId(key: string, segment: string, clientId: string): void {
    if (otherWith(this.#clientIds, segment, clientId) !== undefined) {
      throw clientIdIsUsed(clientId, 'that is starting');
    }
    this.#clientIds.set(key, { segment, value: clientId });
  }

  /** The endpoint or address is in the registry now, or making it failed. */
  made(key: string): void {
    this.#macs.delete(key);
    this.#clientIds.delete(key);
  }
}

/** @returns the id of who has it. */
function otherWith(
  claims: ReadonlyMap<string, Claim>,
  segment: string,
  value: string,
): string | undefined {
  return [...claims].find(([, one]) => one.value === value && one.segment === segment)?.[0];
}

/** @param endpointId undefined if no endpoint of ours has it. */
export function macIsWorn(mac: Mac, endpointId: string | undefined, state: string): PluginError {
  const who = endpointId === undefined ? '' : `endpoint ${endpointId.slice(0, 12)}, `;
  return new PluginError(
    'INVALID_OPTION',
    `MAC ${mac} is worn by another container on this segment (${who}${state}); give each its own id or --mac-address`,
  );
}

/** @param clientId type 0 and a text. @param whose a text about the other container. */
export function clientIdIsUsed(clientId: string, whose: string): PluginError {
  const text = Buffer.from(clientId.slice(2), 'hex').toString('latin1');
  return new PluginError(
    'INVALID_OPTION',
    `client_id of the network makes ${JSON.stringify(text)} of this container's name, and the container ${whose} has that identifier; give one of the two another name`,
  );
}
