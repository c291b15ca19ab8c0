/**
 * The schemas of single values in state files: addresses that parse, numbers that fit their field
 * on the wire, times that a calendar has. So later code need not check them. `record-schemas.ts`
 * builds records from these.
 */
import * as v from 'valibot';
import type { AddressBounds, LeaseTerms, LinkTerms, Route } from '../../vocabulary/lease.ts';
import { isUnicastIpv4, parseIpv4, parseMac, type Ipv4, type Mac } from '../../wire/address.ts';
import { networkOf } from '../../wire/address.ts';
import { parseIpv6 } from '../../wire/address6.ts';
import type { DnsServer } from '../../vocabulary/dns-redirect.ts';
import { isVlan, type Vlan } from '../../vocabulary/vlan-tags.ts';
import type { Subnet } from '../../wire/subnet.ts';
import {
  ATTACHMENT_MODES,
  MACVLAN_MODES,
  type AttachmentMode,
} from '../../vocabulary/attachment.ts';
import { isLinkName, LINK_NAME_RULE } from '../../vocabulary/link-name.ts';
import { isHostName } from '../../vocabulary/dhcp/host-name.ts';
import { isUsableMac } from '../../options/endpoint-options.ts';
import { type NetworkOptions } from '../../options/options.ts';
import { ON_CHANGE } from '../../options/site/site-option-table.ts';
import {
  ACD_MODES,
  NO_SERVER_MODES,
  parseNetworkOptions,
  SERVER_ID_MODES,
} from '../../options/options.ts';
import { IPV6_MODES } from '../../vocabulary/ipv6/addressing.ts';
import { GUARD_MODES } from '../../vocabulary/port-rules.ts';
import type { StoredLease, StoredMoment } from '../stored-lease.ts';

/** JSON has no undefined. An undefined value is not in the file. */
export function absentOr<T>(schema: v.GenericSchema<unknown, T>) {
  return v.optional(schema, () => undefined);
}

function textThat<T extends string>(isRight: (text: string) => boolean, what: string) {
  return v.custom<T>((value) => typeof value === 'string' && isRight(value), what);
}

function numberThat(isRight: (value: number) => boolean, what: string) {
  return v.custom<number>((value) => typeof value === 'number' && isRight(value), what);
}

function wholeNumber(least: number, most: number, what: string) {
  return numberThat((value) => Number.isInteger(value) && value >= least && value <= most, what);
}

/** A text that names a file, and a record in Docker's calls. */
export const isId = (text: string) => /^\w[\w.-]{0,127}$/.test(text);
export const id = textThat<string>(isId, 'an id');
export const text = textThat<string>((value) => value.length <= 4096, 'text of at most 4096 bytes');
export const flag = v.custom<boolean>((value) => typeof value === 'boolean', 'true or false');
export const mac = textThat<Mac>((value) => {
  const parsed = parseMac(value);
  return parsed === value && isUsableMac(parsed);
}, 'a MAC address that a host can have');
export const ipv4 = textThat<Ipv4>((value) => parseIpv4(value) !== undefined, 'an IPv4 address');
const hostAddress = textThat<Ipv4>((value) => {
  const parsed = parseIpv4(value);
  return parsed !== undefined && isUnicastIpv4(parsed);
}, 'an IPv4 address that a host can have');
export const newLinkName = textThat<string>(isLinkName, LINK_NAME_RULE);
/** The name of a link that others may have made and named. */
export const linkName = textThat<string>((value) => /^[^\s/]{1,127}$/.test(value), 'a link name');
export const hostName = textThat<string>(isHostName, 'a host name in ASCII');
/** Option 61 in hex (RFC 2132 §9.14). The length of an option fits in one octet. */
export const clientId = textThat<string>(
  (value) => /^([0-9a-f]{2}){2,255}$/.test(value),
  '2 to 255 octets in hex',
);
/** Linux takes 68 and more. Option 57 has 16 bits. */
export const mtu = wholeNumber(68, 65535, 'an MTU from 68 to 65535');
export const prefixLength = wholeNumber(0, 32, 'a prefix length from 0 to 32');

/** The end of the year 9999. A larger number is no time, and `Date` refuses very large ones. */
const LAST_TIME = 253_402_300_799_999;
const isTime = (value: number) => Math.abs(value) <= LAST_TIME;
export const wallTime = numberThat(isTime, 'a time in ms since 1970');
export const wallTimeOrNever = numberThat(
  (value) => isTime(value) || value === Infinity,
  'a time in ms since 1970, or infinite',
);

export const bootInstant = v.looseObject({
  id: text,
  at: numberThat((value) => Math.abs(value) <= LAST_TIME, 'ms since the boot'),
});

export const moment = v.looseObject({
  wall: wallTime,
  boot: absentOr(bootInstant),
}) satisfies v.GenericSchema<unknown, StoredMoment>;

const route = v.looseObject({
  destination: ipv4,
  prefixLength,
  via: absentOr(ipv4),
}) satisfies v.GenericSchema<unknown, Route>;

const listOf = <T>(item: v.GenericSchema<unknown, T>) => v.pipe(v.array(item), v.maxLength(4096));

const linkEntries = {
  address: hostAddress,
  prefixLength,
  gateway: absentOr(ipv4),
  routes: listOf(route),
  mtu: absentOr(wholeNumber(0, 65535, 'an MTU')),
};

export const linkTerms = v.looseObject({
  ...linkEntries,
  dnsServers: v.optional(listOf(ipv4), () => []),
}) satisfies v.GenericSchema<unknown, LinkTerms>;

const termsEntries = {
  ...linkEntries,
  // Files of earlier versions lack them.
  dnsServers: v.optional(listOf(ipv4), () => []),
  domainName: absentOr(text),
  domainSearch: v.optional(listOf(text), () => []),
  others: v.optional(
    listOf(v.looseObject({ code: wholeNumber(1, 254, 'the code of an option'), value: text })),
  ),
  serverId: hostAddress,
  serverMac: textThat<Mac>((value) => parseMac(value) === value, 'a MAC address'),
};

export const terms = v.looseObject(termsEntries) satisfies v.GenericSchema<unknown, LeaseTerms>;

export const lease = v.pipe(
  v.looseObject({
    ...termsEntries,
    requestedAt: wallTime,
    t1At: wallTimeOrNever,
    t2At: wallTimeOrNever,
    expiresAt: wallTimeOrNever,
    boot: absentOr(bootInstant),
  }),
  v.check(
    ({ requestedAt, t1At, t2At, expiresAt }) =>
      requestedAt <= t1At && t1At <= t2At && t2At <= expiresAt,
    'its times in the order requestedAt, t1At, t2At, expiresAt',
  ),
) satisfies v.GenericSchema<unknown, StoredLease>;

export const subnet = v.pipe(
  v.looseObject({ network: ipv4, prefixLength }),
  v.check(
    ({ network, prefixLength: length }) => networkOf(network, length) === network,
    'a network address without host bits',
  ),
) satisfies v.GenericSchema<unknown, Subnet>;

export const guard = v.picklist(GUARD_MODES);
export const addresses = listOf(ipv4);
export const dnsServers = listOf(
  v.custom<DnsServer>(
    (value) =>
      typeof value === 'string' && [parseIpv4(value), parseIpv6(value)].includes(value as never),
    'an IPv4 or IPv6 address',
  ),
);
export const textMap = v.record(v.string(), v.string());

export const bounds = v.looseObject({
  within: listOf(subnet),
  except: addresses,
}) satisfies v.GenericSchema<unknown, AddressBounds>;

/** The meaning of options before they existed. Files of earlier versions lack them. */
const DEFAULTS = parseNetworkOptions({ parent: 'none' });

const optionEntries = {
  parent: newLinkName,
  vlan: absentOr(v.custom<Vlan>(isVlan, 'a VLAN id from 1 to 4094, or two such as 10.500')),
  mode: v.optional(v.picklist(ATTACHMENT_MODES), DEFAULTS.mode),
  bridge: absentOr(newLinkName),
  uplink: absentOr(newLinkName),
  macvlanMode: absentOr(v.picklist(MACVLAN_MODES)),
  isolate: v.optional(flag, DEFAULTS.isolate),
  hostAccess: v.optional(flag, DEFAULTS.hostAccess),
  mtu: absentOr(mtu),
  leaseTimeoutMs: v.optional(
    numberThat((value) => value >= 1000 && value <= 25_000, 'a duration from 1 s to 25 s'),
    DEFAULTS.leaseTimeoutMs,
  ),
  acd: v.optional(v.picklist(ACD_MODES), DEFAULTS.acd),
  dhcpServers: v.optional(listOf(hostAddress), () => [...DEFAULTS.dhcpServers]),
  rapidCommit: v.optional(flag, DEFAULTS.rapidCommit),
  serverId: v.optional(v.picklist(SERVER_ID_MODES), DEFAULTS.serverId),
  releaseAfterMs: absentOr(numberThat((value) => value >= 0, 'a duration')),
  onExpiry: v.optional(v.picklist(['remove', 'keep']), DEFAULTS.onExpiry),
  onNoServer: v.optional(v.picklist(NO_SERVER_MODES), DEFAULTS.onNoServer),
  dns: v.optional(v.picklist(['docker', 'lease']), DEFAULTS.dns),
  dnsInsteadOf: v.optional(dnsServers, () => [...DEFAULTS.dnsInsteadOf]),
  guard: v.optional(guard, DEFAULTS.guard),
  onConflict: v.optional(v.picklist(['defend', 'leave']), DEFAULTS.onConflict),
  ipv4: v.optional(flag, DEFAULTS.ipv4),
  ipv6: absentOr(v.picklist(IPV6_MODES)),
  ipv6PatienceMs: v.optional(
    numberThat((value) => value >= 0 && value <= 20_000, 'a duration up to 20 s'),
    DEFAULTS.ipv6PatienceMs,
  ),
  clientId: absentOr(text),
  vendorClass: v.optional(text, DEFAULTS.vendorClass),
  userClass: absentOr(text),
  registerDns: v.optional(flag, DEFAULTS.registerDns),
  dhcpDeny: v.optional(listOf(hostAddress), () => [...DEFAULTS.dhcpDeny]),
  gateway: absentOr(v.union([v.literal('none'), hostAddress])),
  routes: v.optional(v.picklist(['lease', 'none']), DEFAULTS.routes),
  request: v.optional(listOf(wholeNumber(1, 254, 'the code of an option')), () => []),
  requireMac: v.optional(flag, DEFAULTS.requireMac),
  onChange: v.optional(v.picklist(ON_CHANGE), DEFAULTS.onChange),
};

/**
 * Puts the options into the order of `parseNetworkOptions`. Repeated calls of dockerd are compared
 * as text.
 */
function inOrder<T extends NetworkOptions>(stored: T): NetworkOptions {
  return { ...DEFAULTS, ...stored };
}

/** A network is never given another bridge than the one that its containers are on. */
const hasItsBridge = ({ mode, bridge }: { mode: AttachmentMode; bridge?: string | undefined }) =>
  (mode === 'bridge') === (bridge !== undefined);
const ITS_BRIDGE = 'a bridge if its mode is bridge, and none if not';

export const networkOptions = v.pipe(
  v.looseObject(optionEntries),
  v.check((options) => hasItsBridge(options), ITS_BRIDGE),
  v.transform(inOrder),
) satisfies v.GenericSchema<unknown, NetworkOptions>;

/**
 * The options as far as they can be read. The link, the servers that count, and the guard of the
 * ports are never guessed.
 */
export const readableOptions = v.pipe(
  v.looseObject({
    ...optionEntries,
    mtu: v.fallback(optionEntries.mtu, undefined),
    leaseTimeoutMs: v.fallback(optionEntries.leaseTimeoutMs, DEFAULTS.leaseTimeoutMs),
    acd: v.fallback(optionEntries.acd, DEFAULTS.acd),
    rapidCommit: v.fallback(optionEntries.rapidCommit, DEFAULTS.rapidCommit),
    onConflict: v.fallback(optionEntries.onConflict, DEFAULTS.onConflict),
    releaseAfterMs: v.fallback(optionEntries.releaseAfterMs, undefined),
    onExpiry: v.fallback(optionEntries.onExpiry, 'keep'),
    onNoServer: v.fallback(optionEntries.onNoServer, DEFAULTS.onNoServer),
    dns: v.fallback(optionEntries.dns, DEFAULTS.dns),
    dnsInsteadOf: v.fallback(optionEntries.dnsInsteadOf, () => [...DEFAULTS.dnsInsteadOf]),
    ipv6: v.fallback(optionEntries.ipv6, undefined),
    ipv6PatienceMs: v.fallback(optionEntries.ipv6PatienceMs, DEFAULTS.ipv6PatienceMs),
    vendorClass: v.fallback(optionEntries.vendorClass, DEFAULTS.vendorClass),
    userClass: v.fallback(optionEntries.userClass, undefined),
    registerDns: v.fallback(optionEntries.registerDns, DEFAULTS.registerDns),
    request: v.fallback(optionEntries.request, []),
  }),
  v.check((options) => hasItsBridge(options), ITS_BRIDGE),
  v.transform(inOrder),
) satisfies v.GenericSchema<unknown, NetworkOptions>;
