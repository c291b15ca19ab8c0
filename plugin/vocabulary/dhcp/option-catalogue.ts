/**
 * DHCP options that a lease does not need: their names, and how their values are shown. The names
 * are those of the IANA registry, in lower case with hyphens.
 */
import { ipv4FromBytes } from '../../wire/address.ts';
import { decodeNames } from '../dns-names.ts';

type Form = 'addresses' | 'text' | 'number' | 'bytes';

const CATALOGUE = new Map<number, readonly [name: string, form: Form]>([
  [2, ['time-offset', 'number']],
  [4, ['time-servers', 'addresses']],
  [7, ['log-servers', 'addresses']],
  [9, ['lpr-servers', 'addresses']],
  [12, ['host-name', 'text']],
  [17, ['root-path', 'text']],
  [40, ['nis-domain', 'text']],
  [41, ['nis-servers', 'addresses']],
  [42, ['ntp-servers', 'addresses']],
  [43, ['vendor-specific', 'bytes']],
  [44, ['netbios-name-servers', 'addresses']],
  [46, ['netbios-node-type', 'number']],
  [66, ['tftp-server-name', 'text']],
  [67, ['bootfile-name', 'text']],
  [69, ['smtp-servers', 'addresses']],
  [70, ['pop3-servers', 'addresses']],
  [72, ['www-servers', 'addresses']],
  [81, ['client-fqdn', 'bytes']],
  [100, ['posix-timezone', 'text']],
  [101, ['tzdb-timezone', 'text']],
  [108, ['ipv6-only-preferred', 'number']],
  [114, ['captive-portal', 'text']],
  [120, ['sip-servers', 'bytes']],
  [125, ['vendor-identifying', 'bytes']],
  [138, ['capwap-controllers', 'addresses']],
  [150, ['tftp-servers', 'addresses']],
  [160, ['captive-portal-160', 'text']],
  [252, ['wpad-url', 'text']],
]);

/** Asked of every server, and shown: NTP servers, time zones, proxy configuration. */
export const ALWAYS_SHOWN: readonly number[] = [42, 100, 101, 252];

/** Shown if a server sends them, as it does where the client sent a name: 12 and 81. */
export const SHOWN_IF_SENT: readonly number[] = [12, 81];

/**
 * Options that carry the protocol itself, or what the client always asks for and applies. A person
 * cannot ask for them.
 */
const OF_THE_CLIENT: ReadonlySet<number> = new Set([
  ...[0, 1, 3, 6, 15, 26, 28, 33, 50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 60, 61, 77, 80, 82, 90],
  ...[118, 119, 121, 249, 255],
]);

export const OPTION_NAMES: readonly string[] = [...CATALOGUE.values()].map(([name]) => name);

/** The name, or `option-224` if it has none here. */
export function nameOfOption(code: number): string {
  return CATALOGUE.get(code)?.[0] ?? `option-${code}`;
}

/** @param text a code or a name. @returns undefined if it is none that a person can ask for. */
export function optionCode(text: string): number | undefined {
  const known = [...CATALOGUE].find(([, [name]]) => name === text)?.[0];
  const code = known ?? (/^[1-9]\d{0,2}$/.test(text) ? Number(text) : NaN);
  return code >= 1 && code <= 254 && !OF_THE_CLIENT.has(code) ? code : undefined;
}

/** A value of an Ethernet frame of 1500 octets is always shown as a whole. */
const LONGEST_SHOWN = 3_072;

/**
 * The value as text on one line. A value that does not have the form of its option, and that is not
 * printable ASCII, is shown in hex. A long text is cut, and its end says so.
 */
export function shownOption(code: number, value: Uint8Array): string {
  const form = CATALOGUE.get(code)?.[1] ?? 'text';
  const text = (code === 81 ? fqdnText(value) : textIn(form, value)) ?? hexOf(value);
  if (text.length <= LONGEST_SHOWN) return text;
  return `${text.slice(0, LONGEST_SHOWN)}... (${value.length} octets)`;
}

function hexOf(value: Uint8Array): string {
  return `0x${Array.from(value, (octet) => octet.toString(16).padStart(2, '0')).join('')}`;
}

function textIn(form: Form, value: Uint8Array): string | undefined {
  switch (form) {
    case 'addresses':
      if (value.length === 0 || value.length % 4 !== 0) return undefined;
      return Array.from({ length: value.length / 4 }, (_, index) =>
        ipv4FromBytes(value, index * 4),
      ).join(' ');
    case 'number':
      if (![1, 2, 4].includes(value.length)) return undefined;
      return String(value.reduce((sum, octet) => sum * 256 + octet, 0));
    case 'text':
      return printableText(value);
    case 'bytes':
      return undefined;
  }
}

/** Servers often end a text with zero octets. */
function printableText(value: Uint8Array): string | undefined {
  const text = String.fromCharCode(...value).replace(/\0+$/, '');
  return /^[\x20-\x7e]+$/.test(text) ? text : undefined;
}

/** Option 81 (RFC 4702 §2): flags, two octets, and the name, in wire form with flag E. */
function fqdnText(value: Uint8Array): string | undefined {
  const FLAG_E = 0x04;
  const name = value.subarray(3);
  if (value.length < 4) return undefined;
  if ((value[0]! & FLAG_E) === 0) return printableText(name);
  const isPartial = name.at(-1) !== 0;
  return decodeNames(isPartial ? Uint8Array.from([...name, 0]) : name)?.join(' ');
}
