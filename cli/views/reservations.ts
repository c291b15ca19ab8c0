/**
 * Reservations as DHCP servers read them, to be pasted. What a container or a server said gets into
 * a line only if it is a plain host name: a quote or a line break there would be a directive.
 */
import type { LeaseEntry } from '../admin-client.ts';

export const SERVERS = ['dnsmasq', 'isc', 'kea', 'csv'] as const;
export type ServerKind = (typeof SERVERS)[number];

export interface Reservation {
  readonly network: string;
  readonly container: string;
  readonly mac: string;
  readonly clientId: string;
  readonly isByClientId: boolean;
  /** A label that a server takes. Undefined without one. */
  readonly name: string | undefined;
  readonly address: string | undefined;
  readonly duid: string | undefined;
  /** An address that a DHCPv6 server leased. One of a prefix cannot be reserved. */
  readonly address6: string | undefined;
}

const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i;

/** @returns undefined if nothing of it can be reserved. */
export function reservationOf(
  lease: LeaseEntry,
  names: { readonly network: string; readonly container: string },
): Reservation | undefined {
  const { identity, mac, ipv6 } = lease;
  if (identity === undefined) return undefined;
  const isLeased = lease.server !== undefined && lease.isIpv6Only !== true;
  const address = isLeased ? bare(lease.address) : undefined;
  const address6 = ipv6?.lease === undefined ? undefined : bare(ipv6.address);
  if (address === undefined && address6 === undefined) return undefined;
  const told = [identity.hostName?.split('.')[0], names.container];
  return {
    ...{ ...names, mac, address, address6, clientId: identity.clientId },
    ...{ isByClientId: identity.isByClientId, duid: identity.duid },
    name: told.find((text) => text !== undefined && LABEL.test(text))?.toLowerCase(),
  };
}

export function reservationLines(kind: ServerKind, found: readonly Reservation[]): string {
  switch (kind) {
    case 'csv':
      return [CSV_HEAD, ...found.map(csvLine)].join('\n');
    case 'dnsmasq':
      return found.flatMap(dnsmasqLines).join('\n');
    case 'isc':
      return found.flatMap(iscLines).join('\n');
    case 'kea':
      return found.flatMap(keaLines).join(',\n');
  }
}

/** dnsmasq takes these for an order to ignore the host, or for the time of its lease. */
const WORD_OF_DNSMASQ = /^(ignore|infinite|\d+[smhdw]?)$/i;

function dnsmasqLines({ name, address, address6, duid, ...who }: Reservation): string[] {
  const rest = name === undefined || WORD_OF_DNSMASQ.test(name) ? '' : `,${name}`;
  const known = who.isByClientId ? `id:${who.clientId}` : who.mac;
  return [
    ...(address === undefined ? [] : [`dhcp-host=${known},${address}${rest}`]),
    ...(address6 === undefined ? [] : [`dhcp-host=id:${duid ?? ''},[${address6}]${rest}`]),
  ];
}

/** The label of a host must be unique in the file, so the address is in it. */
function iscLines({ name = 'host', address, address6, duid, ...who }: Reservation): string[] {
  const known = who.isByClientId
    ? `option dhcp-client-identifier ${who.clientId};`
    : `hardware ethernet ${who.mac};`;
  const label = (text: string) => `${name}-${text.replace(/[.:]+/g, '-')}`;
  const naming = name === 'host' ? '' : ` option host-name "${name}";`;
  return [
    ...(address === undefined
      ? []
      : [`host ${label(address)} { ${known} fixed-address ${address};${naming} }`]),
    ...(address6 === undefined
      ? []
      : [`host ${label(address6)} { host-identifier option dhcp6.client-id ${duid ?? ''}; fixed-address6 ${address6}; }`]), // prettier-ignore
  ];
}

/** Objects for `reservations` of a subnet. */
function keaLines({ name, address, address6, duid, ...who }: Reservation): string[] {
  const known = who.isByClientId ? { 'client-id': who.clientId } : { 'hw-address': who.mac };
  const naming = name === undefined ? {} : { hostname: name };
  return [
    ...(address === undefined
      ? []
      : [JSON.stringify({ ...known, 'ip-address': address, ...naming })]),
    ...(address6 === undefined
      ? []
      : [JSON.stringify({ duid, 'ip-addresses': [address6], ...naming })]),
  ];
}

const CSV_HEAD = 'network,container,mac,client-id,name,address,duid,ipv6';

function csvLine(one: Reservation): string {
  const { network, container, mac, clientId, name, address, duid, address6 } = one;
  return [network, container, mac, clientId, name, address, duid, address6].map(csvCell).join(',');
}

/**
 * RFC 4180 §2. A cell that begins with one of `=+-@`, narrow or wide, would be a formula to a
 * spreadsheet. Some split a line at semicolons or tabs, too, so these are quoted.
 */
function csvCell(text = ''): string {
  const safe = /^[=+\-@\t\r＝＋－＠]/.test(text) ? `'${text}` : text;
  return /[",;\t\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

function bare(address: string | undefined): string | undefined {
  return address?.split('/')[0];
}
