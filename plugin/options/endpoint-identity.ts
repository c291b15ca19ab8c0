/**
 * The identity of an endpoint: its MAC, its client identifier, and the names of both ends of its
 * link.
 */
import { createHash, randomBytes } from 'node:crypto';
import { hasPort, type AttachmentMode, type ContainerLink } from '../vocabulary/attachment.ts';
import { PluginError } from '../vocabulary/errors.ts';
import { macFromBytes, macToBytes, parseMac, type Mac } from '../wire/address.ts';
import { isUsableMac, macFromId, type EndpointOptions } from './endpoint-options.ts';

/**
 * Names of at most 15 characters that depend on the EndpointID alone. The EndpointID may have any
 * form. Only with a bridge does an end stay in the host.
 */
export function linkEnds(endpointId: string): ContainerLink & { readonly hostEnd: string };
export function linkEnds(endpointId: string, mode: AttachmentMode | undefined): ContainerLink;
export function linkEnds(endpointId: string, mode: AttachmentMode = 'bridge'): ContainerLink {
  const digest = createHash('sha256').update(endpointId).digest('hex').slice(0, 12);
  return {
    hostEnd: hasPort(mode) ? `vdh${digest}` : undefined,
    containerEnd: `vdc${digest}`,
  };
}

/** The name of the host's own link to the containers of a network (`host_access=true`). */
export function hostLinkName(networkId: string): string {
  return `vdhost${createHash('sha256').update(networkId).digest('hex').slice(0, 8)}`;
}

/**
 * Docker's MAC if it gave one, else the one of `mac`, else the one derived from `id`, else a random
 * MAC.
 * @throws PluginError INVALID_OPTION for a MAC that no host can have, or if two were chosen.
 */
export function chooseMac(given: string, { id, mac }: EndpointOptions): Mac {
  const chosen = [
    ...(given === '' ? [] : [{ what: '--mac-address', means: requireMac(given) }]),
    ...(mac === undefined ? [] : [{ what: 'driver-opt mac=', means: mac }]),
    ...(id === undefined ? [] : [{ what: `driver-opt id=${id}`, means: macFromId(id) }]),
  ];
  const [first] = chosen;
  const other = chosen.find(({ means }) => means !== first?.means);
  if (first === undefined) return randomMac();
  if (other === undefined) return first.means;
  throw new PluginError(
    'INVALID_OPTION',
    `${other.what} means MAC ${other.means}, but ${first.what} is ${first.means}; give one of the two`,
  );
}

/** @throws PluginError INVALID_OPTION for a MAC that no host can have. */
export function requireMac(text: string): Mac {
  const mac = parseMac(text);
  if (mac !== undefined && isUsableMac(mac)) return mac;
  throw new PluginError(
    'INVALID_OPTION',
    `--mac-address ${JSON.stringify(text)} is not a MAC a host can wear (six hex pairs, lowest bit of the first octet clear)`,
  );
}

/**
 * Option 61 in hex: type 1 and the MAC. Deviation: it is not RFC 4361's DUID, because existing
 * reservations name this form.
 */
export function macClientId(mac: Mac): string {
  return `01${Buffer.from(macToBytes(mac)).toString('hex')}`;
}

/** Locally administered, unicast (IEEE 802: bit 1 set, bit 0 clear in the first octet). */
export function randomMac(): Mac {
  const bytes = Uint8Array.from(randomBytes(6));
  bytes[0] = 0x02;
  return macFromBytes(bytes);
}
