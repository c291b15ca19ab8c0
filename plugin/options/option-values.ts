/** Values of options as text: what is wrong with them, and what they mean. */
import { isHostName } from '../vocabulary/dhcp/host-name.ts';
import { GUARD_MODES, type GuardMode } from '../vocabulary/port-rules.ts';
import type { Ms } from '../vocabulary/time.ts';
import type { DnsServer } from '../vocabulary/dns-redirect.ts';
import { isHostAddress6 } from '../vocabulary/ipv6/addressing.ts';
import { parseIpv6 } from '../wire/address6.ts';
import { isUnicastIpv4, parseIpv4, type Ipv4 } from '../wire/address.ts';

export function numberProblem(
  text: string,
  min: number,
  max: number,
  what: string,
): string | undefined {
  const value = /^(0|[1-9]\d{0,5})$/.test(text) ? Number(text) : NaN;
  return value >= min && value <= max ? undefined : `is not ${what} from ${min} to ${max}`;
}

export function choiceProblem(text: string, choices: readonly string[]): string | undefined {
  return choices.includes(text) ? undefined : `is not one of ${choices.join(', ')}`;
}

/** Undefined unless each part is an address that a host can have. */
export function parseAddresses(text: string): readonly Ipv4[] | undefined {
  if (text === '') return undefined;
  const addresses = text.split(',').map((part) => parseIpv4(part));
  const usable = addresses.filter((address) => address !== undefined && isUnicastIpv4(address));
  return usable.length === addresses.length ? (usable as Ipv4[]) : undefined;
}

/** DNS servers of either family. Undefined if one is none that a container can ask. */
export function parseServers(text: string): readonly DnsServer[] | undefined {
  const parts = text.split(',');
  const servers = parts.flatMap((part): readonly DnsServer[] => {
    const address = parseIpv6(part);
    if (address !== undefined) return isHostAddress6(address) ? [address] : [];
    return parseAddresses(part) ?? [];
  });
  return servers.length === parts.length ? servers : undefined;
}

const UNIT_MS: Readonly<Record<string, Ms>> = { s: 1000, m: 60_000, h: 3_600_000 };

/** The hold time of `release`; undefined if the text is none. */
export function parseRelease(text = ''): Ms | undefined {
  if (text === 'now') return 0;
  if (text === 'never') return Infinity;
  const match = /^hold=([1-9]\d{0,5})([smh])$/.exec(text);
  return match === null ? undefined : Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? NaN);
}

export function parseGuard(text: string | undefined): GuardMode | undefined {
  return GUARD_MODES.find((mode) => mode === text);
}

export function hostNameProblem(text: string): string | undefined {
  return isHostName(text)
    ? undefined
    : 'is not a host name: labels of letters, digits and inner hyphens, at most 63 each';
}

/** Returns plain text unchanged. Quotes and cuts all other text, so that it stays on one line. */
export function printable(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'undefined');
  const cut = text.length > 80 ? `${text.slice(0, 80)}…` : text;
  return /^[\w.:/+-]+$/.test(cut) ? cut : JSON.stringify(cut);
}

/** The names that Docker's own drivers have for our options. */
const DOCKERS_NAMES = new Map([['com.docker.network.driver.mtu', 'mtu']]);

/** @param prefix the flag that the user typed before it, and a blank. */
export function unknownOption(
  prefix: string,
  key: string,
  value: unknown,
  known: readonly string[],
): string {
  const ours = DOCKERS_NAMES.get(key);
  return ours === undefined || !known.includes(ours)
    ? `${prefix}${printable(key)} is unknown; known are ${known.join(', ')}`
    : `${prefix}${key} is of Docker's own drivers; type ${prefix}${ours}=${printable(value)} instead`;
}
