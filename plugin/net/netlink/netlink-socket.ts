/**
 * Sends requests to rtnetlink(7), or to another protocol of netlink(7), and reads the answers. No
 * process is started. The kernel works on a thread of the pool, so other calls go on meanwhile. A
 * socket belongs for ever to the network namespace in which it was opened.
 *
 *   an answer of type NLMSG_ERROR: 16 negative errno (4), 0 for success  20 header of the request
 *     of a failure: then the request's body, and then attributes, if NLM_F_ACK_TLVS
 */
import { closeSync, read, readSync, write, writeSync } from 'node:fs';
import { promisify } from 'node:util';
import { fixedBytes, openSocket, setSocketOption, SystemCallError } from '../libc.ts';
import { HEADER_LENGTH, joined, padded, textIn } from './netlink-messages.ts';

export interface NetlinkSocket {
  /**
   * Makes all requests in turn, also after one that failed.
   * @param what a text for the error: what is being done.
   * @returns an answer to each request. It is undefined if there is no such link.
   * @throws SystemCallError for the first other failure.
   */
  ask(requests: readonly Uint8Array[], what: string): Promise<readonly (DataView | undefined)[]>;
  /** Asks for all objects of one kind. @throws SystemCallError */
  askForAll(request: Uint8Array, what: string): Promise<Dump>;
  /** Must not be called while a request is running. */
  close(): void;
}

export interface Dump {
  /** The bytes after the header of each message. */
  readonly bodies: readonly DataView[];
  /**
   * False if something changed while the kernel listed. Entries may be missing, or appear twice.
   */
  readonly isConsistent: boolean;
}

const AF_NETLINK = 16;
const SOCK_RAW_NONBLOCK_CLOEXEC = 3 | 0o4000 | 0o2000000;
const NETLINK_ROUTE = 0;
export const NETLINK_NETFILTER = 12;
const SOL_NETLINK = 270;
const NETLINK_EXT_ACK = 11;
const NLMSG_ERROR = 2;
const NLMSG_DONE = 3;
const NLM_F_DUMP_INTR = 0x10;
const NLM_F_ACK_TLVS = 0x200;
const NLMSGERR_ATTR_MSG = 1;
const ENODEV = 19;

const TYPE_AT = 4;
const FLAGS_AT = 6;
const ERROR_AT = HEADER_LENGTH;
const REQUEST_AT = ERROR_AT + 4;
/** An answer about one link has some 2 KB. The kernel would cut off what does not fit. */
const BUFFER_LENGTH = 32 * 1024;
const answerBuffer = new Uint8Array(BUFFER_LENGTH);

/** Opens a socket in the network namespace in which this thread is now. @throws SystemCallError */
export function openNetlinkSocket(protocol = NETLINK_ROUTE): NetlinkSocket {
  const fd = openSocket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, protocol);
  try {
    askForWords(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return {
    async ask(requests, what) {
      await promisify(write)(fd, joined(requests));
      return requests.map(() => readAnswer(fd, what)); // all answers are there when the write ends
    },
    async askForAll(request, what) {
      await promisify(write)(fd, request);
      return readDump(fd, what);
    },
    close: () => closeSync(fd),
  };
}

/**
 * Makes these requests with a socket of its own. See `NetlinkSocket.ask`. @throws SystemCallError
 */
export function askNetlink(
  requests: readonly Uint8Array[],
  what: string,
): Promise<readonly (DataView | undefined)[]> {
  return withSocket((socket) => socket.ask(requests, what));
}

/**
 * Makes one request with a socket of its own. See `NetlinkSocket.askForAll`.
 * @throws SystemCallError
 */
export function askNetlinkForAll(request: Uint8Array, what: string): Promise<Dump> {
  return withSocket((socket) => socket.askForAll(request, what));
}

/**
 * Makes one request before anything else runs: in the namespace in which this thread is now.
 * @returns undefined if there is no such link. @throws SystemCallError
 */
export function askNow(request: Uint8Array, what: string): DataView | undefined {
  const fd = openSocket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, NETLINK_ROUTE);
  try {
    writeSync(fd, request);
    return readAnswer(fd, what);
  } finally {
    closeSync(fd);
  }
}

/**
 * Asks for all objects of one kind, before anything else runs: in the namespace in which this
 * thread is now. For few objects.
 * @returns the bytes after the header of each message.
 * @throws SystemCallError
 */
export function askForAllNow(request: Uint8Array, what: string): readonly DataView[] {
  const fd = openSocket(AF_NETLINK, SOCK_RAW_NONBLOCK_CLOEXEC, NETLINK_ROUTE);
  try {
    writeSync(fd, request);
    const bodies: DataView[] = [];
    let part: DumpPart;
    do {
      // The kernel has listed the first part when the write ends, and the next when one is read.
      part = readPart(answerBuffer.slice(0, readSync(fd, answerBuffer)), what);
      bodies.push(...part.bodies);
    } while (!part.isLast);
    return bodies;
  } finally {
    closeSync(fd);
  }
}

async function withSocket<Result>(
  use: (socket: NetlinkSocket) => Promise<Result>,
): Promise<Result> {
  const socket = openNetlinkSocket();
  try {
    return await use(socket);
  } finally {
    socket.close();
  }
}

/** Asks the kernel to give its reasons for a refusal in words. Kernels before 4.12 cannot. */
function askForWords(fd: number): void {
  const on = fixedBytes(4);
  on[0] = 1;
  try {
    setSocketOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, on);
  } catch (error) {
    if (!(error instanceof SystemCallError && error.code === 'ENOPROTOOPT')) throw error;
  }
}

function readAnswer(fd: number, what: string): DataView | undefined {
  const answer = new DataView(answerBuffer.slice(0, readSync(fd, answerBuffer)).buffer);
  const errno = errnoOf(answer);
  if (errno === undefined || errno === 0) return answer;
  if (errno === ENODEV) return undefined;
  throw refusal(answer, what, errno);
}

async function readDump(fd: number, what: string): Promise<Dump> {
  const bodies: DataView[] = [];
  let isConsistent = true;
  for (;;) {
    // Reads on a thread of the pool. The kernel lists the next part before it hands over this one.
    const { bytesRead, buffer } = await promisify(read)(fd, {
      buffer: new Uint8Array(BUFFER_LENGTH),
    });
    const part = readPart(buffer.subarray(0, bytesRead), what);
    bodies.push(...part.bodies);
    isConsistent &&= part.isConsistent;
    if (part.isLast) return { bodies, isConsistent };
  }
}

interface DumpPart extends Dump {
  readonly isLast: boolean;
}

/** @param bytes at the beginning of their buffer. @throws SystemCallError */
function readPart(bytes: Uint8Array<ArrayBuffer>, what: string): DumpPart {
  const bodies: DataView[] = [];
  let isConsistent = true;
  for (let at = 0; at + HEADER_LENGTH <= bytes.length;) {
    const size = new DataView(bytes.buffer).getUint32(at, true);
    const answer = new DataView(bytes.buffer, at, size);
    if ((answer.getUint16(FLAGS_AT, true) & NLM_F_DUMP_INTR) !== 0) isConsistent = false;
    if (answer.getUint16(TYPE_AT, true) === NLMSG_DONE) {
      return { bodies, isConsistent, isLast: true };
    }
    const errno = errnoOf(answer);
    if (errno !== undefined) throw refusal(answer, what, errno);
    bodies.push(new DataView(bytes.buffer, at + HEADER_LENGTH, size - HEADER_LENGTH));
    at += padded(size);
  }
  return { bodies, isConsistent, isLast: false };
}

/** Returns undefined if the answer does not report success or failure. */
function errnoOf(answer: DataView): number | undefined {
  if (answer.getUint16(TYPE_AT, true) !== NLMSG_ERROR) return undefined;
  return -answer.getInt32(ERROR_AT, true);
}

function refusal(answer: DataView, what: string, errno: number): SystemCallError {
  const flags = answer.getUint16(FLAGS_AT, true);
  if ((flags & NLM_F_ACK_TLVS) === 0) return new SystemCallError(what, errno);
  const words = REQUEST_AT + padded(answer.getUint32(REQUEST_AT, true));
  return new SystemCallError(what, errno, textIn(answer, words, NLMSGERR_ATTR_MSG));
}
