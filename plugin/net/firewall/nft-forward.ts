/**
 * Reads what nf_tables does to forwarded frames: the chains that the kernel calls for them, the
 * chains of the same tables, and the sets that decide by the names of links. It changes nothing.
 *
 * The tables of iptables-nft are left out: `iptables -S` tells of them, in words that people know.
 *
 *   NEWCHAIN     1 table  3 name  4 hook (1 number)  5 policy
 *   NEWRULE      1 table  2 chain  3 handle (8)  4 expressions
 *   NEWSETELEM   1 table  2 set  3 elements (1 key  2 data  3 flags  10 end of a range)
 */
import { readFileSync } from 'node:fs';
import type {
  ChainFamily,
  Expression,
  Forwarding,
  ForwardChain,
  ForwardRule,
  SetElement,
} from '../../vocabulary/firewall/forward-chains.ts';
import { SystemCallError } from '../libc.ts';
import { NLM_F_DUMP } from '../netlink/link-messages.ts';
import { attributesOf, findAttribute, message, text, textIn } from '../netlink/netlink-messages.ts';
import {
  NETLINK_NETFILTER,
  openNetlinkSocket,
  type NetlinkSocket,
} from '../netlink/netlink-socket.ts';
import {
  decodeExpressions,
  decodeVerdict,
  valueIn,
  type RawExpression,
} from './nft-expressions.ts';
import { header, SUBSYSTEM } from './nft-messages.ts';

const FAMILIES: Readonly<Record<number, ChainFamily>> = {
  1: 'inet',
  2: 'ip',
  7: 'bridge',
  10: 'ip6',
};
const ALL_FAMILIES = 0;
/** The bridge has the same number for it. */
const HOOK_FORWARD = 2;
const NF_DROP = 0;
const [GET_CHAIN, GET_RULE, GET_ELEMENTS] = [4, 7, 13].map((kind) => (SUBSYSTEM << 8) | kind) as [
  number,
  number,
  number,
];
const HEADER = 4;
const WHAT = 'reading nf_tables';

interface RawChain {
  readonly familyNumber: number;
  readonly family: ChainFamily;
  readonly table: string;
  readonly name: string;
  readonly policy: ForwardChain['policy'];
}

/** @throws SystemCallError */
export async function readForwarding(): Promise<Forwarding> {
  const passesIp = {
    ipv4: isOn('bridge-nf-call-iptables'),
    ipv6: isOn('bridge-nf-call-ip6tables'),
  };
  return { passesIp, chains: await readForwardChains() };
}

/** False without the module br_netfilter. */
function isOn(setting: string): boolean {
  try {
    return readFileSync(`/proc/sys/net/bridge/${setting}`, 'utf8').trim() === '1';
  } catch {
    return false;
  }
}

/**
 * @returns the chains of the tables that have one for forwarded frames. None if the kernel has no
 * nf_tables.
 * @throws SystemCallError
 */
async function readForwardChains(): Promise<readonly ForwardChain[]> {
  let socket: NetlinkSocket;
  try {
    socket = openNetlinkSocket(NETLINK_NETFILTER);
  } catch (error) {
    if (hasNoTables(error)) return [];
    throw error;
  }
  try {
    const all = await readChains(socket);
    const bases = all.filter(({ policy }) => policy !== undefined).filter(isNotOfIptables);
    const tables = new Set(bases.map(tableOf));
    const chains: ForwardChain[] = [];
    for (const chain of all.filter((one) => tables.has(tableOf(one)))) {
      chains.push(await withRules(socket, chain));
    }
    return chains;
  } catch (error) {
    if (hasNoTables(error)) return [];
    throw error;
  } finally {
    socket.close();
  }
}

function hasNoTables(error: unknown): boolean {
  const codes = ['EPROTONOSUPPORT', 'EINVAL', 'EOPNOTSUPP'];
  return error instanceof SystemCallError && codes.includes(error.code);
}

function isNotOfIptables({ family, table, name }: RawChain): boolean {
  return !(['ip', 'ip6'].includes(family) && table === 'filter' && name === 'FORWARD');
}

function tableOf({ family, table }: RawChain): string {
  return `${family} ${table}`;
}

async function readChains(socket: NetlinkSocket): Promise<readonly RawChain[]> {
  const request = message(GET_CHAIN, NLM_F_DUMP, header(ALL_FAMILIES));
  const { bodies } = await socket.askForAll(request, WHAT);
  return bodies.flatMap((body) => {
    const familyNumber = body.getUint8(0);
    const family = FAMILIES[familyNumber];
    const [table, name] = [textIn(body, HEADER, 1), textIn(body, HEADER, 3)];
    if (family === undefined || table === undefined || name === undefined) return [];
    const hook = findAttribute(body, HEADER, 4);
    const isForward = hook && findAttribute(hook, 0, 1)?.getUint32(0) === HOOK_FORWARD;
    const policy = findAttribute(body, HEADER, 5)?.getUint32(0) === NF_DROP ? 'drop' : 'accept';
    return [{ familyNumber, family, table, name, policy: isForward ? policy : undefined }];
  });
}

async function withRules(
  socket: NetlinkSocket,
  { familyNumber, ...chain }: RawChain,
): Promise<ForwardChain> {
  const request = message(
    GET_RULE,
    NLM_F_DUMP,
    header(familyNumber),
    text(1, chain.table),
    text(2, chain.name),
  );
  const { bodies } = await socket.askForAll(request, WHAT);
  const rules: ForwardRule[] = [];
  for (const body of bodies) {
    if (textIn(body, HEADER, 1) !== chain.table || textIn(body, HEADER, 2) !== chain.name) continue;
    const raw = decodeExpressions(findAttribute(body, HEADER, 4));
    const expressions: Expression[] = [];
    for (const [index, one] of raw.entries()) {
      if (one.type !== 'lookup') {
        expressions.push(one);
        continue;
      }
      const { set, ...lookup } = one;
      const isWanted = isOfKnownKey(raw.slice(0, index), one.register);
      const elements = isWanted
        ? await readElements(socket, familyNumber, chain.table, set)
        : undefined;
      expressions.push({ ...lookup, elements });
    }
    const handle = Number(findAttribute(body, HEADER, 3)?.getBigUint64(0) ?? 0n);
    rules.push({ handle, expressions });
  }
  return { ...chain, rules };
}

/** Sets of addresses may be large, and nothing is known of a frame's addresses. */
function isOfKnownKey(before: readonly RawExpression[], register: number): boolean {
  const last = before.findLast((one) => 'register' in one && one.register === register);
  return (last?.type === 'load' && last.key !== undefined) || last?.type === 'mask';
}

/** Undefined if the set has ranges. */
async function readElements(
  socket: NetlinkSocket,
  family: number,
  table: string,
  set: string,
): Promise<readonly SetElement[] | undefined> {
  const request = message(GET_ELEMENTS, NLM_F_DUMP, header(family), text(1, table), text(2, set));
  const { bodies } = await socket.askForAll(request, WHAT);
  const elements: SetElement[] = [];
  for (const body of bodies) {
    const list = findAttribute(body, HEADER, 3);
    for (const one of list === undefined ? [] : attributesOf(list, 0, 1)) {
      const key = valueIn(one, 1);
      const flags = findAttribute(one, 0, 3)?.getUint32(0) ?? 0;
      const isRange = flags !== 0 || findAttribute(one, 0, 10) !== undefined;
      if (key === undefined || isRange) return undefined;
      const data = findAttribute(one, 0, 2);
      elements.push({ key, verdict: data && decodeVerdict(data) });
    }
  }
  return elements;
}
