/**
 * Makes the system calls that Node does not offer. This is the only file that uses koffi.
 *
 * Every call is synchronous and runs on the calling thread. setns changes one thread only. So
 * koffi's asynchronous calls, which run on another thread, are never used. The code lays out
 * structures itself, in buffers outside the JavaScript heap. So addresses inside them stay valid.
 * The layouts are those of 64-bit little-endian Linux. They are the same for glibc and musl.
 */
import * as koffi from 'koffi';

type Native = (...args: readonly unknown[]) => number;
type Bytes = Uint8Array<ArrayBuffer>;

const library = koffi.load(null);
const bind = (definition: string): Native => library.func(definition);

const native = {
  socket: bind('int socket(int domain, int type, int protocol)'),
  bind: bind('int bind(int fd, void *address, unsigned int length)'),
  getsockname: bind('int getsockname(int fd, void *address, void *length)'),
  setsockopt: bind('int setsockopt(int fd, int level, int name, void *value, unsigned int length)'),
  getsockopt: bind('int getsockopt(int fd, int level, int name, void *value, void *length)'),
  // Declared with three fixed arguments. On x64 and arm64 Linux a variadic call passes them alike.
  ioctl: bind('int ioctl(int fd, unsigned long request, void *argument)'),
  send: bind('long send(int fd, void *bytes, unsigned long length, int flags)'),
  sendto: bind(
    'long sendto(int fd, void *bytes, unsigned long length, int flags, void *to, unsigned int size)',
  ),
  recvmsg: bind('long recvmsg(int fd, void *message, int flags)'),
  setns: bind('int setns(int fd, int kind)'),
  clock_gettime: bind('int clock_gettime(int clock, void *result)'),
  fstatfs: bind('int fstatfs(int fd, void *result)'),
  mount: bind('int mount(str source, str target, str type, unsigned long flags, void *data)'),
};

/**
 * A failed system call. `errno` is the number of the error, `code` its name. Where the kernel also
 * gave a reason in words, the message has it.
 */
export class SystemCallError extends Error {
  override readonly name = 'SystemCallError';
  readonly call: string;
  readonly errno: number;
  readonly code: string;

  constructor(call: string, errno: number, words?: string) {
    const code = errnoName(errno);
    super(`${call}: ${code}${words === undefined ? '' : ` (${words})`}`);
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}

/**
 * Returns the name of an errno number, such as ENETDOWN. Returns its digits if libc has no name for
 * it.
 */
function errnoName(errno: number): string {
  return errnoNames.get(errno) ?? `errno ${errno}`;
}

/**
 * Made once, because a call that fails is common: a link is looked for, and has gone. Of two names
 * of one number it has the first.
 */
const errnoNames: ReadonlyMap<number, string> = new Map(
  Object.entries(koffi.os.errno)
    .reverse()
    .map(([name, errno]) => [errno, name]),
);

function checked(call: string, result: number): number {
  if (result < 0) throw new SystemCallError(call, koffi.errno());
  return result;
}

/**
 * Returns zeroed memory at a fixed address. The memory is never inside the garbage-collected heap.
 */
export function fixedBytes(length: number): Bytes {
  return new Uint8Array(new ArrayBuffer(length));
}

/**
 * Returns the address of `bytes`. It is valid as long as the caller keeps a reference to `bytes`.
 */
export function addressOf(bytes: Bytes): bigint {
  return koffi.address(bytes);
}

export function openSocket(domain: number, type: number, protocol: number): number {
  return checked('socket', native.socket(domain, type, protocol));
}

export function bindSocket(fd: number, address: Bytes): void {
  checked('bind', native.bind(fd, address, address.length));
}

/** Fills `address` with the socket's own address. What does not fit is cut off. */
export function readSocketName(fd: number, address: Bytes): void {
  const length = fixedBytes(4);
  new DataView(length.buffer).setUint32(0, address.length, true);
  checked('getsockname', native.getsockname(fd, address, length));
}

export function setSocketOption(fd: number, level: number, name: number, value: Bytes): void {
  checked('setsockopt', native.setsockopt(fd, level, name, value, value.length));
}

/** Reads an option that is a 32-bit integer. Reading SO_ERROR also clears it. */
export function readSocketOption(fd: number, level: number, name: number): number {
  const area = fixedBytes(8);
  const view = new DataView(area.buffer);
  view.setUint32(4, 4, true);
  checked(
    'getsockopt',
    native.getsockopt(fd, level, name, area.subarray(0, 4), area.subarray(4, 8)),
  );
  return view.getInt32(0, true);
}

/**
 * Reads an option that is a structure into `value`. For some options `value` first says what to
 * read.
 */
export function readSocketOptionBytes(fd: number, level: number, name: number, value: Bytes): void {
  const length = fixedBytes(4);
  new DataView(length.buffer).setUint32(0, value.length, true);
  checked('getsockopt', native.getsockopt(fd, level, name, value, length));
}

/** Passes `argument` to the kernel, which may change it. */
export function controlDevice(fd: number, request: number, argument: Bytes): void {
  checked('ioctl', native.ioctl(fd, request, argument));
}

export function sendBytes(fd: number, bytes: Uint8Array): number {
  return checked('send', native.send(fd, bytes, bytes.length, 0));
}

/**
 * Sends one datagram, or drops it if the kernel does not take it now.
 * @param to a struct sockaddr.
 * @returns false if it was dropped.
 */
export function sendOrDrop(fd: number, bytes: Uint8Array, to: Bytes): boolean {
  return native.sendto(fd, bytes, bytes.length, 0, to, to.length) >= 0;
}

/**
 * Receives one message.
 * @param message a struct msghdr.
 * @returns the number of bytes, or undefined if nothing is waiting.
 */
export function receiveMessage(fd: number, message: Bytes, flags: number): number | undefined {
  const length = native.recvmsg(fd, message, flags);
  if (length >= 0) return length;
  const errno = koffi.errno();
  if (errno === koffi.os.errno['EAGAIN'] || errno === koffi.os.errno['EINTR']) return undefined;
  throw new SystemCallError('recvmsg', errno);
}

/** Moves this thread into the network namespace that `fd` refers to. */
export function enterNetworkNamespace(fd: number): void {
  const CLONE_NEWNET = 0x40000000;
  checked('setns', native.setns(fd, CLONE_NEWNET));
}

/** Fills `result`, a struct timespec. */
export function readClock(clock: number, result: Bytes): void {
  checked('clock_gettime', native.clock_gettime(clock, result));
}

/** Returns the magic number of the file system that has the file of `fd`. */
export function fileSystemMagic(fd: number): number {
  const result = fixedBytes(256); // struct statfs takes 120
  checked('fstatfs', native.fstatfs(fd, result));
  return Number(new DataView(result.buffer).getBigUint64(0, true));
}

/** Makes a bind-mounted file system writable in this mount namespace. */
export function remountWritable(target: string): void {
  const MS_REMOUNT_BIND = 32 | 4096;
  checked('mount', native.mount('none', target, 'none', MS_REMOUNT_BIND, null));
}

/** For `setSocketOption`: an int of this machine. */
export function int32(value: number) {
  const bytes = fixedBytes(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}

/** struct sockaddr_in (ip(7)). @param address of IPv4, as text. */
export function sockaddrIn(address: string, port: number) {
  const AF_INET = 2;
  const bytes = fixedBytes(16);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET, true);
  view.setUint16(2, port); // in network order
  bytes.set(address.split('.').map(Number), 4);
  return bytes;
}

/** A watch over a descriptor, on Node's own event loop. */
export interface ReadinessWatch {
  close(): void;
}

/** The callback that koffi really calls. The status comes first. koffi's types leave it out. */
type PollCallback = (status: number, events: { readable: boolean } | undefined) => void;

/**
 * Calls `onReady` whenever `fd` is readable. Calls `onBroken` if the descriptor has a pending
 * error. libuv has then stopped watching: close this watch, and make another one if the socket is
 * used further. The caller must keep the result. A handle without a reference is collected and
 * makes no more calls.
 */
export function watchReadable(
  fd: number,
  onReady: () => void,
  onBroken: () => void,
): ReadinessWatch {
  const callback: PollCallback = (status) => {
    if (status < 0) onBroken();
    else onReady();
  };
  return koffi.node.poll(fd, { readable: true }, callback as unknown as () => void);
}
