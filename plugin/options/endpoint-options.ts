/**
 * The options after `driver-opt=` of one endpoint: key, check, default and help text. An unknown
 * key or a bad value is refused. One error names all mistakes.
 */
import { createHash } from 'node:crypto';
import { isLinkName, LINK_NAME_RULE } from '../vocabulary/link-name.ts';
import { GUARD_MODES, type GuardMode } from '../vocabulary/port-rules.ts';
import {
  isMulticastMac,
  isUnicastIpv4,
  parseIpv4,
  parseMac,
  type Ipv4,
  type Mac,
} from '../wire/address.ts';
import { isHostAddress6, parseToken } from '../vocabulary/ipv6/addressing.ts';
import { parseIpv6, type Ipv6 } from '../wire/address6.ts';
import { refuse } from './option-problems.ts';
import { findProblems, textOf, type OptionSpec } from './option-table.ts';
import { choiceProblem, hostNameProblem, parseGuard } from './option-values.ts';

export interface EndpointOptions {
  /** The name from which the MAC is derived, as pipework's `U:NAME` did. */
  readonly id: string | undefined;
  /** The MAC itself. */
  readonly mac: Mac | undefined;
  readonly hostName: string | undefined;
  readonly address: Ipv4 | undefined;
  /** The interface identifier of addresses of prefixes, as an address below ::/64. */
  readonly token: Ipv6 | undefined;
  /** The address to ask a DHCPv6 server for. */
  readonly address6: Ipv6 | undefined;
  /** Undefined: the guard of the network applies. */
  readonly guard: GuardMode | undefined;
  /** The name of the interface in the container. Undefined: `eth` and a number. */
  readonly ifName: string | undefined;
}

export const ENDPOINT_OPTIONS = {
  id: {
    value: 'NAME',
    default: 'none',
    help: "a stable MAC derived from NAME, the same that pipework's `U:NAME` gave",
    problem: (text) =>
      /^[\x21-\x7e]{1,64}$/.test(text) ? undefined : 'is not 1 to 64 visible ASCII characters',
  },
  mac: {
    value: 'MAC',
    default: 'none',
    help: 'the MAC of the container; for `docker network connect`, which has no `--mac-address`',
    problem: (text) => {
      const mac = parseMac(text);
      return mac !== undefined && isUsableMac(mac) ? undefined : 'is not a MAC a host can have';
    },
  },
  hostname: {
    value: 'NAME',
    default: 'none',
    help: 'told to the DHCP server: option 12, or option 81 when it contains a dot',
    problem: (text) => hostNameProblem(text),
  },
  ip: {
    value: 'ADDRESS',
    default: 'none',
    help: 'the IPv4 address to ask for (option 50); any other offer is refused',
    problem: (text) => {
      const address = parseIpv4(text);
      return address !== undefined && isUnicastIpv4(address)
        ? undefined
        : 'is not an IPv4 address a host can have';
    },
  },
  token: {
    value: '::IDENTIFIER',
    default: "made of the container's MAC",
    help: 'the last 64 bits of an IPv6 address of a prefix: `::53` gives `2001:db8:500::53`; needs `ipv6=auto` or `ipv6=slaac`',
    problem: (text) =>
      parseToken(text) === undefined
        ? 'is not an interface identifier of 64 bits such as ::53'
        : undefined,
  },
  ip6: {
    value: 'ADDRESS',
    default: 'none',
    help: 'the IPv6 address to ask the DHCPv6 server for; any other offer is refused; needs `ipv6=auto` or `ipv6=dhcp`',
    problem: (text) => {
      const address = parseIpv6(text);
      return address !== undefined && isHostAddress6(address)
        ? undefined
        : 'is not an IPv6 address that a server can give to a host';
    },
  },
  guard: {
    value: '`off`, `mac`, `full`',
    default: "the network's",
    help: 'as the option of the network, for this container',
    problem: (text) => choiceProblem(text, GUARD_MODES),
  },
  ifname: {
    value: 'NAME',
    default: '`eth` and a number',
    help: 'the name of the interface in the container; engines before 29.8 do not apply it',
    problem: (text) =>
      isLinkName(text) && text !== 'lo' ? undefined : `is not ${LINK_NAME_RULE}, other than lo`,
  },
} as const satisfies Record<string, OptionSpec>;

/**
 * @param given all of CreateEndpoint's `Options`. Docker's own keys have the prefix `com.docker.`.
 * @throws PluginError INVALID_OPTION naming every mistake.
 */
export function parseEndpointOptions(given: Readonly<Record<string, unknown>>): EndpointOptions {
  const own = Object.fromEntries(
    Object.entries(given).filter(([key]) => !key.startsWith('com.docker.')),
  );
  refuse([...findProblems('driver-opt ', ENDPOINT_OPTIONS, own)]);
  const ip = textOf(own, 'ip');
  return {
    id: textOf(own, 'id'),
    mac: parseMac(textOf(own, 'mac') ?? ''),
    hostName: textOf(own, 'hostname'),
    address: ip === undefined ? undefined : parseIpv4(ip),
    token: parseToken(textOf(own, 'token') ?? ''),
    address6: parseIpv6(textOf(own, 'ip6') ?? ''),
    guard: parseGuard(textOf(own, 'guard')),
    ifName: textOf(own, 'ifname'),
  };
}

/**
 * The same derivation as pipework's, so that reservations made for pipework still match: `02:` and
 * the first five bytes of the MD5 of the name and a newline.
 */
export function macFromId(id: string): Mac {
  const digest = createHash('md5').update(`${id}\n`).digest('hex');
  return `02:${digest.slice(0, 10).replace(/..(?=.)/g, '$&:')}` as Mac;
}

/** True if a container may have it: not all zeros and no group address. */
export function isUsableMac(mac: Mac): boolean {
  return !isMulticastMac(mac) && mac !== '00:00:00:00:00:00';
}
