/**
 * Links by rtnetlink(7): looking one up with its alias, making a veth pair, changing and removing links. No process is
 * started for it, and other calls go on while the kernel takes its 20 ms to remove one.
 *
 *   struct nlmsghdr   0 length (4)  4 type (2)  6 flags (2)  8 sequence (4)  12 port (4)
 *   struct ifinfomsg  0 family  2 type (2)  4 index (4)  8 flags (4)  12 change (4)
 *   struct rtattr     0 length (2)  2 type (2)  4 value, padded to a multiple of 4
 *   an answer of type NLMSG_ERROR: 16 negative errno (4), 0 for success
 */
import { closeSync, readSync, write } from 'node:fs';
import { promisify } from 'node:util';
import { macToBytes, type Mac } from '../../wire/address.ts';
import { IFF_UP } from './interface-request.ts';
import { openSocket, SystemCallError } from '../libc.ts';
import {
  attribute,
  findAttribute,
  HEADER_LENGTH,
  joined,
  message,
  number,
  padded,
  text,
  textIn,
} from './netlink-messages.ts';

export interface FoundLink {
  readonly index: number;
  readonly alias: string | undefined;
}

export interface NewLink {
  readonly name: string;
  readonly mac: Mac;
  readonly mtu: number;
  /** Group of links (`ip link show group`) that it is made in. */
  readonly group: number;
}

/** What is not said stays as it is; all of it holds before the link comes up. */
export interface LinkChange {
  readonly name: string;
  readonly alias?: string;
  readonly group?: number;
  /** Index of the bridge. */
  readonly master?: number;
  /** No IPv6 address is formed on it (IN6_ADDR_GEN_MODE_NONE). */
  readonly formsNoAddress?: boolean;
  readonly isUp?: boolean;
}

const AF_NETLINK = 16;
const AF_INET6 = 10;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const NETLINK_ROUTE = 0;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const NLM_F_ACK = 4;
const NLM_F_EXCL = 0x200;
const NLM_F_CREATE = 0x400;
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_MASTER = 10;
const IFLA_OPERSTATE = 16;
const IF_OPER_UP = 6;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_INFO_SLAVE_KIND = 4;
const IFLA_INFO_SLAVE_DATA = 5;
const IFLA_BRPORT_STATE = 1;
const BR_STATE_FORWARDING = 3;
const VETH_INFO_PEER = 1;
const IFLA_IFALIAS = 20;
const IFLA_AF_SPEC = 26;
const IFLA_GROUP = 27;
const IFLA_INET6_ADDR_GEN_MODE = 8;
const IN6_ADDR_GEN_MODE_NONE = 1;

const ENODEV = 19;

const LINK_LENGTH = 16;
const INDEX_AT = HEADER_LENGTH + 4;
const ATTRIBUTES_AT = HEADER_LENGTH + LINK_LENGTH;
const ERROR_AT = 16;
/** For one answer at a time; one about a link is some 2 KB, and the kernel would cut off what does not fit. */
const answerBuffer = new Uint8Array(32 * 1024);

/** Undefined if there is no link of that name. @throws SystemCallError */
export async function findLink(name: string): Promise<FoundLink | undefined> {
  const [answer] = await askNetlink([aboutLink(name)], `looking up link ${name}`);
  if (answer === undefined) return undefined;
  return {
    index: answer.getInt32(INDEX_AT, true),
    alias: textIn(answer, ATTRIBUTES_AT, IFLA_IFALIAS),
  };
}

/** The name of what the link is a port of; undefined if there is no such link, or it is the port of nothing. @throws SystemCallError */
export async function findMaster(name: string): Promise<string | undefined> {
  const [answer] = await askNetlink([aboutLink(name)], `looking up link ${name}`);
  const index = answer && findAttribute(answer, ATTRIBUTES_AT, IFLA_MASTER)?.getInt32(0, true);
  if (index === undefined) return undefined;
  const request = message(RTM_GETLINK, 0, linkHeader({ index }));
  const [master] = await askNetlink([request], `looking up link ${index}`);
  return master && textIn(master, ATTRIBUTES_AT, IFLA_IFNAME);
}

/**
 * True if each of the links sends what it is given, and forwards it if it is the port of a bridge. The kernel gets
 * there a moment after it has called a link running.
 * @throws SystemCallError
 */
export async function carryFrames(names: readonly string[]): Promise<boolean> {
  const answers = await askNetlink(names.map(aboutLink), `looking at links ${names.join(', ')}`);
  return answers.every((answer) => answer !== undefined && isActive(answer) && forwards(answer));
}

/** Until the kernel has seen to the carrier a link's state is unknown, and its queue drops everything. */
function isActive(answer: DataView): boolean {
  return findAttribute(answer, ATTRIBUTES_AT, IFLA_OPERSTATE)?.getUint8(0) === IF_OPER_UP;
}

/** A link that is no port of a bridge has nothing to forward. */
function forwards(answer: DataView): boolean {
  const info = findAttribute(answer, ATTRIBUTES_AT, IFLA_LINKINFO);
  if (info === undefined) return true;
  if (textIn(info, 0, IFLA_INFO_SLAVE_KIND) !== 'bridge') return true;
  const port = findAttribute(info, 0, IFLA_INFO_SLAVE_DATA);
  const state = port === undefined ? undefined : findAttribute(port, 0, IFLA_BRPORT_STATE);
  return state?.getUint8(0) === BR_STATE_FORWARDING;
}

/** Both ends, down. @throws SystemCallError, of code EEXIST if one of the names is taken; then nothing is made. */
export async function addVethPair(one: NewLink, other: NewLink): Promise<void> {
  const peer = attribute(VETH_INFO_PEER, linkHeader({}), identity(other));
  const request = message(
    RTM_NEWLINK,
    NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL,
    linkHeader({}),
    identity(one),
    attribute(IFLA_LINKINFO, text(IFLA_INFO_KIND, 'veth'), attribute(IFLA_INFO_DATA, peer)),
  );
  await askNetlink([request], `adding link ${one.name}`);
}

/** In that order. @throws SystemCallError for the first that failed, ENODEV if there is no such link; the others are tried all the same. */
export async function changeLinks(changes: readonly LinkChange[]): Promise<void> {
  const requests = changes.flatMap(({ name, alias, group, master, formsNoAddress, isUp }) => {
    const set = (header: Uint8Array, ...attributes: readonly Uint8Array[]) =>
      message(RTM_SETLINK, NLM_F_ACK, header, text(IFLA_IFNAME, name), ...attributes);
    const mode = number(1, IFLA_INET6_ADDR_GEN_MODE, IN6_ADDR_GEN_MODE_NONE);
    const before = [
      ...(alias === undefined ? [] : [text(IFLA_IFALIAS, alias)]),
      ...(group === undefined ? [] : [number(4, IFLA_GROUP, group)]),
      ...(master === undefined ? [] : [number(4, IFLA_MASTER, master)]),
      ...(formsNoAddress === true ? [attribute(IFLA_AF_SPEC, attribute(AF_INET6, mode))] : []),
    ];
    return [
      ...(before.length === 0 ? [] : [set(linkHeader({}), ...before)]),
      // Of its own: within one message the kernel brings a link up before it looks at IFLA_AF_SPEC.
      ...(isUp === undefined ? [] : [set(linkHeader({ isUp }))]),
    ];
  });
  const what = `changing links ${changes.map(({ name }) => name).join(', ')}`;
  const answers = await askNetlink(requests, what);
  if (answers.includes(undefined)) throw new SystemCallError(what, ENODEV);
}

/**
 * Also while it is up: the kernel takes it down for the moment if it has to (before Linux 6.2).
 * @throws SystemCallError, of code EEXIST if the name is taken, EBUSY if it cannot be done.
 */
export async function renameLink(index: number, name: string): Promise<void> {
  const what = `renaming link ${index} to ${name}`;
  const rename = (more: { isUp?: boolean }) =>
    message(RTM_SETLINK, NLM_F_ACK, linkHeader({ index, ...more }), text(IFLA_IFNAME, name));
  try {
    await askNetlink([rename({})], what);
  } catch (error) {
    if (!(error instanceof SystemCallError && error.code === 'EBUSY')) throw error;
    const set = (isUp: boolean) => message(RTM_SETLINK, NLM_F_ACK, linkHeader({ index, isUp }));
    await askNetlink([set(false), rename({}), set(true)], what);
  }
}

/** Of a veth, the other end goes with it. Gone already is fine. @throws SystemCallError */
export async function removeLinkAt(index: number): Promise<void> {
  await askNetlink(
    [message(RTM_DELLINK, NLM_F_ACK, linkHeader({ index }))],
    `removing link ${index}`,
  );
}

function aboutLink(name: string): Uint8Array {
  return message(RTM_GETLINK, 0, linkHeader({}), text(IFLA_IFNAME, name));
}

function linkHeader({ index = 0, isUp }: { index?: number; isUp?: boolean }): Uint8Array {
  const header = new Uint8Array(LINK_LENGTH);
  const view = new DataView(header.buffer);
  view.setInt32(4, index, true);
  view.setUint32(8, isUp === true ? IFF_UP : 0, true);
  view.setUint32(12, isUp === undefined ? 0 : IFF_UP, true);
  return header;
}

function identity({ name, mac, mtu, group }: NewLink): Uint8Array {
  return joined([
    text(IFLA_IFNAME, name),
    attribute(IFLA_ADDRESS, macToBytes(mac)),
    number(4, IFLA_MTU, mtu),
    number(4, IFLA_GROUP, group),
  ]);
}

/** @returns an answer to each, undefined where there is no such link. @throws SystemCallError for the first that failed otherwise. */
export async function askNetlink(
  requests: readonly Uint8Array[],
  what: string,
): Promise<readonly (DataView | undefined)[]> {
  const fd = openSocket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, NETLINK_ROUTE);
  try {
    // On a thread of the pool: the kernel does what is asked before it takes the requests off our hands.
    await promisify(write)(fd, joined(requests));
    return requests.map(() => readAnswer(fd, what)); // so all the answers are there
  } finally {
    closeSync(fd);
  }
}

/** The bodies of all messages that answer a dump. @throws SystemCallError */
export async function askNetlinkForAll(
  request: Uint8Array,
  what: string,
): Promise<readonly DataView[]> {
  const fd = openSocket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, NETLINK_ROUTE);
  try {
    await promisify(write)(fd, request);
    const bodies: DataView[] = [];
    for (;;) {
      const length = readSync(fd, answerBuffer);
      const { buffer } = answerBuffer.slice(0, length);
      for (let at = 0; at + HEADER_LENGTH <= length;) {
        const header = new DataView(buffer, at);
        const [size, type] = [header.getUint32(0, true), header.getUint16(4, true)];
        if (type === NLMSG_DONE) return bodies;
        if (type === NLMSG_ERROR) {
          throw new SystemCallError(what, -header.getInt32(HEADER_LENGTH, true));
        }
        bodies.push(new DataView(buffer, at + HEADER_LENGTH, size - HEADER_LENGTH));
        at += padded(size);
      }
    }
  } finally {
    closeSync(fd);
  }
}

function readAnswer(fd: number, what: string): DataView | undefined {
  const answer = new DataView(answerBuffer.slice(0, readSync(fd, answerBuffer)).buffer);
  if (answer.getUint16(4, true) !== NLMSG_ERROR) return answer;
  const errno = -answer.getInt32(ERROR_AT, true);
  if (errno === 0) return answer;
  if (errno === ENODEV) return undefined;
  throw new SystemCallError(what, errno);
}
