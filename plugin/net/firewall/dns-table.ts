/**
 * The nf_tables table of `dns=lease` in a container's sandbox, as bytes: queries for one DNS server
 * go to another one. It is a table of its own, so Docker's rules are never touched. As nft(8) shows
 * it:
 *
 *   table ip vlandhcp-vdc… {
 *     chain output {
 *       type nat hook output priority -150
 *       meta l4proto udp  ip daddr 10.99.0.53  th dport 53  dnat to 10.50.0.1
 *     }
 *     chain postrouting {
 *       type nat hook postrouting priority -150
 *       meta l4proto udp  ip daddr 10.50.0.1  th dport 53  ct status dnat  masquerade
 *     }
 *   }
 *
 * DNS servers of IPv6 have a table of the same name in the family ip6.
 *
 * The second chain is for containers with several networks. The resolver's socket takes the source
 * address of the way to the first server. To the second one there may be another way.
 */
import { ipv4ToBytes } from '../../wire/address.ts';
import { ipv6ToBytes } from '../../wire/address6.ts';
import { isIpv6Server, type DnsRedirect, type DnsServer } from '../../vocabulary/dns-redirect.ts';
import { NLM_F_ACK, NLM_F_CREATE } from '../netlink/link-messages.ts';
import { attribute, message, text } from '../netlink/netlink-messages.ts';
import {
  batched,
  differs,
  equals,
  expression,
  header,
  SUBSYSTEM,
  value,
  wide,
} from './nft-messages.ts';

const [NEW_TABLE, DELETE_TABLE, NEW_CHAIN, NEW_RULE] = [0, 2, 3, 6].map(
  (kind) => (SUBSYSTEM << 8) | kind,
) as [number, number, number, number];

const NLM_F_APPEND = 0x800;
/** What differs between the two families: their number, and the destination in the header. */
const FAMILIES = {
  4: { number: 2, destination: 16, length: 4 },
  6: { number: 10, destination: 24, length: 16 },
} as const;
export type Family = keyof typeof FAMILIES;
const CHAIN = { table: 1, name: 3, hook: 4, type: 7 } as const;
const RULE = { table: 1, chain: 2, expressions: 4 } as const;
const HOOKS = { output: 3, postrouting: 4 } as const;
type Chain = keyof typeof HOOKS;

/**
 * iptables has -100. Of two tables of ours the first one that fits counts. The kernel takes nothing
 * below -199 for NAT.
 */
const FIRST_PRIORITY = -150;
const LAST_PRIORITY = -101;

const UDP = 17;
const TCP = 6;
const DNS_PORT = Uint8Array.of(0, 53);
const META_L4PROTO = 16;
const NETWORK_HEADER = 1;
const TRANSPORT = { base: 2, destination: 2 } as const;
const CT_STATUS = 2;
/** IPS_DST_NAT, in the order of the machine. Node runs on little-endian machines only. */
const IS_DNAT = Uint8Array.of(0x20, 0, 0, 0);
const NONE = new Uint8Array(4);
const DNAT = 1;

/** @param containerEnd the first name of the container's link. It is unique on the host. */
export function dnsTableName(containerEnd: string): string {
  return `vlandhcp-${containerEnd}`;
}

/**
 * The batch that makes the table, in place of one of before.
 * @param redirects of that family alone.
 * @param order of two tables in a sandbox, the one with the lower number counts. Infinity: last.
 */
export function newDnsTable(
  name: string,
  redirects: readonly DnsRedirect[],
  order: number,
  family: Family = 4,
): readonly Uint8Array[] {
  const priority = Math.min(FIRST_PRIORITY + order, LAST_PRIORITY);
  const targets = [...new Set(redirects.map(({ to }) => to))];
  const protocols = [UDP, TCP];
  return batched([
    ...withoutTable(name, family),
    tableRequest(NEW_TABLE, name, family),
    natChain(name, 'output', priority, family),
    natChain(name, 'postrouting', priority, family),
    ...redirects.flatMap(({ from, to }) =>
      protocols.map((protocol) =>
        rule(name, 'output', [...isQuery(protocol, from), ...goesTo(to)], family),
      ),
    ),
    ...targets.flatMap((to) =>
      protocols.map((protocol) =>
        rule(name, 'postrouting', [...isQuery(protocol, to), ...isRedirected, masquerade], family),
      ),
    ),
  ]);
}

/** The batch that removes the table. It may be gone already. */
export function dnsTableRemoval(name: string, family: Family = 4): readonly Uint8Array[] {
  return batched(withoutTable(name, family));
}

/** Making it first, which does nothing if it is there, makes its removal succeed. */
function withoutTable(name: string, family: Family): readonly Uint8Array[] {
  return [tableRequest(NEW_TABLE, name, family), tableRequest(DELETE_TABLE, name, family)];
}

function tableRequest(type: number, name: string, family: Family): Uint8Array {
  const flags = NLM_F_ACK | (type === NEW_TABLE ? NLM_F_CREATE : 0);
  return message(type, flags, header(FAMILIES[family].number), text(1, name));
}

function natChain(table: string, chain: Chain, priority: number, family: Family): Uint8Array {
  return message(
    NEW_CHAIN,
    NLM_F_CREATE | NLM_F_ACK,
    header(FAMILIES[family].number),
    text(CHAIN.table, table),
    text(CHAIN.name, chain),
    text(CHAIN.type, 'nat'),
    attribute(CHAIN.hook, wide(1, HOOKS[chain]), wide(2, priority)),
  );
}

function rule(
  table: string,
  chain: Chain,
  expressions: readonly Uint8Array[],
  family: Family,
): Uint8Array {
  return message(
    NEW_RULE,
    NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK,
    header(FAMILIES[family].number),
    text(RULE.table, table),
    text(RULE.chain, chain),
    attribute(RULE.expressions, ...expressions),
  );
}

function isQuery(protocol: number, server: DnsServer): readonly Uint8Array[] {
  const { destination, length } = FAMILIES[familyOf(server)];
  return [
    expression('meta', wide(2, META_L4PROTO), wide(1, 1)),
    equals(Uint8Array.of(protocol)),
    loaded(NETWORK_HEADER, destination, length),
    equals(bytesOf(server)),
    loaded(TRANSPORT.base, TRANSPORT.destination, 2),
    equals(DNS_PORT),
  ];
}

/** Loads bytes of a header into register 1. */
function loaded(base: number, offset: number, length: number): Uint8Array {
  return expression('payload', wide(1, 1), wide(2, base), wide(3, offset), wide(4, length));
}

function goesTo(server: DnsServer): readonly Uint8Array[] {
  const family = FAMILIES[familyOf(server)].number;
  return [
    expression('immediate', wide(1, 1), value(2, bytesOf(server))),
    expression('nat', wide(1, DNAT), wide(2, family), wide(3, 1)),
  ];
}

function familyOf(server: DnsServer): Family {
  return isIpv6Server(server) ? 6 : 4;
}

function bytesOf(server: DnsServer): Uint8Array {
  return isIpv6Server(server) ? ipv6ToBytes(server) : ipv4ToBytes(server);
}

const isRedirected: readonly Uint8Array[] = [
  expression('ct', wide(1, 1), wide(2, CT_STATUS)),
  expression('bitwise', wide(1, 1), wide(2, 1), wide(3, 4), value(4, IS_DNAT), value(5, NONE)),
  differs(NONE),
];

const masquerade = expression('masq');
