/**
 * Who an endpoint is on the wire and on the host: its MAC and the names of its link's ends.
 */
import { createHash, randomBytes } from 'node:crypto';
import { PluginError } from '../errors.ts';
import { macFromBytes, parseMac, type Mac } from '../wire/address.ts';
import { isUsableMac, macFromId, type EndpointOptions } from './options.ts';

/** Names of at most 15 characters that depend on the EndpointID alone, whatever its form. */
export function linkEnds(endpointId: string): { hostEnd: string; containerEnd: string } {
  const digest = createHash('sha256').update(endpointId).digest('hex').slice(0, 12);
  return { hostEnd: `vdh${digest}`, containerEnd: `vdc${digest}` };
}

/**
 * Docker's MAC if it gave one, else the one that `id` means, else a random one.
 * @throws PluginError INVALID_OPTION for a MAC no host can wear, or one that contradicts `id`.
 */
export function chooseMac(given: string, { id }: EndpointOptions): Mac {
  const derived = id === undefined ? undefined : macFromId(id);
  if (given === '') return derived ?? randomMac();
  const mac = parseMac(given);
  if (mac === undefined || !isUsableMac(mac)) {
    throw new PluginError(
      'INVALID_OPTION',
      `--mac-address ${JSON.stringify(given)} is not a MAC a host can wear (six hex pairs, lowest bit of the first octet clear)`,
    );
  }
  if (derived !== undefined && derived !== mac) {
    throw new PluginError(
      'INVALID_OPTION',
      `driver-opt id=${id} means MAC ${derived}, but --mac-address is ${mac}; give one of the two`,
    );
  }
  return mac;
}

/** Locally administered, unicast (IEEE 802: bit 1 set, bit 0 clear in the first octet). */
function randomMac(): Mac {
  const bytes = Uint8Array.from(randomBytes(6));
  bytes[0] = 0x02;
  return macFromBytes(bytes);
}
