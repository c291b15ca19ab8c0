/**
 * HTTP servers on unix sockets that only root may use. A socket that a killed process left is
 * removed. A socket that another process listens on is not.
 */
import { chmod, mkdir, rm, stat } from 'node:fs/promises';
import type { Server } from 'node:http';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { messageOf, PluginError } from '../vocabulary/errors.ts';

/**
 * unix(7): sun_path has 108 bytes, and the last one is zero. libuv cuts a longer path without an
 * error.
 */
const PATH_LIMIT = 107;

/**
 * Makes the socket with mode 0600, and its folder if that is missing.
 * @throws PluginError SOCKET_FAILED if another process uses the path, or if it cannot be made.
 */
export async function listen(make: () => Server, path: string): Promise<Server> {
  try {
    if (Buffer.byteLength(path) > PATH_LIMIT) throw new Error(`longer than ${PATH_LIMIT} bytes`);
    await mkdir(dirname(path), { recursive: true });
    await removeStale(path);
    const server = make();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      const mask = process.umask(0o177);
      server.listen(path, resolve);
      process.umask(mask);
    });
    await chmod(path, 0o600);
    return server;
  } catch (error) {
    if (error instanceof PluginError) throw error;
    const reason = messageOf(error);
    throw new PluginError('SOCKET_FAILED', `cannot listen on ${path}: ${reason}`, { cause: error });
  }
}

/**
 * Removes the socket that a killed process left: a socket without a listener. A socket with a
 * listener is not ours, even if the listener is too busy to answer. A file of another kind is not
 * ours.
 */
async function removeStale(path: string): Promise<void> {
  const found = await stat(path).catch(({ code }: NodeJS.ErrnoException) => code);
  if (typeof found === 'object') {
    if (!found.isSocket()) throw new Error('what is there is no socket; remove it');
    if (await hasListener(path)) {
      throw new PluginError(
        'SOCKET_FAILED',
        `another process already listens on ${path}; is vlandhcp running both as a service and as a managed plugin? Stop one of the two`,
      );
    }
  } else if (found !== 'ENOENT') {
    throw new Error(found);
  }
  await rm(path, { force: true }); // the socket, or a symbolic link to a socket or to nothing
}

async function hasListener(path: string): Promise<boolean> {
  const trouble = await new Promise<string | undefined>((resolve) => {
    const probe = connect(path);
    probe.once('connect', () => resolve((probe.destroy(), undefined)));
    probe.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code));
  });
  return trouble !== 'ECONNREFUSED' && trouble !== 'ENOENT';
}

/** Stops listening, and lets running requests finish. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}
