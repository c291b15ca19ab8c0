/**
 * Keeps the accept rule of a bridge in nftables' own tables, where iptables does not reach. Every
 * table must accept a frame. So a rule in another table does not help.
 *
 * - Engine 29 with `--firewall-backend=nftables` has `docker-bridges`, for IPv4 and IPv6 each. Its
 *   chain has the policy `drop` if dockerd itself switched on forwarding. Only then the rule is
 *   added.
 * - firewalld has `firewalld`. Its chain ends with a reject.
 *
 * A dockerd that starts, and a firewalld that reloads, make their table anew. The kernel reports
 * that, and the rule is added again.
 *
 * This file talks to nf_tables itself, because the plugin's image has no program `nft`.
 *
 *   struct nfgenmsg  0 family (1)  1 version (1)  2 subsystem, only in a batch (2)
 *   a batch          begin, the request, end. Numbers in attributes are in network order.
 *   a rule           iifname in register 1, compare; oifname the same; accept
 *   its user data    0 type: comment (1)  1 length (1)  2 text with a zero at its end
 */
import { SystemCallError } from '../libc.ts';
import {
  attribute,
  attributesOf,
  bytesOf,
  findAttribute,
  joined,
  message,
  text,
  textIn,
} from '../netlink/netlink-messages.ts';
import { NLM_F_ACK, NLM_F_CREATE, NLM_F_DUMP } from '../netlink/link-messages.ts';
import { NETLINK_NETFILTER, openNetlinkSocket } from '../netlink/netlink-socket.ts';

export interface NftTable {
  /** 1 for both, 2 for IPv4, 10 for IPv6. */
  readonly family: number;
  readonly table: string;
  readonly chain: string;
  /** True if the chain drops frames at its end, whatever its policy is. */
  readonly endsClosed: boolean;
}

const DOCKER = { table: 'docker-bridges', chain: 'filter-FORWARD', endsClosed: false };
const FIREWALLD = { table: 'firewalld', chain: 'filter_FORWARD', endsClosed: true };
export const IPV4_TABLES: readonly NftTable[] = [
  { family: 2, ...DOCKER },
  { family: 1, ...FIREWALLD },
];
export const IPV6_TABLES: readonly NftTable[] = [{ family: 10, ...DOCKER }];
export const WATCHED_TABLES = [DOCKER, FIREWALLD].map(({ table, chain }) => ({
  table,
  chains: [chain],
}));

const SUBSYSTEM = 10;
const BATCH_BEGIN = 0x10;
const BATCH_END = 0x11;
const [GET_CHAIN, NEW_RULE, GET_RULE, DELETE_RULE] = [4, 6, 7, 8].map(
  (kind) => (SUBSYSTEM << 8) | kind,
) as [number, number, number, number];

const HEADER = 4;
const CHAIN_TABLE = 1;
const CHAIN_NAME = 3;
const CHAIN_POLICY = 5;
const RULE_TABLE = 1;
const RULE_CHAIN = 2;
const RULE_HANDLE = 3;
const RULE_EXPRESSIONS = 4;
const RULE_USERDATA = 7;
const META_IIFNAME = 6;
const META_OIFNAME = 7;
const NF_DROP = 0;
const NF_ACCEPT = 1;
const LONGEST_NAME = 16;
/** The kernel lists again if something changed meanwhile. */
const MOST_LISTINGS = 5;

/** @throws SystemCallError */
export async function ensureTableAccept(
  table: NftTable,
  bridges: readonly string[],
): Promise<readonly ('added' | 'present' | 'no-chain')[]> {
  const policy = await readPolicy(table);
  if (policy === undefined) return ['no-chain'];
  const isNeeded = table.endsClosed || policy === NF_DROP;
  const rules = await list(table, GET_RULE);
  const outcomes: ('added' | 'present' | 'no-chain')[] = [];
  for (const bridge of bridges) {
    const [first, ...surplus] = handlesOf(rules, bridge);
    for (const handle of surplus) await change(table, removal(table, handle));
    if (first === undefined && isNeeded) await change(table, addition(table, bridge));
    const without = isNeeded ? 'added' : 'no-chain';
    outcomes.push(first === undefined ? without : 'present');
  }
  return outcomes;
}

/** @throws SystemCallError */
export async function removeTableAccept(
  table: NftTable,
  bridges: readonly string[],
): Promise<readonly ('removed' | 'absent' | 'no-chain')[]> {
  if ((await readPolicy(table)) === undefined) return ['no-chain'];
  const rules = await list(table, GET_RULE);
  const handles = bridges.flatMap((bridge) => handlesOf(rules, bridge));
  for (const handle of handles) await change(table, removal(table, handle));
  return [handles.length > 0 ? 'removed' : 'absent'];
}

/** Returns undefined if there is no such chain. */
async function readPolicy(table: NftTable): Promise<number | undefined> {
  try {
    const chain = (await list(table, GET_CHAIN)).find(
      (body) =>
        textIn(body, HEADER, CHAIN_TABLE) === table.table &&
        textIn(body, HEADER, CHAIN_NAME) === table.chain,
    );
    return chain && findAttribute(chain, HEADER, CHAIN_POLICY)?.getUint32(0);
  } catch (error) {
    // A kernel without nf_tables.
    const codes = ['EPROTONOSUPPORT', 'EINVAL', 'EOPNOTSUPP'];
    if (error instanceof SystemCallError && codes.includes(error.code)) return undefined;
    throw error;
  }
}

/** Lists all chains of the family, or the rules of the chain. */
async function list(table: NftTable, type: number): Promise<readonly DataView[]> {
  const parts = type === GET_RULE ? chainNames(table) : [];
  const request = message(type, NLM_F_DUMP, header(table.family), ...parts);
  const socket = openNetlinkSocket(NETLINK_NETFILTER);
  try {
    for (let listing = 1; ; listing += 1) {
      const { bodies, isConsistent } = await socket.askForAll(request, 'reading nf_tables');
      if (isConsistent || listing === MOST_LISTINGS) return bodies;
    }
  } finally {
    socket.close();
  }
}

async function change(table: NftTable, request: Uint8Array): Promise<void> {
  const socket = openNetlinkSocket(NETLINK_NETFILTER);
  const around = [BATCH_BEGIN, BATCH_END].map((type) => message(type, 0, header(0, SUBSYSTEM)));
  const [begin, end] = around as [Uint8Array, Uint8Array];
  try {
    const what = `changing the chain ${table.chain} of table ${table.table}`;
    await socket.ask([joined([begin, request, end])], what);
  } finally {
    socket.close();
  }
}

function addition(table: NftTable, bridge: string): Uint8Array {
  const expressions = [
    ...isNamed(META_IIFNAME, bridge),
    ...isNamed(META_OIFNAME, bridge),
    expression('immediate', wide(1, 0), attribute(2, attribute(2, wide(1, NF_ACCEPT)))),
  ];
  return message(
    NEW_RULE,
    NLM_F_CREATE | NLM_F_ACK,
    header(table.family),
    ...chainNames(table),
    attribute(RULE_EXPRESSIONS, ...expressions),
    attribute(RULE_USERDATA, commentFor(bridge)),
  );
}

function removal(table: NftTable, handle: Uint8Array): Uint8Array {
  const parts = [...chainNames(table), attribute(RULE_HANDLE, handle)];
  return message(DELETE_RULE, NLM_F_ACK, header(table.family), ...parts);
}

/** Returns the handles of our rules for the bridge. The comment tells them. */
function handlesOf(rules: readonly DataView[], bridge: string): readonly Uint8Array[] {
  const wanted = Buffer.from(commentFor(bridge));
  return rules.flatMap((rule) => {
    const comment = findAttribute(rule, HEADER, RULE_USERDATA);
    const [handle] = attributesOf(rule, HEADER, RULE_HANDLE);
    if (comment === undefined || handle === undefined) return [];
    return wanted.equals(bytesOf(comment)) ? [bytesOf(handle)] : [];
  });
}

function commentFor(bridge: string): Uint8Array {
  const words = new TextEncoder().encode(`vlandhcp ${bridge}\0`);
  return joined([Uint8Array.of(0, words.length), words]);
}

function isNamed(key: number, name: string): readonly Uint8Array[] {
  const padded = new Uint8Array(LONGEST_NAME);
  padded.set(new TextEncoder().encode(name));
  const equal = [wide(1, 1), wide(2, 0), attribute(3, attribute(1, padded))];
  return [expression('meta', wide(2, key), wide(1, 1)), expression('cmp', ...equal)];
}

function expression(name: string, ...data: readonly Uint8Array[]): Uint8Array {
  return attribute(1, text(1, name), attribute(2, ...data));
}

function chainNames({ table, chain }: NftTable): readonly Uint8Array[] {
  return [text(RULE_TABLE, table), text(RULE_CHAIN, chain)];
}

function header(family: number, subsystem = 0): Uint8Array {
  return Uint8Array.of(family, 0, 0, subsystem);
}

/** An attribute with a number of four bytes in network order. */
function wide(type: number, value: number): Uint8Array {
  return attribute(type, Uint8Array.of(0, 0, 0, value));
}
