/**
 * DUID and IAID: who a client or a server of DHCPv6 is (RFC 9915 §11, §12).
 *
 * The brand proves that a value passed this file. Its text is lower-case hex with colons, so two
 * equal DUIDs are equal strings. Nobody may read more into a DUID than that (§11).
 */
import type { Mac } from '../../wire/address.ts';
import { macToBytes } from '../../wire/address.ts';

export type Duid = string & { readonly brand: 'Duid' };

/** RFC 9915 §11.1: two octets of type, then 1 to 128 octets. */
const SHORTEST = 3;
const LONGEST = 130;

/** RFC 9915 §11.4: type 3, then hardware type 1, Ethernet. */
const DUID_LL_ETHERNET = [0, 3, 0, 1];

/** The DUID in these octets; undefined if the length is not that of a DUID. */
export function duidFromBytes(bytes: Uint8Array): Duid | undefined {
  if (bytes.length < SHORTEST || bytes.length > LONGEST) return undefined;
  return Array.from(bytes, (octet) => octet.toString(16).padStart(2, '0')).join(':') as Duid;
}

export function duidToBytes(duid: Duid): Uint8Array {
  return Uint8Array.from(duid.split(':'), (octet) => Number.parseInt(octet, 16));
}

/** Accepts hex octets, two digits each, with or without colons. Undefined for anything else. */
export function parseDuid(text: string): Duid | undefined {
  const octets = /^[0-9a-f]{2}(:?[0-9a-f]{2})*$/i.test(text) ? text.match(/[0-9a-f]{2}/gi) : null;
  return octets === null
    ? undefined
    : duidFromBytes(Uint8Array.from(octets, (octet) => Number.parseInt(octet, 16)));
}

/** DUID-LL of a MAC (RFC 9915 §11.4). It is as stable as the MAC. */
export function duidOfMac(mac: Mac): Duid {
  return duidFromBytes(Uint8Array.from([...DUID_LL_ETHERNET, ...macToBytes(mac)]))!;
}

/** The last four octets of the MAC. A server takes another IAID for another client (§12). */
export function iaidOfMac(mac: Mac): number {
  return macToBytes(mac)
    .subarray(2)
    .reduce((value, octet) => value * 0x100 + octet, 0);
}
