/**
 * Runs a function inside another network namespace, and returns before anything else runs.
 *
 * setns changes the calling thread, which is the thread that runs all JavaScript. So everything
 * here is synchronous. A process that cannot return to its own namespace must end at once. Else it
 * would serve Docker from inside a container's network.
 */
import { closeSync, openSync, readlinkSync } from 'node:fs';

import { PluginError } from '../../vocabulary/errors.ts';
import { enterNetworkNamespace, fileSystemMagic, SystemCallError } from '../libc.ts';

const NSFS_MAGIC = 0x6e736673; // linux/magic.h
const OWN_NAMESPACE = '/proc/thread-self/ns/net';

/** Names the network namespace in which this thread is now: `net:[4026531840]`. */
export function ownNamespace(): string {
  return readlinkSync(OWN_NAMESPACE);
}

/** Why a namespace could not be entered. It is in `PluginError.evidence.reason`. */
export type NamespaceTrouble =
  | 'missing' // no such file: the container is gone
  | 'not-a-namespace' // a file on which we see no mounted namespace
  | 'refused'; // the kernel's answer is in `cause`

/**
 * Returns the result of `fn`, run inside the network namespace at `path`. `fn` must do all its work
 * before it returns. A promise, callback or thread that it starts would run in another namespace.
 * @throws PluginError SOCKET_FAILED with a NamespaceTrouble in `evidence.reason` if the namespace
 * cannot be entered; whatever `fn` throws.
 */
export function inNetns<Result>(path: string, fn: () => Result): Result {
  const target = openNamespace(path);
  try {
    const home = openSync(OWN_NAMESPACE, 'r');
    try {
      enter(target, path);
      try {
        return fn();
      } finally {
        comeBack(home);
      }
    } finally {
      closeSync(home);
    }
  } finally {
    closeSync(target);
  }
}

function openNamespace(path: string): number {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (cause) {
    const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw trouble(
      isMissing ? 'missing' : 'refused',
      isMissing
        ? `network namespace ${path} does not exist; its container is gone`
        : `network namespace ${path} cannot be opened: ${(cause as Error).message}`,
      path,
      cause,
    );
  }
  try {
    if (fileSystemMagic(fd) === NSFS_MAGIC) return fd;
  } catch (cause) {
    closeSync(fd);
    throw trouble('refused', `network namespace ${path} cannot be examined`, path, cause);
  }
  closeSync(fd);
  throw trouble(
    'not-a-namespace',
    `${path} is a file without a network namespace mounted on it; the mounts that dockerd makes do not ` +
      'reach this process (make the mount below it shared: mount --make-rshared /)',
    path,
    undefined,
  );
}

function enter(target: number, path: string): void {
  try {
    enterNetworkNamespace(target);
  } catch (cause) {
    const why = cause instanceof SystemCallError ? cause.code : String(cause);
    throw trouble(
      'refused',
      `network namespace ${path} cannot be entered: setns says ${why} (it needs CAP_SYS_ADMIN)`,
      path,
      cause,
    );
  }
}

function comeBack(home: number): void {
  try {
    enterNetworkNamespace(home);
  } catch {
    process.abort();
  }
}

function trouble(
  reason: NamespaceTrouble,
  message: string,
  path: string,
  cause: unknown,
): PluginError {
  return new PluginError('SOCKET_FAILED', message, { cause, evidence: { reason, path } });
}
