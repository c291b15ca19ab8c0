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
import { batched, equals, expression, header, SUBSYSTEM, wide } from './nft-messages.ts';

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

const GET_GENERATION = (SUBSYSTEM << 8) | 16;
const [GET_CHAIN, NEW_RULE, GET_RULE, DELETE_RULE] = [4, 6, 7, 8].map(
  (kind) => (SUBSYSTEM << 8) | kind,
) as [number, number, number, number];

const HEADER = 4;
/** The header of an answer comes before that. */
const ANSWER_HEADER = 16 + HEADER;
const GENERATION_ID = 1;
const BATCH_GENERATION = 1;
/** The kernel's answer if the generation is another one. No program sees it as an errno. */
const ERESTART = 85;
/** One attempt takes some milliseconds. */
const MOST_ATTEMPTS = 20;
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
export function ensureTableAccept(
  table: NftTable,
  bridges: readonly string[],
): Promise<readonly ('added' | 'present' | 'no-chain')[]> {
  return inOneGeneration(async (generation) => {
    const policy = await readPolicy(table);
    if (policy === undefined) return ['no-chain'];
    const isNeeded = table.endsClosed || policy === NF_DROP;
    const rules = await list(table, GET_RULE);
    const changes: Uint8Array[] = [];
    const outcomes = bridges.map((bridge) => {
      const [first, ...surplus] = handlesOf(rules, bridge);
      changes.push(...surplus.map((handle) => removal(table, handle)));
      if (first === undefined && isNeeded) changes.push(addition(table, bridge));
      const without = isNeeded ? 'added' : 'no-chain';
      return first === undefined ? without : 'present';
    });
    await change(table, changes, generation);
    return outcomes;
  });
}

/** @throws SystemCallError */
export function removeTableAccept(
  table: NftTable,
  bridges: readonly string[],
): Promise<readonly ('removed' | 'absent' | 'no-chain')[]> {
  return inOneGeneration(async (generation) => {
    if ((await readPolicy(table)) === undefined) return ['no-chain'];
    const rules = await list(table, GET_RULE);
    const handles = bridges.flatMap((bridge) => handlesOf(rules, bridge));
    const removals = handles.map((handle) => removal(table, handle));
    await change(table, removals, generation);
    return [handles.length > 0 ? 'removed' : 'absent'];
  });
}

/**
 * Runs `work` again if somebody changed nf_tables before its own change. Handles of rules count
 * from 1 in a table that was made anew. So a handle that was read before may now be of a rule of
 * somebody else. The kernel refuses a change that names an earlier generation.
 */
async function inOneGeneration<Result>(
  work: (generation: Uint8Array | undefined) => Promise<Result>,
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(await readGeneration());
    } catch (error) {
      const isOvertaken = error instanceof SystemCallError && error.errno === ERESTART;
      if (!isOvertaken || attempt === MOST_ATTEMPTS) throw error;
    }
  }
}

/** Returns undefined if the kernel has no nf_tables. */
async function readGeneration(): Promise<Uint8Array | undefined> {
  const socket = openSocket();
  if (socket === undefined) return undefined;
  try {
    const [answer] = await socket.ask([message(GET_GENERATION, 0, header(0))], 'reading nf_tables');
    const [id] = answer === undefined ? [] : attributesOf(answer, ANSWER_HEADER, GENERATION_ID);
    return id && bytesOf(id);
  } catch (error) {
    if (hasNoTables(error)) return undefined;
    throw error;
  } finally {
    socket.close();
  }
}

function openSocket() {
  try {
    return openNetlinkSocket(NETLINK_NETFILTER);
  } catch (error) {
    if (hasNoTables(error)) return undefined;
    throw error;
  }
}

function hasNoTables(error: unknown): boolean {
  const codes = ['EPROTONOSUPPORT', 'EINVAL', 'EOPNOTSUPP'];
  return error instanceof SystemCallError && codes.includes(error.code);
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
    if (hasNoTables(error)) return undefined;
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

/** Makes all changes or none. */
async function change(
  table: NftTable,
  requests: readonly Uint8Array[],
  generation: Uint8Array | undefined,
): Promise<void> {
  if (requests.length === 0) return;
  const socket = openNetlinkSocket(NETLINK_NETFILTER);
  const checked = generation === undefined ? [] : [attribute(BATCH_GENERATION, generation)];
  try {
    await socket.ask(
      batched(requests, ...checked),
      `changing the chain ${table.chain} of table ${table.table}`,
    );
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
  return [expression('meta', wide(2, key), wide(1, 1)), equals(padded)];
}

function chainNames({ table, chain }: NftTable): readonly Uint8Array[] {
  return [text(RULE_TABLE, table), text(RULE_CHAIN, chain)];
}
