/**
 * The options of a network that say what its site relies on: who the client says it is, which
 * servers and terms count, what else is asked for.
 */
import { optionCode, OPTION_NAMES } from '../../vocabulary/dhcp/option-catalogue.ts';
import { isUnicastIpv4, parseIpv4 } from '../../wire/address.ts';
import type { OptionSpec } from '../option-table.ts';
import { choiceProblem, parseAddresses } from '../option-values.ts';
import { templateProblem } from './client-id-template.ts';

export const VENDOR_CLASS = 'vlandhcp';

const isClassName = (text: string) => /^[\x20-\x7e]{1,200}$/.test(text);
const NO_CLASS_NAME = 'is not 1 to 200 printable ASCII characters';

/** @returns undefined if one of them is no option that can be asked for. */
export function parseRequest(text: string): readonly number[] | undefined {
  const codes = text.split(',').map((part) => optionCode(part));
  const known = codes.filter((code) => code !== undefined);
  return known.length === codes.length ? [...new Set(known)] : undefined;
}

/** What a running container gets of a lease that changes. */
export const ON_CHANGE = ['apply', 'restart', 'keep'] as const;
export type OnChange = (typeof ON_CHANGE)[number];

export const SITE_OPTIONS = {
  client_id: {
    value: 'TEMPLATE',
    default: '`01` and the MAC',
    help: 'the client identifier (option 61): text with `{name}`, `{mac}`, `{network}` or `{vlan}` in it; [client_id](#client_id)',
    problem: (text) => templateProblem(text),
  },
  vendor_class: {
    value: 'TEXT, `none`',
    default: '`vlandhcp`',
    help: 'the vendor class (option 60), by which servers choose pools and options',
    problem: (text) => (isClassName(text) ? undefined : NO_CLASS_NAME),
  },
  user_class: {
    value: 'TEXT, `none`',
    default: 'none',
    help: 'the user class (option 77, RFC 3004), by which servers choose pools and options',
    problem: (text) => (isClassName(text) ? undefined : NO_CLASS_NAME),
  },
  register_dns: {
    value: '`true`, `false`',
    default: '`false`',
    help: 'ask the server to register the host name in the DNS: option 81 in place of 12, and option 39 of DHCPv6',
    problem: (text) => choiceProblem(text, ['true', 'false']),
  },
  dhcp_deny: {
    value: 'ADDRESS[,ADDRESS…]',
    default: 'none',
    help: 'DHCP servers that are never taken; their answers are ignored and reported',
    problem: (text) =>
      parseAddresses(text) === undefined ? 'is not a list of IPv4 addresses' : undefined,
  },
  gateway: {
    value: 'ADDRESS, `none`',
    default: "the lease's",
    help: 'the default gateway of the containers, an address of the leased subnet; `none`: they have no default route',
    problem: (text) => {
      const address = parseIpv4(text);
      const isOne = text === 'none' || (address !== undefined && isUnicastIpv4(address));
      return isOne ? undefined : 'is neither none nor an IPv4 address that a host can have';
    },
  },
  routes: {
    value: '`lease`, `none`',
    default: '`lease`',
    help: 'the routes of the lease beside the default route (options 121, 249 and 33): containers get them, or not',
    problem: (text) => choiceProblem(text, ['lease', 'none']),
  },
  request: {
    value: 'OPTION[,OPTION…]',
    default: 'none',
    help: 'more DHCP options to ask for, by number or name; status shows what the server sends; [request](#request)',
    problem: (text) =>
      parseRequest(text) === undefined
        ? `is not a list of options to ask for: numbers from 2 to 254 that the client does not use itself, or names of ${OPTION_NAMES.join(', ')}`
        : undefined,
  },
  on_change: {
    value: '`apply`, `restart`, `keep`',
    default: '`apply`',
    help: "a renewal brings another address, router or route: `apply` changes the running container, `restart` restarts it, once in 10 minutes at most (needs Docker's API, [names](names.md)), `keep` changes nothing until the next start; an address that comes late is always given, and one whose lease is over always goes; IPv4 only",
    problem: (text) => choiceProblem(text, ON_CHANGE),
  },
  require_mac: {
    value: '`true`, `false`',
    default: '`false`',
    help: 'a start without a chosen MAC (`--mac-address` or `id`) is refused',
    problem: (text) => choiceProblem(text, ['true', 'false']),
  },
} as const satisfies Record<string, OptionSpec>;
