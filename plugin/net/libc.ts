/**
 * The system calls that Node does not offer, called through koffi: the only file that knows koffi.
 *
 * Every call is synchronous and runs on the calling thread (setns changes one thread only, so koffi's
 * asynchronous calls, which run elsewhere, are never used). Structures are laid out by hand in
 * buffers that live outside the JavaScript heap, so that addresses inside them stay valid. Layouts are
 * those of 64-bit little-endian Linux, the same for glibc and musl.
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
  // Declared with three fixed arguments: on x64 and arm64 Linux a variadic call passes them alike.
  ioctl: bind('int ioctl(int fd, unsigned long request, void *argument)'),
  send: bind('long send(int fd, void *bytes, unsigned long length, int flags)'),
  recvmsg: bind('long recvmsg(int fd, void *message, int flags)'),
  setns: bind('int setns(int fd, int kind)'),
  clock_gettime: bind('int clock_gettime(int clock, void *result)'),
  fstatfs: bind('int fstatfs(int fd, void *result)'),
  mount: bind('int mount(str source, str target, str type, unsigned long flags, void *data)'),
};

/** A failed system call: `errno` is its number, `code` its name; the kernel may also have said why, in words. */
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

/** The name of an errno number, such as ENETDOWN; its digits if libc knows none. */
function errnoName(errno: number): string {
  const found = Object.entries(koffi.os.errno).find(([, value]) => value === errno);
  return found === undefined ? `errno ${errno}` : found[0];
}

function checked(call: string, result: number): number {
  if (result < 0) throw new SystemCallError(call, koffi.errno());
  return result;
}

/** Zeroed memory at a fixed address: never inside the garbage-collected heap. */
export function fixedBytes(length: number): Bytes {
  return new Uint8Array(new ArrayBuffer(length));
}

/** Where `bytes` lies; valid as long as the caller keeps a reference to it. */
export function addressOf(bytes: Bytes): bigint {
  return koffi.address(bytes);
}

export function openSocket(domain: number, type: number, protocol: number): number {
  return checked('socket', native.socket(domain, type, protocol));
}

export function bindSocket(fd: number, address: Bytes): void {
  checked('bind', native.bind(fd, address, address.length));
}

/** Fills `address` with the socket's own address, as far as it reaches. */
export function readSocketName(fd: number, address: Bytes): void {
  const length = fixedBytes(4);
  new DataView(length.buffer).setUint32(0, address.length, true);
  checked('getsockname', native.getsockname(fd, address, length));
}

export function setSocketOption(fd: number, level: number, name: number, value: Bytes): void {
  checked('setsockopt', native.setsockopt(fd, level, name, value, value.length));
}

/** A 32-bit integer option. Reading SO_ERROR also clears it. */
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

/** An option that is a structure: fills `value`, which may say what is asked for. */
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

/** @returns bytes received, or undefined when nothing is waiting. @param message a struct msghdr. */
export function receiveMessage(fd: number, message: Bytes, flags: number): number | undefined {
  const length = native.recvmsg(fd, message, flags);
  if (length >= 0) return length;
  const errno = koffi.errno();
  if (errno === koffi.os.errno['EAGAIN'] || errno === koffi.os.errno['EINTR']) return undefined;
  throw new SystemCallError('recvmsg', errno);
}

/** Moves this thread into the network namespace that `fd` stands for. */
export function enterNetworkNamespace(fd: number): void {
  const CLONE_NEWNET = 0x40000000;
  checked('setns', native.setns(fd, CLONE_NEWNET));
}

/** Fills `result`, a struct timespec. */
export function readClock(clock: number, result: Bytes): void {
  checked('clock_gettime', native.clock_gettime(clock, result));
}

/** The magic number of the file system that `fd` lies on. */
export function fileSystemMagic(fd: number): number {
  const result = fixedBytes(256); // struct statfs takes 120
  checked('fstatfs', native.fstatfs(fd, result));
  return Number(new DataView(result.buffer).getBigUint64(0, true));
}

/** Makes a bind-mounted file system of this mount namespace writable. */
export function remountWritable(target: string): void {
  const MS_REMOUNT_BIND = 32 | 4096;
  checked('mount', native.mount('none', target, 'none', MS_REMOUNT_BIND, null));
}

/** Watches a descriptor on Node's own event loop. */
export interface ReadinessWatch {
  close(): void;
}

/** The callback koffi really makes: the status comes first (its typings leave it out). */
type PollCallback = (status: number, events: { readable: boolean } | undefined) => void;

/**
 * Calls `onReady` whenever `fd` is readable. After `onBroken` (the descriptor has a pending error)
 * libuv has stopped watching: close this watch, and make another one if the socket lives on.
 * The caller must keep the result: an unreferenced handle is collected and goes silent.
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
