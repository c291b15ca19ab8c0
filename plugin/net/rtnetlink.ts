/**
 * Looking up a link with its alias, and removing it, by rtnetlink(7): no process is started for it, and other
 * calls go on while the kernel takes its 20 ms to remove one.
 *
 *   struct nlmsghdr   0 length (4)  4 type (2)  6 flags (2)  8 sequence (4)  12 port (4)
 *   struct ifinfomsg  16 family  18 type (2)  20 index (4)  24 flags (4)  28 change (4)
 *   struct rtattr     0 length (2)  2 type (2)  4 value, padded to a multiple of 4
 *   an answer of type NLMSG_ERROR: 16 negative errno (4), 0 for success
 */
import { close, read, write } from 'node:fs';
import { promisify } from 'node:util';
import { openSocket, SystemCallError } from './libc.ts';

export interface FoundLink {
  readonly index: number;
  readonly alias: string | undefined;
}

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC = 3 | 0o2000000;
const NETLINK_ROUTE = 0;
const NLMSG_ERROR = 2;
const RTM_DELLINK = 17;
const RTM_GETLINK = 18;
const NLM_F_REQUEST = 1;
const NLM_F_ACK = 4;
const IFLA_IFNAME = 3;
const IFLA_IFALIAS = 20;

const HEADER_LENGTH = 32;
const INDEX_AT = 20;
const ERROR_AT = 16;
const ATTRIBUTE_HEADER_LENGTH = 4;
/** An answer about one link is some 2 KB; the kernel would cut off what does not fit. */
const ANSWER_LENGTH = 32 * 1024;

/** Undefined if there is no link of that name. @throws SystemCallError */
export async function findLink(name: string): Promise<FoundLink | undefined> {
  const text = new TextEncoder().encode(`${name}\0`);
  const request = requestOf(RTM_GETLINK, 0, ATTRIBUTE_HEADER_LENGTH + text.length);
  const view = new DataView(request.buffer);
  view.setUint16(HEADER_LENGTH, ATTRIBUTE_HEADER_LENGTH + text.length, true);
  view.setUint16(HEADER_LENGTH + 2, IFLA_IFNAME, true);
  request.set(text, HEADER_LENGTH + ATTRIBUTE_HEADER_LENGTH);
  const answer = await ask(request, `looking up link ${name}`);
  if (answer === undefined) return undefined;
  return { index: answer.getInt32(INDEX_AT, true), alias: textAttribute(answer, IFLA_IFALIAS) };
}

/** Of a veth, the other end goes with it. Gone already is fine. @throws SystemCallError */
export async function removeLinkAt(index: number): Promise<void> {
  const request = requestOf(RTM_DELLINK, NLM_F_ACK, 0);
  new DataView(request.buffer).setInt32(INDEX_AT, index, true);
  await ask(request, `removing link ${index}`);
}

function requestOf(type: number, flags: number, attributesLength: number): Uint8Array<ArrayBuffer> {
  const request = new Uint8Array(Math.ceil((HEADER_LENGTH + attributesLength) / 4) * 4);
  const view = new DataView(request.buffer);
  view.setUint32(0, request.length, true);
  view.setUint16(4, type, true);
  view.setUint16(6, NLM_F_REQUEST | flags, true);
  return request;
}

/** @returns the answer, undefined if there is no such link. @throws SystemCallError */
async function ask(request: Uint8Array, what: string): Promise<DataView | undefined> {
  const fd = openSocket(AF_NETLINK, SOCK_RAW_CLOEXEC, NETLINK_ROUTE);
  try {
    // On threads of the pool: the kernel does what is asked before it takes the request off our hands.
    await promisify(write)(fd, request);
    const { buffer, bytesRead } = await promisify(read)(fd, {
      buffer: new Uint8Array(ANSWER_LENGTH),
    });
    const answer = new DataView(buffer.buffer, 0, bytesRead);
    if (answer.getUint16(4, true) !== NLMSG_ERROR) return answer;
    const errno = -answer.getInt32(ERROR_AT, true);
    if (errno === 0) return answer;
    const error = new SystemCallError(what, errno);
    if (error.code === 'ENODEV') return undefined;
    throw error;
  } finally {
    await promisify(close)(fd);
  }
}

function textAttribute(answer: DataView, wanted: number): string | undefined {
  for (let at = HEADER_LENGTH; at + ATTRIBUTE_HEADER_LENGTH <= answer.byteLength;) {
    const length = answer.getUint16(at, true);
    if (length < ATTRIBUTE_HEADER_LENGTH) return undefined;
    if (answer.getUint16(at + 2, true) === wanted) {
      const start = answer.byteOffset + at + ATTRIBUTE_HEADER_LENGTH;
      const value = new Uint8Array(answer.buffer, start, length - ATTRIBUTE_HEADER_LENGTH - 1);
      return new TextDecoder().decode(value); // without the zero at its end
    }
    at += Math.ceil(length / 4) * 4;
  }
  return undefined;
}
